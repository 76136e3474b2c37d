rule genes:
    """Read the annotation of a sample into an index of its genes; it is read here alone."""
    input:
        only(GENE_PATHS.annotated()),
        annotation=of(PATHS.annotation_from_rules),
        records=paths.INDEX["records"],
    output:
        gene_paths.GENES,
    log:
        "logs/annotate/genes/{sample}.log",
    benchmark:
        "results/benchmarks/annotate/genes/{sample}.tsv"
    group:
        packed("prepare")
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("genes", NEEDS.memory_to_read_genes),
        in_turn=1,
    params:
        content=of(lambda sample: content_checksum(SETTINGS, row_of(sample).annotation)),
        annotation=untracked(PATHS.annotation),
        version=BAKE_VERSION,
    shell:
        "genes.py --annotation @<(lines {params.annotation:q}) --records {input.records}"
        " --out {output} 2> {log}"
