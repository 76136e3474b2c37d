rule train_classifier:
    """Train one experiment's classifier; validation chooses the epoch and the calibration."""
    input:
        unpack(of(PATHS.train_inputs)),
    output:
        **paths.CLASSIFIER,
    log:
        "logs/train/{experiment}.log",
    benchmark:
        "results/benchmarks/train/{experiment}.tsv"
    wildcard_constraints:
        experiment=one_of(name for name in SETTINGS["experiments"] if not NEEDS.gpu_pays(name)),
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("train_classifier", NEEDS.memory_to_train),
        gpu=0,
    params:
        recipe=of(OPTIONS.train),
        version=LEARN_VERSION,
        folder=subpath(output.card, parent=True),
        work="work/train/{experiment}",
    shell:
        "gpu_lease.py --gpus {resources.gpu} -- train.py --experiment {wildcards.experiment}"
        " --split {input.split} --frames @<(lines {input.frames:q})"
        " --fused @<(lines {input.fused:q}) {params.recipe}"
        " --threads {threads} --work {params.work} --out {params.folder} 2> {log}"


use rule train_classifier as train_on_gpu with:
    wildcard_constraints:
        experiment=one_of(filter(NEEDS.gpu_pays, SETTINGS["experiments"])),
    resources:
        **asking("train_on_gpu", NEEDS.memory_to_train),
        gpu=1,
        nodes=1,
