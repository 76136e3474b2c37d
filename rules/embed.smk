rule embed_shard:
    """Embed the records of one shard with one backend, on one leased GPU or on the CPU."""
    input:
        table=paths.SHARD["table"],
        letters=of(PATHS.sequences),
        # The same weights fetched again change nothing; others lie in another folder.
        model=ancient(of(PATHS.model)),
    output:
        paths.EMBEDDING,
    log:
        "logs/embed/{backend}/{cut}/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/embed/{backend}/{cut}/{sample}/{shard}.tsv"
    wildcard_constraints:
        backend=one_of(SETTINGS.backends.keys() - SETTINGS.kmer_backends()),
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("embed_shard", NEEDS.memory_to_embed),
        gpu=1,
        nodes=1,
    params:
        model=of(PATHS.model_folder),
        engine=ENGINE_VERSION,
        # One param: Snakemake compares values, not names, so two that are exchanged look the same.
        options=of(OPTIONS.embed),
        prefix=subpath(input.table, strip_suffix=".parquet"),
        work="work/embed/{backend}/{cut}/{sample}/{shard}",
    shell:
        "gpu_lease.py --gpus {resources.gpu} -- embed.py --model {params.model}"
        " --shard {params.prefix} {params.options} --threads {threads} --work {params.work}"
        " --out {output} 2> {log}"


rule count_kmers:
    """Embed the frames of one shard by their 4-mers, without a model or a GPU."""
    input:
        table=paths.SHARD["table"],
        letters=paths.SHARD["dna"],
    output:
        paths.EMBEDDING,
    log:
        "logs/embed/{backend}/{cut}/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/embed/{backend}/{cut}/{sample}/{shard}.tsv"
    wildcard_constraints:
        backend=one_of(SETTINGS.kmer_backends()),
    group:
        packed("finish")
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("count_kmers", NEEDS.memory_to_count_kmers),
        in_turn=1,
    params:
        engine=ENGINE_VERSION,
        store=SETTINGS["embed"]["store"],
        prefix=subpath(input.table, strip_suffix=".parquet"),
    shell:
        "count_kmers.py --backend {wildcards.backend} --shard {params.prefix} --store {params.store}"
        " --out {output} 2> {log}"


use rule embed_shard as embed_residues with:
    input:
        table=paths.PROTEINS["table"],
        letters=paths.PROTEINS["protein"],
        model=ancient(of(PATHS.model)),
    output:
        paths.RESIDUES,
    log:
        "logs/residues/{backend}/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/residues/{backend}/{sample}/{shard}.tsv"
    resources:
        **asking("embed_residues", NEEDS.memory_to_embed_residues),
        gpu=1,
        nodes=1,
    params:
        model=of(PATHS.model_folder),
        engine=ENGINE_VERSION,
        options=f"{OPTIONS.embed(WHOLE)} --residues",
        prefix=subpath(input.table, strip_suffix=".parquet"),
        work="work/residues/{backend}/{sample}/{shard}",


rule records:
    """List what became of each record of a protein sample."""
    input:
        unpack(of(PATHS.records_inputs)),
    output:
        paths.RECORDS,
    log:
        "logs/records/{backend}/{sample}.log",
    benchmark:
        "results/benchmarks/records/{backend}/{sample}.tsv"
    group:
        packed_if_few
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("records", NEEDS.memory_to_list_records),
        in_turn=1,
    shell:
        "records.py --contigs {input.contigs} --frames @<(lines {input.frames:q})"
        " --embeddings @<(lines {input.embeddings:q}) --out {output} 2> {log}"
