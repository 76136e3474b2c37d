rule fuse:
    """Put the embeddings of one shard side by side."""
    input:
        table=paths.SHARD["table"],
        embeddings=of(PATHS.fusion_inputs),
    output:
        paths.FUSED,
    log:
        "logs/fuse/{fusion}/{cut}/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/fuse/{fusion}/{cut}/{sample}/{shard}.tsv"
    group:
        packed("finish")
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("fuse", NEEDS.memory_to_fuse),
        in_turn=1,
    params:
        # The same files in another order are other columns, which the set of inputs does not tell.
        backends=of(lambda fusion: SETTINGS["fusions"][fusion]),
    shell:
        "fuse.py --fusion {wildcards.fusion} --frames {input.table}"
        " --embeddings {input.embeddings} --out {output} 2> {log}"
