if SETTINGS["simulate"]:

    rule simulate:
        """Write the demo genomes, their annotation and the query contigs from a seed."""
        output:
            expand(
                "resources/demo/{sample}.{kind}",
                sample=["viral", "bacteria", "fungi"],
                kind=["fa.gz", "gff3.gz", "gbff.gz", "groups.tsv"],
            ),
            query="resources/demo/query.fa.gz",
            truth="resources/demo/query.truth.tsv",
            proteins="resources/demo/proteins.faa",
        log:
            "logs/simulate.log",
        benchmark:
            "results/benchmarks/simulate.tsv"
        conda:
            "../envs/seqloom.yaml"
        resources:
            **asking("simulate", NEEDS.memory_to_start),
        params:
            seed=SETTINGS["simulate"]["seed"],
        shell:
            "simulate.py --seed {params.seed} --out resources/demo 2> {log}"

    rule simulate_annotated:
        """Write the annotated genomes of the demo of gene annotation from a seed."""
        output:
            expand(
                "resources/demo/annotated/{sample}.{kind}",
                sample=["bacterium", "yeast"],
                kind=["fa.gz", "gff3.gz"],
            ),
        log:
            "logs/simulate_annotated.log",
        benchmark:
            "results/benchmarks/simulate_annotated.tsv"
        conda:
            "../envs/seqloom.yaml"
        resources:
            **asking("simulate_annotated", NEEDS.memory_to_start),
        params:
            seed=SETTINGS["simulate"]["seed"],
        shell:
            "simulate_annotated.py --seed {params.seed} --out resources/demo/annotated 2> {log}"


rule index:
    """Check a sample record by record; store it as indexed bgzip with one row per record."""
    input:
        only(SETTINGS.samples),
        of(PATHS.fasta_from_rules),
    output:
        **paths.INDEX,
    log:
        "logs/index/{sample}.log",
    benchmark:
        "results/benchmarks/index/{sample}.tsv"
    group:
        packed("prepare")
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("index", NEEDS.memory_to_index),
        in_turn=1,
    params:
        molecule=of(lambda sample: row_of(sample).molecule),
        # In place of the files themselves: their paths and times do not count.
        content=of(lambda sample: content_checksum(SETTINGS, row_of(sample).fasta)),
        fasta=untracked(PATHS.fasta),
        version=CUT_VERSION,
    shell:
        "index.py --sample {wildcards.sample} --molecule {params.molecule}"
        " --fasta @<(lines {params.fasta:q}) --genome {output.genome} --records {output.records} 2> {log}"


rule coding:
    """Read the coding sequences of an annotated sample into one table."""
    input:
        only(name for name, row in SETTINGS.samples.items() if row.annotation_cell),
        annotation=of(PATHS.annotation_from_rules),
        records=paths.INDEX["records"],
    output:
        paths.CODING,
    log:
        "logs/coding/{sample}.log",
    benchmark:
        "results/benchmarks/coding/{sample}.tsv"
    group:
        packed("prepare")
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("coding", NEEDS.memory_to_read_annotation),
        in_turn=1,
    params:
        content=of(lambda sample: content_checksum(SETTINGS, row_of(sample).annotation)),
        annotation=untracked(PATHS.annotation),
        genetic_code=of(lambda sample: row_of(sample).genetic_code),
        version=CUT_VERSION,
    shell:
        "coding.py --annotation @<(lines {params.annotation:q}) --records {input.records}"
        " --genetic-code {params.genetic_code} --out {output} 2> {log}"


rule plan:
    """Find the frames of every window under a cut, choose those that are used, and count them."""
    input:
        **paths.GENOME,
        records=paths.INDEX["records"],
        coding=of(PATHS.coding),
    output:
        **paths.PLAN,
    log:
        "logs/plan/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/plan/{cut}/{sample}.tsv"
    group:
        packed("prepare")
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("plan", NEEDS.memory_to_plan),
        in_turn=1,
    params:
        cut=of(OPTIONS.plan),
        version=CUT_VERSION,
    shell:
        "plan.py --records {input.records} --genome {input.genome} {params.cut}"
        " --contigs {output.contigs} --out {output.plan} 2> {log}"


rule frames:
    """Read one shard's windows of a DNA sample in six frames."""
    input:
        only(SETTINGS.of_molecule("dna")),
        **paths.GENOME,
        plan=paths.PLAN["plan"],
    output:
        **paths.SHARD,
    log:
        "logs/frames/{cut}/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/frames/{cut}/{sample}/{shard}.tsv"
    wildcard_constraints:
        cut=one_of(SETTINGS["cuts"]),
    group:
        packed("prepare")
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("frames", NEEDS.memory_to_cut),
        in_turn=1,
    params:
        cut=of(OPTIONS.cut),
        version=CUT_VERSION,
        prefix=subpath(output.table, strip_suffix=".parquet"),
    shell:
        "frames.py --genome {input.genome} --plan {input.plan} --sample {wildcards.sample}"
        " --cut-name {wildcards.cut} {params.cut} --shard {wildcards.shard}"
        " --out {params.prefix} 2> {log}"


rule proteins:
    """Take one shard's proteins of a protein sample, whole."""
    input:
        only(SETTINGS.of_molecule("protein")),
        **paths.GENOME,
        plan=paths.PLAN["plan"].replace("{cut}", WHOLE),
    output:
        **paths.PROTEINS,
    log:
        "logs/proteins/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/proteins/{sample}/{shard}.tsv"
    group:
        packed("prepare")
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("proteins", NEEDS.memory_to_take_proteins),
        in_turn=1,
    params:
        version=CUT_VERSION,
        prefix=subpath(output.table, strip_suffix=".parquet"),
    shell:
        "proteins.py --genome {input.genome} --plan {input.plan} --sample {wildcards.sample}"
        " --shard {wildcards.shard} --out {params.prefix} 2> {log}"
