rule split:
    """Divide the labeled contigs by groups into train, validation and test, and audit for leaks."""
    input:
        unpack(of(PATHS.split_inputs)),
    output:
        **paths.SPLIT,
    log:
        "logs/split/{experiment}.log",
    benchmark:
        "results/benchmarks/split/{experiment}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("split", NEEDS.memory_to_split),
    params:
        samples=untracked(OPTIONS.samples_to_split),
        content=of(lambda: labels_checksum(SETTINGS)),
        recipe=of(OPTIONS.split),
        version=LEARN_VERSION,
    shell:
        "split.py --experiment {wildcards.experiment} --samples @<(lines {params.samples:q})"
        " --contigs @<(lines {input.contigs:q}) --genomes @<(lines {input.genomes:q})"
        " {params.recipe} --out {output.table} --audit {output.audit}"
        " --leaks {output.leaks} 2> {log}"
