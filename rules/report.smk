rule report:
    """Everything on one page, and its headline on one screen."""
    input:
        evaluations(),
        predictions(),
        unpack(report_inputs),
    output:
        page="results/report.html",
        summary="results/summary.txt",
    log:
        "logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../envs/seqloom.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        title=SETTINGS["title"],
        folders=report_flags(),
    shell:
        "report.py --title={params.title:q} {params.folders} --out {output.page}"
        " --summary {output.summary} 2> {log}"
