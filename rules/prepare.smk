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
            mem_mb=growing(2000),
            runtime=growing(10),
        params:
            seed=SETTINGS["simulate"]["seed"],
        shell:
            "simulate.py --seed {params.seed} --out resources/demo 2> {log}"


rule index:
    """Check a sample record by record; store it as indexed bgzip with one row per record."""
    input:
        lambda wildcards: made_here(sample_row(wildcards).fasta),
    output:
        genome="results/genomes/{sample}.fa.gz",
        fai="results/genomes/{sample}.fa.gz.fai",
        gzi="results/genomes/{sample}.fa.gz.gzi",
        records="results/genomes/{sample}.tsv",
        card="results/genomes/{sample}.json",
    log:
        "logs/index/{sample}.log",
    benchmark:
        "results/benchmarks/index/{sample}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(lambda wildcards: 10 + letters_mb(wildcards) / 300),
    params:
        molecule=lambda wildcards: sample_row(wildcards).molecule,
        content=lambda wildcards: content(sample_row(wildcards).fasta),
        # A function of `output` is not compared between runs: another path is no other content.
        fasta=lambda wildcards, output: sample_row(wildcards).fasta,
        version=CUT_VERSION,
    shell:
        "index.py --sample {wildcards.sample} --molecule {params.molecule}"
        " --fasta @<(lines {params.fasta:q}) --genome {output.genome} --records {output.records} 2> {log}"


rule coding:
    """Read the coding sequences of an annotated sample into one table."""
    input:
        made=lambda wildcards: made_here(sample_row(wildcards).annotation),
        records="results/genomes/{sample}.tsv",
    output:
        "results/coding/{sample}.parquet",
    log:
        "logs/coding/{sample}.log",
    benchmark:
        "results/benchmarks/coding/{sample}.tsv"
    wildcard_constraints:
        sample=one_of(name for name, row in SETTINGS.samples.items() if row.annotation),
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(lambda wildcards: 2000 + 5 * letters_mb(wildcards)),
        runtime=growing(lambda wildcards: 10 + letters_mb(wildcards) / 10),
    params:
        content=lambda wildcards: content(sample_row(wildcards).annotation),
        annotation=lambda wildcards, output: sample_row(wildcards).annotation,
        genetic_code=lambda wildcards: sample_row(wildcards).genetic_code,
        version=CUT_VERSION,
    shell:
        "coding.py --annotation @<(lines {params.annotation:q}) --records {input.records}"
        " --genetic-code {params.genetic_code} --out {output} 2> {log}"


rule plan:
    """Find the frames of every window under a cut, choose those that are used, and count them."""
    input:
        unpack(plan_inputs),
    output:
        plan="results/plans/{cut}/{sample}.parquet",
        contigs="results/contigs/{cut}/{sample}.tsv",
        card="results/contigs/{cut}/{sample}.json",
    log:
        "logs/plan/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/plan/{cut}/{sample}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(lambda wildcards: 1000 + letters_mb(wildcards) / 3),
        runtime=growing(lambda wildcards: 10 + letters_mb(wildcards) / 60),
    params:
        cut=plan_flags,
        version=CUT_VERSION,
    shell:
        "plan.py --records {input.records} --genome {input.genome} {params.cut}"
        " --contigs {output.contigs} --out {output.plan} 2> {log}"


rule frames:
    """Read one shard's windows of a DNA sample in six frames."""
    input:
        genome="results/genomes/{sample}.fa.gz",
        fai="results/genomes/{sample}.fa.gz.fai",
        gzi="results/genomes/{sample}.fa.gz.gzi",
        plan="results/plans/{cut}/{sample}.parquet",
    output:
        table="results/shards/{cut}/{sample}/{shard}.parquet",
        dna="results/shards/{cut}/{sample}/{shard}.fna",
        protein="results/shards/{cut}/{sample}/{shard}.faa",
    log:
        "logs/frames/{cut}/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/frames/{cut}/{sample}/{shard}.tsv"
    wildcard_constraints:
        sample=one_of(SETTINGS.of_molecule("dna")),
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        cut=cut_flags,
        version=CUT_VERSION,
        prefix=subpath(output.table, strip_suffix=".parquet"),
    shell:
        "frames.py --genome {input.genome} --plan {input.plan} --sample {wildcards.sample}"
        " --cut-name {wildcards.cut} {params.cut} --shard {wildcards.shard}"
        " --out {params.prefix} 2> {log}"


rule proteins:
    """Take one shard's proteins of a protein sample, whole."""
    input:
        genome="results/genomes/{sample}.fa.gz",
        fai="results/genomes/{sample}.fa.gz.fai",
        gzi="results/genomes/{sample}.fa.gz.gzi",
        plan=f"results/plans/{WHOLE}/{{sample}}.parquet",
    output:
        table=f"results/shards/{WHOLE}/{{sample}}/{{shard}}.parquet",
        protein=f"results/shards/{WHOLE}/{{sample}}/{{shard}}.faa",
    log:
        "logs/proteins/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/proteins/{sample}/{shard}.tsv"
    wildcard_constraints:
        sample=one_of(SETTINGS.of_molecule("protein")),
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        version=CUT_VERSION,
        prefix=subpath(output.table, strip_suffix=".parquet"),
    shell:
        "proteins.py --genome {input.genome} --plan {input.plan} --sample {wildcards.sample}"
        " --shard {wildcards.shard} --out {params.prefix} 2> {log}"
