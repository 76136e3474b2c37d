GENET5 = {
    "sample": one_of(sorted({sample for _, sample in GENE_PATHS.own_predictions()})),
    "program": one_of(GENE_PATHS.programs()),
}
# What a training keeps lies in work/ until it is whole: Snakemake removes the outputs of a job that failed. All
# but `latest`, from which only that training would go on, is copied.
LEAVE_WORK = " && cp -r {params.work}/[!l]* {params.folder} && rm -r {params.work}"


rule init:
    """Make the model that is trained: from DNABERT, or random; a report says where each tensor is from."""
    input:
        tokenizer=GENE_PATHS.baked_set()["tokenizer"],
        baked=GENE_PATHS.baked_set()["config"],
        weights=ancient(GENE_PATHS.weights_to_start_from()),
    output:
        **GENE_PATHS.stage("init"),
    log:
        "logs/annotate/init.log",
    benchmark:
        "results/benchmarks/annotate/init.tsv"
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("init", NEEDS.memory_to_make_genet5),
    params:
        recipe=of(OPTIONS.init),
        version=GENET5_VERSION,
        baked=subpath(input.baked, parent=True),
        folder=subpath(output.config, parent=True),
    shell:
        "init_genet5.py --baked {params.baked} {params.recipe} --out {params.folder} 2> {log}"


rule sft:
    """Train the model on the baked windows; validation chooses the best. An interrupted training goes on."""
    input:
        **GENE_PATHS.training_inputs(),
        model=GENE_PATHS.model("init"),
    output:
        **GENE_PATHS.stage("sft"),
    log:
        "logs/annotate/sft.log",
    benchmark:
        "results/benchmarks/annotate/sft.tsv"
    conda:
        "../../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("sft", NEEDS.memory_to_train_genet5),
        gpu=SETTINGS["annotate"]["sft"]["gpus"],
        nodes=1,
    params:
        model=GENE_PATHS.model_folder("init"),
        recipe=of(OPTIONS.sft),
        version=GENET5_VERSION,
        baked=subpath(input.baked, parent=True),
        folder=subpath(output.settings, parent=True),
        # Rounding alone depends on these.
        ranks=untracked(OPTIONS.ranks),
        way=untracked(OPTIONS.way_of_sft),
        work=OPTIONS.work_of_training("sft"),
    shell:
        "gpu_lease.py --gpus {resources.gpu} -- {params.ranks} sft.py --model {params.model}"
        " --baked {params.baked} {params.recipe} {params.way} --threads {threads}"
        " --out {params.work} 2> {log}" + LEAVE_WORK


rule grpo:
    """Refine the trained model by rewards for genes that it samples. An interrupted one goes on."""
    input:
        **GENE_PATHS.training_inputs(),
        model=GENE_PATHS.model("sft"),
    output:
        **GENE_PATHS.stage("grpo"),
    log:
        "logs/annotate/grpo.log",
    benchmark:
        "results/benchmarks/annotate/grpo.tsv"
    conda:
        "../../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("grpo", NEEDS.memory_to_refine_genet5),
        gpu=1,
        nodes=1,
    params:
        model=GENE_PATHS.model_folder("sft"),
        recipe=of(OPTIONS.grpo),
        version=GENET5_VERSION,
        baked=subpath(input.baked, parent=True),
        folder=subpath(output.settings, parent=True),
        work=OPTIONS.work_of_training("grpo"),
    shell:
        "gpu_lease.py --gpus {resources.gpu} -- grpo.py --model {params.model}"
        " --baked {params.baked} {params.recipe} --threads {threads} --out {params.work} 2> {log}"
        + LEAVE_WORK


rule predict_genet5:
    """Find the genes in a part of a genome, window by window."""
    input:
        **paths.GENOME,
        records=paths.INDEX["records"],
        model=of(GENE_PATHS.model_of_program),
    output:
        gene_model_paths.GENE_PIECES,
    log:
        "logs/annotate/pieces/{program}/{sample}/{shard}.log",
    benchmark:
        "results/benchmarks/annotate/pieces/{program}/{sample}/{shard}.tsv"
    wildcard_constraints:
        **GENET5,
    conda:
        "../../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("predict_genet5", NEEDS.memory_to_predict_genet5),
        gpu=1,
        nodes=1,
    params:
        model=of(GENE_PATHS.model_folder_of_program),
        recipe=of(OPTIONS.predict_genet5),
        version=GENET5_VERSION,
    shell:
        "gpu_lease.py --gpus {resources.gpu} -- predict_genet5.py --model {params.model}"
        " --genome {input.genome} --part {wildcards.shard} {params.recipe}"
        " --threads {threads} --out {output} 2> {log}"


rule join_genet5:
    """Join the parts of a genome, and write its genes in every format."""
    input:
        **paths.GENOME,
        pieces=of(GENE_PATHS.pieces),
    output:
        **gene_paths.GENE_PREDICTION,
        **gene_paths.OTHER_FORMATS,
    log:
        "logs/annotate/predictions/{program}/{sample}.log",
    benchmark:
        "results/benchmarks/annotate/predictions/{program}/{sample}.tsv"
    wildcard_constraints:
        **GENET5,
    conda:
        "../../envs/seqloom.yaml"
    resources:
        **asking("join_genet5", NEEDS.memory_to_join_genet5),
    params:
        genetic_code=of(lambda sample: row_of(sample).genetic_code),
        version=GENET5_VERSION,
        prefix=subpath(output.gff, strip_suffix=".gff3"),
    shell:
        "join_genet5.py --pieces @<(lines {input.pieces:q}) --genome {input.genome}"
        " --genetic-code {params.genetic_code} --program {wildcards.program}"
        " --out {params.prefix} 2> {log}"
