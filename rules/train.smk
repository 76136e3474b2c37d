rule train_classifier:
    """Train one experiment's classifier; validation chooses the epoch and the calibration."""
    input:
        unpack(training_inputs),
    output:
        weights="results/classifiers/{experiment}/classifier.safetensors",
        card="results/classifiers/{experiment}/classifier.json",
        history="results/classifiers/{experiment}/history.tsv",
        model_card="results/classifiers/{experiment}/model_card.md",
    log:
        "logs/train/{experiment}.log",
    benchmark:
        "results/benchmarks/train/{experiment}.tsv"
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        gpu=1,
        nodes=1,
        mem_mb=growing(lambda wildcards: 4000 + 1.3 * training_mb(wildcards)),
        runtime=growing(120),
    params:
        recipe=lambda wildcards: flags(experiment_of(wildcards)["train"]),
        version=LEARN_VERSION,
        frames=lambda wildcards, input: shard_patterns(input.frames),
        fused=lambda wildcards, input: shard_patterns(input.fused),
        folder=subpath(output.card, parent=True),
    shell:
        "gpu_lease.py --gpus {resources.gpu} -- train.py --experiment {wildcards.experiment}"
        " --split {input.split} --frames {params.frames:q} --fused {params.fused:q} {params.recipe}"
        " --threads {threads} --out {params.folder} 2> {log}"
