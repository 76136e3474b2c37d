rule fetch_model:
    """Put checked weights into models/; the only rule beside `download` that may touch the network."""
    output:
        config="models/{backend}/{model}/config.json",
        weights="models/{backend}/{model}/model.safetensors",
        tokenizer="models/{backend}/{model}/tokenizer.json",
        card="models/{backend}/{model}/model.json",
    log:
        "logs/fetch_model/{backend}/{model}.log",
    benchmark:
        "results/benchmarks/fetch_model/{backend}/{model}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        # Of no effect on what is there: a function of `output` is not compared between runs.
        source=model_flags,
    shell:
        "fetch_model.py --backend {wildcards.backend} {params.source}"
        " --lock models/lock.json --out models/{wildcards.backend}/{wildcards.model} 2> {log}"
