rule fuse:
    """Put the embeddings of one shard side by side."""
    input:
        table="results/shards/{cut}/{sample}/{shard}.parquet",
        embeddings=lambda wildcards: expand(
            "results/embeddings/{backend}/{{cut}}/{{sample}}/{{shard}}.safetensors",
            backend=SETTINGS["fusions"][wildcards.fusion],
        ),
    output:
        "results/fused/{fusion}/{cut}/{sample}/{shard}.safetensors",
    log:
        "logs/fuse/{fusion}/{cut}/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/fuse/{fusion}/{cut}/{sample}/{shard}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(
            lambda wildcards: 1000 + 3 * shard_mb(wildcards, SETTINGS["fusions"][wildcards.fusion])
        ),
        runtime=growing(10),
    params:
        # The same files in another order are other columns, which the set of inputs does not tell.
        backends=lambda wildcards: SETTINGS["fusions"][wildcards.fusion],
    shell:
        "fuse.py --fusion {wildcards.fusion} --frames {input.table}"
        " --embeddings {input.embeddings} --out {output} 2> {log}"
