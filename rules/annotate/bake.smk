ANNOTATED = {"sample": one_of(GENE_PATHS.annotated()), "run": one_of([SETTINGS["annotate"]["run"]])}


rule parts:
    """Say which stretches of the contigs are held out; groups and equal sequences are not divided."""
    input:
        **GENE_PATHS.parts_inputs(),
    output:
        gene_paths.PARTS,
    log:
        "logs/annotate/parts/{run}.log",
    benchmark:
        "results/benchmarks/annotate/parts/{run}.tsv"
    wildcard_constraints:
        **ANNOTATED,
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("parts", NEEDS.memory_to_divide),
    params:
        samples=untracked(OPTIONS.samples_to_divide),
        content=of(lambda: groups_checksum(SETTINGS)),
        places=of(OPTIONS.parts),
        version=BAKE_VERSION,
    shell:
        "parts.py --samples @<(lines {params.samples:q}) --records @<(lines {input.records:q})"
        " {params.places} --out {output} 2> {log}"


rule bake:
    """Bake a species: its windows with their genes, tokenized, as shards of WebDataset."""
    input:
        **paths.GENOME,
        genes=gene_paths.GENES,
        model=ancient(PATHS.model(SETTINGS["annotate"]["backend"])),
    output:
        directory(gene_paths.BAKED),
    log:
        "logs/annotate/bake/{run}/{sample}.log",
    benchmark:
        "results/benchmarks/annotate/bake/{run}/{sample}.tsv"
    wildcard_constraints:
        **ANNOTATED,
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("bake", NEEDS.memory_to_bake),
    params:
        tokenizer=PATHS.tokenizer(SETTINGS["annotate"]["backend"]),
        recipe=of(OPTIONS.bake),
        version=BAKE_VERSION,
    shell:
        "bake.py --sample {wildcards.sample} --genome {input.genome} --genes {input.genes}"
        " --tokenizer {params.tokenizer} {params.recipe} --out {output} 2> {log}"


rule bake_set:
    """Complete a baked set: sums, held-out genes, the audit for leaks, tokenizer and settings."""
    input:
        species=GENE_PATHS.baked_species(),
        parts=GENE_PATHS.parts(),
        model=ancient(PATHS.model(SETTINGS["annotate"]["backend"])),
    output:
        **GENE_PATHS.baked_set(),
    log:
        f"logs/annotate/bake_set/{SETTINGS['annotate']['run']}.log",
    benchmark:
        f"results/benchmarks/annotate/bake_set/{SETTINGS['annotate']['run']}.tsv"
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("bake_set", NEEDS.memory_to_complete_baked_set),
    params:
        tokenizer=PATHS.tokenizer(SETTINGS["annotate"]["backend"]),
        recipe=of(OPTIONS.bake_set),
        version=BAKE_VERSION,
        folder=subpath(output.stats, parent=True),
    shell:
        "bake_set.py --species @<(lines {input.species:q}) --parts {input.parts}"
        " --tokenizer {params.tokenizer} {params.recipe} --out {params.folder} 2> {log}"
