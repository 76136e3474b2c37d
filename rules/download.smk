if SETTINGS["refseq"]:

    rule download:
        """Fetch a file of the list, going on where the last try ended."""
        input:
            only((download.name for download in SETTINGS.downloads.values()), "file"),
        output:
            f"{REFSEQ_FOLDER}{{file}}",
        log:
            "logs/download/{file}.log",
        benchmark:
            "results/benchmarks/download/{file}.tsv"
        # Cluster nodes may have no network.
        localrule: True
        conda:
            "../envs/seqloom.yaml"
        resources:
            **asking("download", NEEDS.memory_to_start),
        params:
            row=of(OPTIONS.download),
        shell:
            # The mirror is no param: another one has the same files, and shall not fetch them again.
            f"download.py {{params.row}} {options({'mirror': SETTINGS['refseq']['mirror']})}"
            " --out {output} 2> {log}"
