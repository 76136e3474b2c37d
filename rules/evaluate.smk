rule evaluate_classifier:
    """Read the test part once: metrics for frames, windows and contigs."""
    input:
        unpack(training_inputs),
        weights="results/classifiers/{experiment}/classifier.safetensors",
        card="results/classifiers/{experiment}/classifier.json",
    output:
        metrics="results/evaluation/{experiment}/metrics.json",
        predictions="results/evaluation/{experiment}/predictions.parquet",
        roc="results/evaluation/{experiment}/roc.svg",
        calibration="results/evaluation/{experiment}/calibration.svg",
    log:
        "logs/evaluate/{experiment}.log",
    benchmark:
        "results/benchmarks/evaluate/{experiment}.tsv"
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        mem_mb=growing(lambda wildcards: 3000 + 0.5 * training_mb(wildcards)),
        runtime=growing(60),
    params:
        version=LEARN_VERSION,
        classifier=subpath(input.card, parent=True),
        folder=subpath(output.metrics, parent=True),
        frames=lambda wildcards, input: shard_patterns(input.frames),
        fused=lambda wildcards, input: shard_patterns(input.fused),
    shell:
        "evaluate.py --classifier {params.classifier} --split {input.split} --frames {params.frames:q}"
        " --fused {params.fused:q} --threads {threads} --out {params.folder} 2> {log}"


rule baseline:
    """A 4-mer classifier on the same frames and the same split: what the language models must beat."""
    input:
        unpack(training_inputs_of_baseline),
    output:
        "results/evaluation/{experiment}/baseline.json",
    log:
        "logs/baseline/{experiment}.log",
    benchmark:
        "results/benchmarks/baseline/{experiment}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(lambda wildcards: 3000 + 8 * training_letters_mb(wildcards)),
        runtime=growing(60),
    params:
        version=LEARN_VERSION,
        frames=lambda wildcards, input: shard_patterns(input.frames),
    shell:
        "baseline.py --experiment {wildcards.experiment} --split {input.split}"
        " --frames {params.frames:q} --out {output} 2> {log}"


rule compare:
    """All experiments and baselines in one table and one figure."""
    input:
        expand(
            "results/evaluation/{experiment}/{file}",
            experiment=SETTINGS["experiments"],
            file=["metrics.json", "baseline.json"],
        ),
    output:
        table="results/comparison/comparison.tsv",
        figure="results/comparison/comparison.svg",
        card="results/comparison/comparison.json",
    log:
        "logs/compare.log",
    benchmark:
        "results/benchmarks/compare.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        folders=expand("results/evaluation/{experiment}", experiment=SETTINGS["experiments"]),
    shell:
        "compare.py --evaluations {params.folders} --out {output.table} --figure {output.figure}"
        " 2> {log}"
