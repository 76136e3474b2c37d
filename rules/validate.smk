rule validate_sample:
    """Check a finished protein sample; what does not hold is in the table."""
    input:
        only(SETTINGS.of_molecule("protein")),
        unpack(of(PATHS.validation_inputs)),
        **paths.GENOME,
        models=ancient(PATHS.models_of_proteins()),
    output:
        paths.VALIDATION,
    log:
        "logs/validate/{sample}.log",
    benchmark:
        "results/benchmarks/validate/{sample}.tsv"
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        **asking("validate_sample", NEEDS.memory_to_validate),
        gpu=1,
        nodes=1,
    params:
        models=PATHS.model_folders_of_proteins(),
        version=ENGINE_VERSION,
    shell:
        # A table that says `failed` is a result too, which Snakemake would remove with a failed job.
        "gpu_lease.py --gpus {resources.gpu} -- validate.py proteins --contigs {input.contigs}"
        " --genome {input.genome} --frames @<(lines {input.frames:q}) --models {params.models}"
        " --embeddings @<(lines {input.embeddings:q}) --threads {threads} --out {output}"
        " > {log} 2>&1 || test -s {output}"


rule validate:
    """Print the tables of all protein samples; fails if a check did."""
    input:
        of(PATHS.validations),
    log:
        "logs/validate.log",
    localrule: True
    conda:
        "../envs/seqloom.yaml"
    shell:
        "validate.py tables {input:q} 2> {log}"
