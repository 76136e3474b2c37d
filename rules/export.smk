rule export_npy:
    """One matrix per sample and backend (or fusion) for numpy, with its ids."""
    input:
        unpack(of(PATHS.matrix_inputs)),
    output:
        **paths.NPY,
    log:
        "logs/export/npy/{backend}/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/npy/{backend}/{cut}/{sample}.tsv"
    wildcard_constraints:
        backend=one_of([*SETTINGS.backends, *SETTINGS["fusions"]]),
    group:
        packed_if_few
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("export_npy", NEEDS.memory_to_export),
        in_turn=1,
    params:
        format="npy",
    shell:
        "export.py {params.format} --frames @<(lines {input.frames:q})"
        " --embeddings @<(lines {input.embeddings:q}) --out {output.matrix} 2> {log}"


use rule export_npy as export_hdf5 with:
    output:
        matrix=paths.HDF5,
    log:
        "logs/export/hdf5/{backend}/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/hdf5/{backend}/{cut}/{sample}.tsv"
    params:
        format="hdf5",


use rule export_npy as export_uniprot with:
    output:
        matrix=paths.UNIPROT,
    log:
        "logs/export/uniprot/{backend}/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/uniprot/{backend}/{cut}/{sample}.tsv"
    resources:
        **asking("export_uniprot", NEEDS.memory_to_export_uniprot),
        in_turn=1,
    params:
        format="uniprot",


use rule export_npy as export_pt with:
    input:
        unpack(of(PATHS.protein_matrix_inputs)),
    output:
        **PATHS.pt(),
    log:
        "logs/export/pt/{sample}/{backend}.log",
    benchmark:
        "results/benchmarks/export/pt/{sample}/{backend}.tsv"
    resources:
        **asking("export_pt", NEEDS.memory_to_export_pt),
        in_turn=1,
    params:
        format="pt",


rule export_residues:
    """The residues of a protein sample in one file, a matrix for each protein as UniProt has them."""
    input:
        unpack(of(PATHS.residue_inputs)),
    output:
        paths.RESIDUES_HDF5,
    log:
        "logs/export/residues/{backend}/{sample}.log",
    benchmark:
        "results/benchmarks/export/residues/{backend}/{sample}.tsv"
    group:
        packed_if_few
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("export_residues", NEEDS.memory_to_export_residues),
        in_turn=1,
    shell:
        "export.py residues --frames @<(lines {input.frames:q})"
        " --residues @<(lines {input.residues:q}) --out {output} 2> {log}"


rule export_identified:
    """The frames as VirNucPro writes them: all of a sample in two FASTA files."""
    input:
        only(SETTINGS.of_molecule("dna")),
        unpack(of(PATHS.identified_inputs)),
    output:
        **paths.IDENTIFIED,
    log:
        "logs/export/identified/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/identified/{cut}/{sample}.tsv"
    wildcard_constraints:
        cut=one_of(SETTINGS.legacy_cuts()),
    group:
        packed_if_few
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("export_identified", NEEDS.memory_to_start),
        in_turn=1,
    params:
        prefix=subpath(output.card, strip_suffix=".identified.json"),
    shell:
        "export.py identified --frames @<(lines {input.frames:q}) --out {params.prefix} 2> {log}"


rule export_virnucpro:
    """The files VirNucPro would have written, for programs that read those."""
    input:
        only(SETTINGS.of_molecule("dna")),
        unpack(of(PATHS.legacy_inputs)),
    output:
        **paths.VIRNUCPRO,
    log:
        "logs/export/virnucpro/{fusion}/{cut}/{sample}.log",
    benchmark:
        "results/benchmarks/export/virnucpro/{fusion}/{cut}/{sample}.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("export_virnucpro", NEEDS.memory_to_export_virnucpro),
    params:
        label=of(OPTIONS.label),
        prefix=subpath(output.merged, strip_suffix="_merged.pt"),
    shell:
        "export.py virnucpro --frames @<(lines {input.frames:q}) --dna @<(lines {input.dna:q})"
        " --protein @<(lines {input.protein:q}) --fused @<(lines {input.fused:q})"
        " {params.label} --out {params.prefix} 2> {log}"
