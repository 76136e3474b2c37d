"""What it costs to read a made-up GFF3 file of the size of the human annotation of NCBI.

    python benchmarks/genes.py

Each gene has mRNAs of two to eighteen exons, in the layout of NCBI. Prints markdown; MB is the peak
memory of a process in millions of bytes.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import cost_of

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
LENGTH = 10_000_000_000
READ = """
import sys
sys.path.insert(0, sys.argv[1])
from seqloom.seqs.gene_reader import read_genes
genes, _ = read_genes([sys.argv[2]], {"c": int(sys.argv[3])})
print(len(genes))
"""


def lines_of_gene(number: int, draw: random.Random) -> Iterator[str]:
    start = 100_000 * number + 1

    def line(kind: str, first: int, last: int, phase: int | str, attributes: str) -> str:
        row = ("c", "BestRefSeq", kind, first, last, ".", "+", phase, attributes)
        return "\t".join(map(str, row)) + "\n"

    gene = f"gene-LOC{number}"
    more = f"Dbxref=GeneID:{number};gbkey=Gene;gene=LOC{number};gene_biotype=protein_coding"
    yield line("gene", start, start + 90_000, ".", f"ID={gene};{more}")
    for isoform in range(draw.randint(1, 5)):
        rna = f"rna-XM_{number:06}{isoform}.1"
        about = f"Dbxref=GeneID:{number},Genbank:XM_{number}.1;gene=LOC{number};product=protein"
        yield line("mRNA", start, start + 90_000, ".", f"ID={rna};Parent={gene};{about}")
        exons = [(start + 5000 * i, start + 5000 * i + 149) for i in range(draw.randint(2, 18))]
        for i, (first, last) in enumerate(exons):
            yield line("exon", first, last, ".", f"ID=exon-{rna}-{i};Parent={rna};{about}")
        for first, last in exons:
            yield line("CDS", first, last, 0, f"ID=cds-{rna};Parent={rna};{about}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--genes", type=int, default=75_000)
    options = parser.parse_args()
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path, lines = Path(folder, "genes.gff3"), 1
        with open(path, "w") as file:
            file.write("##gff-version 3\n")
            for number in range(options.genes):
                text = list(lines_of_gene(number, draw))
                lines += len(text)
                file.writelines(text)
        cost = cost_of(sys.executable, "-c", READ, SCRIPTS, path, LENGTH)
    print("| genes | lines | s of the processor | MB |", "| --- | --- | --- | --- |", sep="\n")
    print(f"| {options.genes} | {lines} | {cost.cpu:.1f} | {cost.megabytes:.0f} |")


if __name__ == "__main__":
    main()
