rule report:
    """Everything on one page, and its headline on one screen."""
    input:
        of(PATHS.evaluations),
        of(PATHS.predictions),
        unpack(of(PATHS.report_inputs)),
        models=ancient(PATHS.cards_of_protein_models()),
    output:
        **paths.REPORT,
    log:
        "logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        **asking("report", NEEDS.memory_to_report),
    params:
        title=SETTINGS["title"],
        words=of(OPTIONS.report),
    shell:
        "report.py --title={params.title:q} @<(lines {params.words:q}) --out {output.page}"
        " --summary {output.summary} --calls {output.calls} --multiqc {output.multiqc} 2> {log}"
