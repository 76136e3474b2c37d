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
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        gpu=1,
        nodes=1,
        mem_mb=growing(NEEDS.memory_to_embed),
        runtime=growing(120),
    params:
        model=of(PATHS.model_folder),
        engine=ENGINE_VERSION,
        dtype=SETTINGS["embed"]["dtype"],
        store=SETTINGS["embed"]["store"],
        too_long=SETTINGS["embed"]["too_long"],
        prefix=subpath(input.table, strip_suffix=".parquet"),
    shell:
        "gpu_lease.py --gpus {resources.gpu} -- embed.py --model {params.model}"
        " --shard {params.prefix} --dtype {params.dtype} --store {params.store}"
        " --too-long {params.too_long} --threads {threads}"
        " --work work/embed/{wildcards.backend}/{wildcards.cut}/{wildcards.sample}/{wildcards.shard}"
        " --out {output} 2> {log}"
