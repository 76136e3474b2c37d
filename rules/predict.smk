rule predict_sample:
    """Call the contigs of a query sample with one experiment's classifier."""
    input:
        unpack(prediction_inputs),
        weights="results/classifiers/{experiment}/classifier.safetensors",
        card="results/classifiers/{experiment}/classifier.json",
        genome="results/genomes/{sample}.fa.gz",
        fai="results/genomes/{sample}.fa.gz.fai",
        gzi="results/genomes/{sample}.fa.gz.gzi",
    output:
        contigs="results/predictions/{experiment}/{sample}/contigs.tsv",
        windows="results/predictions/{experiment}/{sample}/windows.parquet",
        gff="results/predictions/{experiment}/{sample}/regions.gff3",
        bed="results/predictions/{experiment}/{sample}/regions.bed",
        fasta="results/predictions/{experiment}/{sample}/viral.fna.gz",
        card="results/predictions/{experiment}/{sample}/summary.json",
    log:
        "logs/predict/{experiment}/{sample}.log",
    benchmark:
        "results/benchmarks/predict/{experiment}/{sample}.tsv"
    wildcard_constraints:
        sample=one_of(SETTINGS.queries()),
    conda:
        "../envs/seqloom.yaml"
    threads: SETTINGS["threads"]
    resources:
        mem_mb=growing(memory_to_predict),
        runtime=growing(60),
    params:
        version=CALL_VERSION,
        classifier=subpath(input.card, parent=True),
        folder=subpath(output.card, parent=True),
        frames=lambda wildcards, input: shard_patterns(input.frames),
        fused=lambda wildcards, input: shard_patterns(input.fused),
        threshold=SETTINGS["predict"]["threshold"],
        min_windows=SETTINGS["predict"]["min_windows"],
    shell:
        "predict.py --classifier {params.classifier} --sample {wildcards.sample}"
        " --contigs {input.contigs} --genome {input.genome}"
        " --frames {params.frames:q} --fused {params.fused:q} --threshold {params.threshold}"
        " --min-windows {params.min_windows} --threads {threads} --out {params.folder} 2> {log}"
