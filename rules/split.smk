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
        mem_mb=lambda wildcards, input, attempt: (2000 + 4 * input.size_mb) * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        samples=labeled_samples(),
        recipe=lambda wildcards: flags(experiment_of(wildcards)["split"]),
        version=LEARN_VERSION,
        contigs=lambda wildcards: f"results/contigs/{experiment_of(wildcards)['cut']}",
    shell:
        "split.py --experiment {wildcards.experiment} --samples {params.samples:q}"
        " --contigs {params.contigs} --genomes results/genomes"
        " {params.recipe} --out {output.table} --audit {output.audit} 2> {log}"
