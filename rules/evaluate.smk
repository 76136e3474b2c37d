rule evaluate_classifier:
    """Read the test part once: metrics for frames, windows and contigs."""
    input:
        unpack(of(PATHS.train_inputs)),
        weights=paths.CLASSIFIER["weights"],
        card=paths.CLASSIFIER["card"],
    output:
        **paths.EVALUATION,
    log:
        "logs/evaluate/{experiment}.log",
    benchmark:
        "results/benchmarks/evaluate/{experiment}.tsv"
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("evaluate_classifier", NEEDS.memory_to_evaluate),
    params:
        version=LEARN_VERSION,
        classifier=subpath(input.card, parent=True),
        folder=subpath(output.metrics, parent=True),
    shell:
        "evaluate.py --classifier {params.classifier} --split {input.split}"
        " --frames @<(lines {input.frames:q}) --fused @<(lines {input.fused:q})"
        " --threads {threads} --out {params.folder} 2> {log}"


rule compare:
    """All experiments in one table and one figure."""
    input:
        expand(
            [paths.EVALUATION[name] for name in ("metrics", "contigs", "predictions")],
            experiment=SETTINGS["experiments"],
        ),
    output:
        **paths.COMPARISON,
    log:
        "logs/compare.log",
    benchmark:
        "results/benchmarks/compare.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("compare", NEEDS.memory_to_compare),
    params:
        folders=PATHS.evaluation_folders(),
        weights=OPTIONS.compare(),
        version=LEARN_VERSION,
    shell:
        "compare.py --evaluations {params.folders} {params.weights} --out {output.table}"
        " --benchmarks results/benchmarks --embeddings results/embeddings"
        " --figure {output.figure} 2> {log}"
