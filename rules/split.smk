rule split:
    """Divide the labeled contigs by groups into train, validation and test, and audit for leaks."""
    input:
        unpack(split_inputs),
    output:
        table="results/splits/{experiment}.parquet",
        audit="results/splits/{experiment}.audit.tsv",
    log:
        "logs/split/{experiment}.log",
    benchmark:
        "results/benchmarks/split/{experiment}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(2000 + genome_mb(SETTINGS, SETTINGS.labeled())),
        runtime=growing(60),
    params:
        samples=labeled_samples,
        content=content_of_labels,
        recipe=lambda wildcards: flags(experiment_of(wildcards)["split"]),
        version=LEARN_VERSION,
        contigs=lambda wildcards: f"results/contigs/{experiment_of(wildcards)['cut']}",
    shell:
        "split.py --experiment {wildcards.experiment} --samples @<(lines {params.samples:q})"
        " --contigs {params.contigs} --genomes results/genomes"
        " {params.recipe} --out {output.table} --audit {output.audit} 2> {log}"
