from snakemake.utils import min_version

min_version("9.27")

if not workflow.configfiles:

    configfile: "config/config.yaml"


# Used with --sdm apptainer only; docs/clusters.md says how to make it.
container: "seqloom.sif"


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
include: "rules/validate.smk"


if SETTINGS["annotate"]:

    include: "rules/annotate/demo.smk"
    include: "rules/annotate/genes.smk"
    include: "rules/annotate/bake.smk"
    include: "rules/annotate/baselines.smk"
    include: "rules/annotate/evaluation.smk"

    if SETTINGS["annotate"]["model"]:

        include: "rules/annotate/genet5.smk"

    rule annotate:
        input:
            of(GENE_PATHS.results),


onstart:
    lock_this_folder()


rule all:
    default_target: True
    input:
        *paths.REPORT.values(),
        of(PATHS.all_results),
        of(GENE_PATHS.results),


rule embed:
    input:
        of(PATHS.all_embeddings),
        of(PATHS.all_residues),
        of(PATHS.records),


rule train:
    input:
        of(PATHS.classifiers),


rule evaluate:
    input:
        of(PATHS.evaluations),
        of(GENE_PATHS.evaluated),


rule predict:
    input:
        of(PATHS.predictions),
        of(GENE_PATHS.predicted),


rule export:
    input:
        of(PATHS.exports),
