rule fetch_model:
    """Put checked weights into models/; the only rule beside `download` that may touch the network."""
    output:
        **paths.MODEL,
    log:
        "logs/fetch_model/{backend}/{model}.log",
    benchmark:
        "results/benchmarks/fetch_model/{backend}/{model}.tsv"
    # Cluster nodes may have no network.
    localrule: True
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("fetch_model", NEEDS.memory_to_fetch),
    params:
        source=untracked(OPTIONS.fetch_model),
        folder=subpath(output.card, parent=True),
    shell:
        "fetch_model.py --backend {wildcards.backend} {params.source}"
        " --lock models/lock.json --out {params.folder} 2> {log}"
