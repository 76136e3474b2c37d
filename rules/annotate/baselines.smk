rule predict_pyrodigal:
    """Find the genes of a prokaryote by Pyrodigal, trained on its genome."""
    input:
        only(sample for program, sample in GENE_PATHS.gene_predictions() if program == "pyrodigal"),
        **paths.GENOME,
    output:
        **{
            key: path.replace("{program}", "pyrodigal")
            for key, path in gene_paths.GENE_PREDICTION.items()
        },
    log:
        "logs/annotate/predictions/pyrodigal/{sample}.log",
    benchmark:
        "results/benchmarks/annotate/predictions/pyrodigal/{sample}.tsv"
    conda:
        "../../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("predict_pyrodigal", NEEDS.memory_to_run_pyrodigal),
    params:
        genetic_code=of(lambda sample: row_of(sample).genetic_code),
        version=BAKE_VERSION,
    shell:
        "predict_genes.py --program pyrodigal --genome {input.genome}"
        " --genetic-code {params.genetic_code} --threads {threads} --out {output.gff} 2> {log}"


rule predict_augustus:
    """Find the genes of a eukaryote by AUGUSTUS, which must be installed, contig by contig."""
    input:
        only(sample for program, sample in GENE_PATHS.gene_predictions() if program == "augustus"),
        **paths.GENOME,
    output:
        **{
            key: path.replace("{program}", "augustus")
            for key, path in gene_paths.GENE_PREDICTION.items()
        },
    log:
        "logs/annotate/predictions/augustus/{sample}.log",
    benchmark:
        "results/benchmarks/annotate/predictions/augustus/{sample}.tsv"
    conda:
        "../../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("predict_augustus", NEEDS.memory_to_run_augustus),
    params:
        genetic_code=of(lambda sample: row_of(sample).genetic_code),
        species=of(lambda sample: SETTINGS["annotate"]["augustus_species"][sample]),
        version=BAKE_VERSION,
    shell:
        "predict_genes.py --program augustus --genome {input.genome} --species {params.species:q}"
        " --genetic-code {params.genetic_code} --threads {threads} --out {output.gff} 2> {log}"
