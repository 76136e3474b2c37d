"""What baking a genome costs, beside a plain reading of it with Biopython and gffutils.

    python benchmarks/bake.py --tokenizer tokenizer.json --made 20 2000 --made 80 2000
        --made 100 20000
        --genome NAME FASTA ANNOTATION TAXON CODE

Both take of each window its letters and, of each gene there, the exons of one transcript. "plain"
makes a database of the annotation in memory and asks it for the genes of each window and for the
coding sequence of each gene. It does not mend phases, mark what is cut, tokenize or write. "same
work" is genes.py and, of bake.py, the windows with their letters and genes; "all" is genes.py and
bake.py, which also tokenizes, counts what rules refuse and writes shards. index.py, which stores
the sequence, is apart. Made genomes have so many megabases and genes, of one to five transcripts.
Prints markdown; seconds are those of the processor, MB is the peak memory in millions of bytes.
"""

import argparse
import gzip
import random
import sys
import tempfile
from pathlib import Path

from measure import Cost, cost_of

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
LIMITS = {"prokaryote": 9000, "unicellular": 22_500, "invertebrate": 45_000, "plant": 45_000}
APART, EXON, INTRON = 5000, 150, 100  # bases from a made gene to the next, and of its parts
LETTERS = b"ACGT" * 64  # a letter for each byte
COLUMNS = ["genome", "Mb", "genes", "index, s", "genes.py, s", "same work, s", "all, s", "all, MB"]
COLUMNS += [
    "plain, s",
    "plain, MB",
    "plain / same work",
    "plain / all",
    "all, Mb/s",
    "all, genes/s",
]
PLAIN = r"""
import csv, gzip, re, sys
import gffutils
from Bio import SeqIO
fasta, annotation, windows = sys.argv[1:]
with gzip.open(annotation, "rt") as file:
    text = file.read()
db = gffutils.create_db(text, ":memory:", from_string=True, merge_strategy="create_unique")
with gzip.open(fasta, "rt") as file:
    sequences = {record.id: str(record.seq).upper() for record in SeqIO.parse(file, "fasta")}
def plain(name):
    return re.sub(r"\.\d+$", "", name)
names = {plain(name): name for name in db.seqids()}
# A file without gene lines has coding sequences alone.
kind = "gene" if any(True for _ in db.features_of_type("gene")) else "CDS"
bases, genes = 0, []
for row in csv.DictReader(open(windows), delimiter="\t"):
    start, end = int(row["start"]), int(row["end"])
    bases += len(sequences[row["contig"]][start:end])
    name = names.get(plain(row["contig"]))
    for gene in db.region(seqid=name, start=start + 1, end=end, featuretype=kind) if name else ():
        transcripts = {}
        for cds in [gene] if kind == "CDS" else db.children(gene, featuretype="CDS"):
            [parent, *_] = cds.attributes.get("Parent") or cds.attributes["ID"]
            transcripts.setdefault(parent, []).append((cds.start - 1, cds.end, cds.frame))
        if transcripts:
            longest = max(transcripts.values(), key=lambda own: sum(b - a for a, b, _ in own))
            genes.append([(max(a, start), min(b, end)) for a, b, _ in longest if a < end and b > start])
print(bases, len(genes))
"""  # noqa: E501
SAME = r"""
import csv, sys
sys.path.insert(0, sys.argv[1])
from seqloom.cli import without_pandas
without_pandas()
from seqloom.annotate.baking import species_of
from seqloom.annotate.window_plan import Stretch, WindowRules, planned_windows, window_pieces
from seqloom.seqs.gene_index import read_gene_index
from seqloom.seqs.genome import open_genome
genome = open_genome(sys.argv[2])
genes, *_ = read_gene_index(sys.argv[3])
species = species_of("s", genome, genes, ["CDS"], 1)
lengths = zip(genome.names, genome.lengths.tolist())
stretches = [Stretch(name, 0, length, "train") for name, length in lengths if length]
rules = WindowRules(int(sys.argv[4]), empty=1000)
bases = count = 0
for window in planned_windows(stretches, species.genes, rules, species.known):
    bases += len(species.letters(window))
    count += len(window_pieces(species.genes[window.contig], window.start, window.end))
print(bases, count)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tokenizer", type=Path, required=True, help="of DNABERT")
    parser.add_argument("--genome", nargs=5, action="append", default=[])
    parser.add_argument(
        "--made", type=int, nargs=2, action="append", default=[], help="megabases and genes"
    )
    options = parser.parse_args()
    for row in (COLUMNS, ["---"] * len(COLUMNS)):
        print(f"| {' | '.join(row)} |")
    with tempfile.TemporaryDirectory() as folder:
        for name, *files, taxon, code in options.genome:
            measure(Path(folder, name), files, LIMITS[taxon], code, options.tokenizer)
        for megabases, genes in options.made:
            files = made_genome(Path(folder), megabases, genes)
            made = Path(folder, f"made, {megabases} Mb, {genes} genes")
            measure(made, files, LIMITS["invertebrate"], 1, options.tokenizer)


def measure(work: Path, files: list, limit: int, code: object, tokenizer: Path) -> None:
    work.mkdir()
    fasta, annotation = files
    genome, records, genes = (work / file for file in ("g.fa.gz", "g.tsv", "genes.json"))
    words = ("--sample", "s", "--molecule", "dna", "--fasta", fasta, "--genome", genome)
    index = ours("index.py", *words, "--records", records)
    read = ours("genes.py", "--annotation", annotation, "--records", records, "--out", genes)
    words = ("--sample", "s", "--genome", genome, "--genes", genes, "--tokenizer", tokenizer)
    words += ("--genetic-code", code, "--window", limit, "--empty", 1000)
    baked = ours("bake.py", *words, "--out", work / "baked")
    same = cost_of(sys.executable, "-c", SAME, SCRIPTS, genome, genes, limit).cpu + read.cpu
    windows = work / "baked/windows.tsv"
    plain = cost_of(sys.executable, "-c", PLAIN, fasta, annotation, windows)
    rows = [line.split("\t") for line in windows.read_text().splitlines()[1:]]
    megabases = sum(int(row[2]) - int(row[1]) for row in rows) / 1e6
    count, both = sum(int(row[4]) for row in rows), read.cpu + baked.cpu
    cells = [work.name, f"{megabases:.2f}", str(count)]
    cells += [f"{seconds:.2f}" for seconds in (index.cpu, read.cpu, same, both)]
    cells += [f"{max(read.megabytes, baked.megabytes):.0f}", f"{plain.cpu:.2f}"]
    cells += [f"{plain.megabytes:.0f}", f"{plain.cpu / same:.2f}", f"{plain.cpu / both:.2f}"]
    cells += [f"{megabases / both:.2f}", f"{count / both:.0f}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def ours(script: str, *words: object) -> Cost:
    return cost_of(sys.executable, SCRIPTS / script, *words)


def made_genome(folder: Path, megabases: int, genes: int) -> tuple[Path, Path]:
    """One contig of random bases, with all genes at its start."""
    draw = random.Random(0)
    fasta, annotation = (folder / f"{megabases}_{genes}.{kind}.gz" for kind in ("fa", "gff"))
    with gzip.open(fasta, "wt", compresslevel=1) as file:
        file.write(">c\n")
        for _ in range(megabases):
            file.write(draw.randbytes(1_000_000).translate(LETTERS).decode() + "\n")
    with gzip.open(annotation, "wt") as file:
        file.write("##gff-version 3\n")

        def write(kind: str, first: int, last: int, phase: str, attributes: str) -> None:
            file.write(f"c\tmade\t{kind}\t{first}\t{last}\t.\t+\t{phase}\t{attributes}\n")

        for number in range(genes):
            first = APART * number + 1
            write("gene", first, first + APART - 500, ".", f"ID=g{number}")
            for isoform in range(draw.randint(1, 5)):
                name = f"t{number}.{isoform}"
                write("mRNA", first, first + APART - 500, ".", f"ID={name};Parent=g{number}")
                for exon in range(draw.randint(2, 18)):
                    start = first + (EXON + INTRON) * exon
                    place = start, start + EXON - 1
                    write("exon", *place, ".", f"Parent={name}")
                    write("CDS", *place, "0", f"ID=c{name};Parent={name}")
    return fasta, annotation


if __name__ == "__main__":
    main()
