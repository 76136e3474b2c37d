rule predict_sample:
    """Call the contigs of a query sample with one experiment's classifier."""
    input:
        only(SETTINGS.queries()),
        unpack(of(PATHS.predict_inputs)),
        **paths.GENOME,
    output:
        **PATHS.prediction(),
    log:
        "logs/predict/{experiment}/{sample}.log",
    benchmark:
        "results/benchmarks/predict/{experiment}/{sample}.tsv"
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("predict_sample", NEEDS.memory_to_predict),
    params:
        version=CALL_VERSION,
        classifier=of(PATHS.classifier),
        folder=subpath(output.card, parent=True),
        rule=OPTIONS.rule_of_calls(),
        legacy="--legacy" if SETTINGS.has_legacy_calls else "",
    shell:
        "predict.py --classifier {params.classifier:q} --sample {wildcards.sample}"
        " --contigs {input.contigs} --genome {input.genome}"
        " --frames @<(lines {input.frames:q}) --fused @<(lines {input.fused:q})"
        " {params.rule} {params.legacy} --threads {threads} --out {params.folder} 2> {log}"
