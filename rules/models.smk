rule fetch_model:
    """Put checked weights into models/; the only rule beside `download` that may touch the network."""
    input:
        model_sources,
    output:
        config="models/{backend}/{weights}/config.json",
        weights="models/{backend}/{weights}/model.safetensors",
        tokenizer="models/{backend}/{weights}/tokenizer.json",
        card="models/{backend}/{weights}/model.json",
    log:
        "logs/fetch_model/{backend}/{weights}.log",
    benchmark:
        "results/benchmarks/fetch_model/{backend}/{weights}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        source=model_flags,
        reading=reading,
    shell:
        "fetch_model.py --backend {wildcards.backend} {params.source}"
        " --lock models/lock.json --out models/{wildcards.backend}/{wildcards.weights} 2> {log}"
