rule fetch_model:
    """Put checked weights into models/; the only rule that may touch the network."""
    input:
        demo_sequences,
    output:
        config="models/{backend}/config.json",
        weights="models/{backend}/model.safetensors",
        tokenizer="models/{backend}/tokenizer.json",
        card="models/{backend}/model.json",
    log:
        "logs/fetch_model/{backend}.log",
    benchmark:
        "results/benchmarks/fetch_model/{backend}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        source=model_flags,
    shell:
        "fetch_model.py --backend {wildcards.backend} {params.source}"
        " --lock models/lock.json --out models/{wildcards.backend} 2> {log}"
