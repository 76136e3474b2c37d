wildcard_constraints:
    program="[a-z0-9_]+",


rule score_genes:
    """Compare the genes of a program with the annotation, base by base, exon by exon and gene by gene."""
    input:
        records=paths.INDEX["records"],
        genes=gene_paths.GENES,
        prediction=gene_paths.GENE_PREDICTION["gff"],
    output:
        **gene_paths.GENE_SCORES,
    log:
        "logs/annotate/scores/{program}/{sample}.log",
    benchmark:
        "results/benchmarks/annotate/scores/{program}/{sample}.tsv"
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("score_genes", NEEDS.memory_to_score_genes),
    params:
        biotypes=SETTINGS["annotate"]["biotypes"],
        held_out=of(OPTIONS.held_out),
        version=BAKE_VERSION,
    shell:
        "evaluate_genes.py --genes {input.genes} --prediction {input.prediction} --records {input.records}"
        " --sample {wildcards.sample} --program {wildcards.program} --biotypes {params.biotypes}"
        " {params.held_out} --out {output.table} --locus {output.locus} 2> {log}"


rule join_gene_scores:
    """All programs and samples in one table, with the completeness of proteins where BUSCO ran."""
    input:
        scores=GENE_PATHS.gene_scores("table"),
        busco=GENE_PATHS.buscos(),
    output:
        gene_paths.ALL_GENE_SCORES,
    log:
        "logs/annotate/scores.log",
    benchmark:
        "results/benchmarks/annotate/scores.tsv"
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("join_gene_scores", NEEDS.memory_to_compare),
    params:
        words=options({"scores": GENE_PATHS.gene_scores("table"), "busco": GENE_PATHS.buscos()}),
        version=BAKE_VERSION,
    shell:
        "join_gene_scores.py {params.words} --out {output} 2> {log}"


rule gene_proteins:
    """Translate the genes of a program, or those of the annotation."""
    input:
        only(GENE_PATHS.annotated()),
        genome=paths.GENOME["genome"],
        genes=of(GENE_PATHS.genes_for_proteins),
    output:
        gene_paths.GENE_PROTEINS,
    log:
        "logs/annotate/proteins/{program}/{sample}.log",
    benchmark:
        "results/benchmarks/annotate/proteins/{program}/{sample}.tsv"
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("gene_proteins", NEEDS.memory_to_translate_genes),
    params:
        genetic_code=of(lambda sample: row_of(sample).genetic_code),
        version=BAKE_VERSION,
    shell:
        "gene_proteins.py --genes {input.genes} --genome {input.genome}"
        " --genetic-code {params.genetic_code} --out {output} 2> {log}"


rule busco:
    """How complete the proteins are by BUSCO, which must be installed; without the network."""
    input:
        proteins=gene_paths.GENE_PROTEINS,
    output:
        gene_paths.BUSCO,
    log:
        "logs/annotate/busco/{program}/{sample}.log",
    benchmark:
        "results/benchmarks/annotate/busco/{program}/{sample}.tsv"
    conda:
        "../../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("busco", NEEDS.memory_to_run_busco),
    params:
        lineage=of(lambda sample: SETTINGS["annotate"]["busco"][sample]),
        version=BAKE_VERSION,
    shell:
        "check_busco.py --proteins {input.proteins} --lineage {params.lineage:q}"
        " --sample {wildcards.sample} --program {wildcards.program} --threads {threads}"
        " --out {output} 2> {log}"


rule gene_report:
    """What was baked and how the genes of other programs compare, on one page."""
    input:
        unpack(of(GENE_PATHS.gene_report_inputs)),
        baked=GENE_PATHS.baked_set().values(),
        logs=GENE_PATHS.logs(),
    output:
        **gene_paths.GENE_REPORT,
    log:
        "logs/annotate/report.log",
    benchmark:
        "results/benchmarks/annotate/report.tsv"
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("gene_report", NEEDS.memory_to_start),
    params:
        title=SETTINGS["title"],
        words=of(OPTIONS.gene_report),
        version=BAKE_VERSION,
    shell:
        "gene_report.py --title={params.title:q} @<(lines {params.words:q})"
        " --out {output.page} --summary {output.summary} 2> {log}"
