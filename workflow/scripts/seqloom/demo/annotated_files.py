"""The annotated genomes as FASTA and as GFF3 in the form of NCBI."""

from collections.abc import Iterable

from seqloom.demo.annotated import AnnotatedContig, Species, annotated_genome
from seqloom.demo.demo_files import fasta, phases
from seqloom.demo.simulate import Gene


def annotated_files(species: Species, seed: int) -> dict[str, str]:
    """The text of each file by file name; they are compressed later."""
    contigs = annotated_genome(species, seed)
    return {
        f"{species.name}.fa.gz": fasta((f"{c.name} synthetic", c.sequence) for c in contigs),
        f"{species.name}.gff3.gz": _gff3(species, contigs),
    }


def _gff3(species: Species, contigs: Iterable[AnnotatedContig]) -> str:
    """Gene and CDS, and between them mRNA and exons where the species has introns."""
    lines = ["##gff-version 3"]
    for contig in contigs:
        length = len(contig.sequence)
        lines.append(f"##sequence-region {contig.name} 1 {length}")
        circle = ";Is_circular=true" if species.is_circular else ""
        about = f"ID={contig.name}:1..{length}{circle};gbkey=Src;mol_type=genomic DNA"
        lines.append(_line(contig.name, "region", (0, length), "+", ".", about))
        for number, gene in enumerate(contig.genes, start=1):
            lines += _gene(species, contig.name, f"{contig.name}_{number:04}", gene)
    return "\n".join(lines) + "\n"


def _gene(species: Species, contig: str, name: str, gene: Gene) -> list[str]:
    strand = "+" if gene.strand > 0 else "-"
    whole = gene.exons[0][0], gene.exons[-1][1]
    tag, parent = f"locus_tag={name}", f"gene-{name}"
    about = f"ID=gene-{name};Name={name};gbkey=Gene;gene_biotype=protein_coding;{tag}"
    lines = [_line(contig, "gene", whole, strand, ".", about)]
    if len(species.introns) > 1:
        parent = f"rna-{name}"
        about = f"ID={parent};Parent=gene-{name};gbkey=mRNA;{tag}"
        lines.append(_line(contig, "mRNA", whole, strand, ".", about))
        for number, exon in enumerate(gene.exons[:: gene.strand], start=1):
            about = f"ID=exon-{name}-{number};Parent={parent};gbkey=mRNA;{tag}"
            lines.append(_line(contig, "exon", exon, strand, ".", about))
    about = (
        f"ID=cds-{name};Parent={parent};gbkey=CDS;{tag};product=simulated protein;"
        f"protein_id={name};transl_table={species.genetic_code}"
    )
    # NCBI lists the parts in the direction of reading.
    for exon, phase in list(zip(gene.exons, phases(gene), strict=True))[:: gene.strand]:
        lines.append(_line(contig, "CDS", exon, strand, phase, about))
    return lines


def _line(
    contig: str, kind: str, place: tuple[int, int], strand: str, phase: int | str, about: str
) -> str:
    columns = contig, "seqloom", kind, place[0] + 1, place[1], ".", strand, phase, about
    return "\t".join(map(str, columns))
