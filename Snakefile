from snakemake.utils import min_version

min_version("9.27")

if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/models.smk"
include: "rules/download.smk"
include: "rules/prepare.smk"
include: "rules/embed.smk"
include: "rules/fuse.smk"
include: "rules/split.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/predict.smk"
include: "rules/export.smk"
include: "rules/report.smk"


onstart:
    hold_this_folder()


# Cluster nodes may have no network: weights are fetched where Snakemake runs.
localrules:
    all,
    fetch_model,
    embed,
    train,
    evaluate,
    predict,
    export,


rule all:
    default_target: True
    input:
        rules.report.output,
        everything(),


rule embed:
    input:
        all_embeddings(),


rule train:
    input:
        classifiers(),


rule evaluate:
    input:
        evaluations(),


rule predict:
    input:
        predictions(),


rule export:
    input:
        exported_files(),
