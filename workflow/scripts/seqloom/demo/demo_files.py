"""The demo genomes as FASTA, GFF3, GenBank and tables, as users have them."""

import gzip
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path

from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import CompoundLocation, SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord

from seqloom.demo.simulate import Contig, Demo, Gene
from seqloom.files.atomic import atomic_all

DIVISIONS = {"viral": "VRL", "bacteria": "BCT", "fungi": "PLN"}
LINE = 70


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts by file name; those in .gz are compressed."""
    with atomic_all([folder / name for name in files]) as temporaries:
        for temporary, (name, text) in zip(temporaries, files.items(), strict=True):
            data = text.encode()
            # mtime=0, because gzip would store the time and the bytes would differ between runs.
            temporary.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)


def demo_files(demo: Demo) -> dict[str, str]:
    """The text of each demo file by file name; those in .gz are compressed later."""
    files = {}
    for category, contigs in demo.genomes.items():
        files[f"{category}.fa.gz"] = fasta((_header(c), c.sequence) for c in contigs)
        files[f"{category}.gff3.gz"] = gff3(contigs)
        files[f"{category}.gbff.gz"] = genbank(contigs)
        files[f"{category}.groups.tsv"] = table(
            ("contig", "group"), ((c.name, c.group) for c in contigs)
        )
    files["query.fa.gz"] = fasta(
        (f"{q.name} length={len(q.sequence)}", q.sequence) for q in demo.query
    )
    files["query.truth.tsv"] = table(
        ("contig", "truth", "note"), ((q.name, q.truth, q.note) for q in demo.query)
    )
    files["proteins.faa"] = fasta(_protein_set(demo.genomes["viral"]))
    return files


def _protein_set(contigs: Iterable[Contig]) -> list[tuple[str, str]]:
    """The proteins of all genes, then the first one again and one of unknown residues."""
    genes = [(contig.protein_id(g), contig.protein(g)) for contig in contigs for g in contig.genes]
    return [*genes, ("copy", genes[0][1]), ("unknown", 60 * "X")]


def fasta(records: Iterable[tuple[str, str]]) -> str:
    """Records (header, sequence) as FASTA in lines of 70."""
    lines = []
    for header, sequence in records:
        lines.append(f">{header}")
        lines += (sequence[start : start + LINE] for start in range(0, len(sequence), LINE))
    return "\n".join(lines) + "\n"


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Tab-separated text with a header line."""
    return "".join("\t".join(row) + "\n" for row in (columns, *rows))


def gff3(contigs: Iterable[Contig]) -> str:
    """GFF3 with gene and CDS, and mRNA between them where genes have introns."""
    lines = ["##gff-version 3"]
    for contig in contigs:
        lines.append(f"##sequence-region {contig.name} 1 {len(contig.sequence)}")
        for gene in contig.genes:
            lines += _gff3_gene(contig, gene)
    return "\n".join(lines) + "\n"


def _gff3_gene(contig: Contig, gene: Gene) -> list[str]:
    strand = "+" if gene.strand > 0 else "-"

    def line(kind: str, start: int, end: int, phase: int | str, attributes: str) -> str:
        columns = (contig.name, "seqloom", kind, start + 1, end, ".", strand, phase, attributes)
        return "\t".join(map(str, columns))

    name, parent = contig.protein_id(gene), "gene"
    whole = gene.exons[0][0], gene.exons[-1][1]
    lines = [line("gene", *whole, ".", f"ID=gene-{name};locus_tag={name}")]
    if contig.category.spliced:
        lines.append(line("mRNA", *whole, ".", f"ID=rna-{name};Parent=gene-{name}"))
        parent = "rna"
    attributes = (
        f"ID=cds-{name};Parent={parent}-{name};protein_id={name};"
        f"transl_table={contig.category.genetic_code}"
    )
    exons_and_phases = zip(gene.exons, phases(gene), strict=True)
    return lines + [line("CDS", *exon, phase, attributes) for exon, phase in exons_and_phases]


def phases(gene: Gene) -> list[int]:
    """For each exon the bases to skip, in the direction of reading, to its first whole codon."""
    phases, read = [], 0
    for start, end in gene.exons[:: gene.strand]:
        phases.append(-read % 3)
        read += end - start
    return phases[:: gene.strand]


def genbank(contigs: Iterable[Contig]) -> str:
    """GenBank records with a translation in every CDS."""
    text = StringIO()
    SeqIO.write(map(_genbank_record, contigs), text, "genbank")
    return text.getvalue()


def _genbank_record(contig: Contig) -> SeqRecord:
    record = SeqRecord(
        Seq(contig.sequence), id=contig.name, name=contig.name, description=_description(contig)
    )
    record.annotations = {
        "molecule_type": "DNA",
        "topology": "linear",
        "data_file_division": DIVISIONS[contig.category.name],
        "date": "01-JAN-2000",
        "organism": f"synthetic {contig.category.name}",
    }
    record.features = [feature for gene in contig.genes for feature in _genbank_gene(contig, gene)]
    return record


def _genbank_gene(contig: Contig, gene: Gene) -> list[SeqFeature]:
    name = contig.protein_id(gene)
    # Biopython needs the exons in the direction of reading.
    exons = [SimpleLocation(*exon, gene.strand) for exon in gene.exons[:: gene.strand]]
    coding = CompoundLocation(exons) if len(exons) > 1 else exons[0]
    whole = SimpleLocation(gene.exons[0][0], gene.exons[-1][1], gene.strand)
    qualifiers = {
        "locus_tag": name,
        "codon_start": 1,
        "transl_table": contig.category.genetic_code,
        "protein_id": name,
        "translation": contig.protein(gene),
    }
    features = [SeqFeature(whole, "gene", qualifiers={"locus_tag": name})]
    if contig.category.spliced:
        features.append(SeqFeature(coding, "mRNA", qualifiers={"locus_tag": name}))
    return [*features, SeqFeature(coding, "CDS", qualifiers=qualifiers)]


def _header(contig: Contig) -> str:
    return f"{contig.name} {_description(contig)}"


def _description(contig: Contig) -> str:
    return f"synthetic {contig.category.name}, family {contig.group}"
