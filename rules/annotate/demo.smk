if SETTINGS["simulate"]:

    rule simulate_annotated:
        """Write the annotated genomes of the demo of gene annotation from a seed."""
        output:
            expand(
                "resources/demo/annotated/{sample}.{kind}",
                sample=["bacterium", "yeast"],
                kind=["fa.gz", "gff3.gz"],
            ),
        log:
            "logs/simulate_annotated.log",
        benchmark:
            "results/benchmarks/simulate_annotated.tsv"
        conda:
            "../../envs/seqloom.yaml"
        resources:
            **asking("simulate_annotated", NEEDS.memory_to_start),
        params:
            seed=SETTINGS["simulate"]["seed"],
        shell:
            "simulate_annotated.py --seed {params.seed} --out resources/demo/annotated 2> {log}"
