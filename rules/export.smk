rule export_npy:
    """One matrix per sample and backend for numpy, with its ids."""
    input:
        unpack(matrix_inputs),
    output:
        matrix="results/export/npy/{backend}/{cut}/{sample}.npy",
        ids="results/export/npy/{backend}/{cut}/{sample}.ids.txt",
        card="results/export/npy/{backend}/{cut}/{sample}.json",
    log:
        "logs/export/npy/{backend}/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/npy/{backend}/{cut}/{sample}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(lambda wildcards: 1000 + 3 * shard_mb(wildcards, [wildcards.backend])),
        runtime=growing(20),
    params:
        frames=lambda wildcards, input: shard_patterns(input.frames),
        embeddings=lambda wildcards, input: shard_patterns(input.embeddings),
    shell:
        "export.py npy --frames {params.frames:q} --embeddings {params.embeddings:q}"
        " --out {output.matrix} 2> {log}"


rule export_hdf5:
    """One matrix per sample and backend for HDF5 readers, with its ids."""
    input:
        unpack(matrix_inputs),
    output:
        "results/export/hdf5/{backend}/{cut}/{sample}.h5",
    log:
        "logs/export/hdf5/{backend}/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/hdf5/{backend}/{cut}/{sample}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(lambda wildcards: 1000 + 3 * shard_mb(wildcards, [wildcards.backend])),
        runtime=growing(20),
    params:
        frames=lambda wildcards, input: shard_patterns(input.frames),
        embeddings=lambda wildcards, input: shard_patterns(input.embeddings),
    shell:
        "export.py hdf5 --frames {params.frames:q} --embeddings {params.embeddings:q}"
        " --out {output} 2> {log}"


rule export_identified:
    """The frames as VirNucPro writes them: all of a sample in two FASTA files."""
    input:
        unpack(shard_fasta),
    output:
        dna="results/export/virnucpro/{cut}/{sample}.identified_nucleotide.fa",
        protein="results/export/virnucpro/{cut}/{sample}.identified_protein.fa",
        card="results/export/virnucpro/{cut}/{sample}.identified.json",
    log:
        "logs/export/identified/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/identified/{cut}/{sample}.tsv"
    wildcard_constraints:
        cut=one_of(SETTINGS.legacy_cuts()),
        sample=one_of(SETTINGS.of_molecule("dna")),
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        frames=lambda wildcards, input: shard_patterns(input.frames),
        prefix=subpath(output.card, strip_suffix=".identified.json"),
    shell:
        "export.py identified --frames {params.frames:q} --out {params.prefix} 2> {log}"


rule export_virnucpro:
    """The files VirNucPro would have written, for programs that read those."""
    input:
        unpack(legacy_inputs),
    output:
        dna="results/export/virnucpro/{fusion}/{cut}/{sample}_DNABERT_S.pt",
        protein="results/export/virnucpro/{fusion}/{cut}/{sample}_ESM.pt",
        merged="results/export/virnucpro/{fusion}/{cut}/{sample}_merged.pt",
        card="results/export/virnucpro/{fusion}/{cut}/{sample}.json",
    log:
        "logs/export/virnucpro/{fusion}/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/virnucpro/{fusion}/{cut}/{sample}.tsv"
    wildcard_constraints:
        sample=one_of(SETTINGS.of_molecule("dna")),
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(
            lambda wildcards: 2000
            + 40 * fused_mb(wildcards.cut, wildcards.fusion, [wildcards.sample])
        ),
        runtime=growing(20),
    params:
        label=lambda wildcards: flags({"label": sample_row(wildcards).label}),
        frames=lambda wildcards, input: shard_patterns(input.frames),
        dna=lambda wildcards, input: shard_patterns(input.dna),
        protein=lambda wildcards, input: shard_patterns(input.protein),
        fused=lambda wildcards, input: shard_patterns(input.fused),
        prefix=subpath(output.merged, strip_suffix="_merged.pt"),
    shell:
        "export.py virnucpro --frames {params.frames:q} --dna {params.dna:q} --protein {params.protein:q}"
        " --fused {params.fused:q} {params.label} --out {params.prefix} 2> {log}"
