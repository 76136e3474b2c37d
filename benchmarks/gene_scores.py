"""What it costs to compare a prediction with an annotation of the size of the human one.

    python benchmarks/gene_scores.py

Made up: 24 contigs, five transcripts of ten exons for each annotated gene, one of these for each
predicted gene, of which every third is off by a base. Prints markdown; MB is the peak memory of
evaluate_genes.py in millions of bytes.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from measure import cost_of

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from seqloom.annotate.gff_writer import gff3_lines  # noqa: E402
from seqloom.seqs.contigs import COLUMNS  # noqa: E402
from seqloom.seqs.gene_index import write_gene_index  # noqa: E402
from seqloom.seqs.genes import Exon, Gene, Transcript  # noqa: E402

CONTIGS = {f"chr{number}": 125_000_000 for number in range(1, 25)}


def annotated(count: int, draw: random.Random) -> Iterator[Gene]:
    of_contig = -(-count // len(CONTIGS))
    distance = 125_000_000 // of_contig
    for number in range(count):
        contig, first = f"chr{1 + number // of_contig}", number % of_contig * distance
        transcripts = []
        for isoform in range(5):
            starts = sorted(draw.sample(range(first, first + distance - 300, 300), 10))
            exons = tuple(Exon(start, start + 150, 0) for start in starts)
            transcripts.append(Transcript(f"t{number}.{isoform}", exons))
        yield Gene(f"g{number}", contig, draw.choice("+-"), "CDS", tuple(transcripts))


def predicted(genes: list[Gene]) -> Iterator[Gene]:
    for number, gene in enumerate(genes):
        exons = gene.canonical.exons
        if number % 3 == 0:
            exons = tuple(exon.shifted(1) for exon in exons)
        yield replace(gene, transcripts=(Transcript(gene.canonical.name, exons),))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--genes", type=int, default=20_000)
    options = parser.parse_args()
    genes = list(annotated(options.genes, random.Random(0)))
    with tempfile.TemporaryDirectory() as folder:
        index, gff, records = (Path(folder, name) for name in ("i.json", "p.gff3", "r.tsv"))
        write_gene_index(index, genes, Counter(), [])
        with open(gff, "w") as file:
            lines = gff3_lines(predicted(genes), CONTIGS, "made up", {})
            file.writelines(f"{line}\n" for line in lines)
        rows = [COLUMNS] + [
            [name, "", str(length), *["0"] * 6, "ok", "", ""] for name, length in CONTIGS.items()
        ]
        records.write_text("".join("\t".join(row) + "\n" for row in rows))
        cost = cost_of(
            *(sys.executable, SCRIPTS / "evaluate_genes.py", "--sample", "x", "--program", "y"),
            *("--genes", index, "--prediction", gff, "--records", records),
            *("--out", Path(folder, "x.tsv"), "--locus", Path(folder, "x.json")),
        )
        size = index.stat().st_size
        table = Path(folder, "x.tsv").read_text()
    print("| genes | exons | MB of index | s of the processor | s | MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(
        f"| {len(genes)} | {50 * len(genes)} | {size / 1e6:.0f} | {cost.cpu:.1f} "
        f"| {cost.seconds:.1f} | {cost.megabytes:.0f} |\n\n{table}"
    )


if __name__ == "__main__":
    main()
