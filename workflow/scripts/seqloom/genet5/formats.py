"""Genes as GTF, BED12 and FASTA."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from Bio.Seq import reverse_complement

from seqloom.seqs.genes import Gene


def gtf_lines(genes: Iterable[Gene], source: str, scores: dict[str, float]) -> Iterator[str]:
    """The stop codon is part of the CDS, as in GFF3; a gene that goes on has Ensembl's tags."""
    for gene in genes:
        is_coding = gene.biotype == "CDS"
        biotype = "protein_coding" if is_coding else gene.biotype
        ends = ("cds_start_NF", "cds_end_NF")[:: 1 if gene.strand == "+" else -1]
        tags = [
            ("tag", tag)
            for tag, is_cut in zip(ends, (gene.partial_left, gene.partial_right), strict=True)
            if is_cut
        ]
        code = [] if gene.genetic_code is None else [("transl_table", gene.genetic_code)]
        for transcript in gene.transcripts:
            whole = transcript.start, transcript.end, "."
            names = [("gene_id", gene.name), ("transcript_id", transcript.name)]
            own = [*names, ("gene_biotype", biotype), ("transcript_biotype", biotype), *tags]
            features = [("gene", *whole, [names[0], own[2]]), ("transcript", *whole, own)]
            features += [("exon", exon.start, exon.end, ".", own) for exon in transcript.exons]
            features += [
                ("CDS", exon.start, exon.end, exon.phase, own + code)
                for exon in transcript.exons
                if is_coding
            ]
            for kind, start, end, phase, attributes in features:
                text = " ".join(f'{key} "{value}";' for key, value in attributes)
                score = f"{scores[gene.name]:.4g}"
                columns = gene.contig, source, kind, start + 1, end, score, gene.strand, phase
                yield "\t".join(map(str, (*columns, text)))


def bed_lines(genes: Iterable[Gene], scores: dict[str, float]) -> Iterator[str]:
    """BED12, a line for each transcript; what is coding is thick."""
    for gene in genes:
        for one in gene.transcripts:
            thick = (one.start, one.end) if gene.biotype == "CDS" else (one.start, one.start)
            score = round(1000 * scores[gene.name])
            sizes = ",".join(str(exon.bases) for exon in one.exons)
            starts = ",".join(str(exon.start - one.start) for exon in one.exons)
            place = gene.contig, one.start, one.end, one.name, score, gene.strand
            yield "\t".join(map(str, (*place, *thick, 0, len(one.exons), sizes, starts)))


def exon_records(genes: Iterable[Gene], letters: str) -> Iterator[tuple[str, str]]:
    """Titles and letters of exons in the direction of reading."""
    return _parts(genes, letters, "exon")


def intron_records(genes: Iterable[Gene], letters: str) -> Iterator[tuple[str, str]]:
    return _parts(genes, letters, "intron")


def _parts(genes: Iterable[Gene], letters: str, kind: str) -> Iterator[tuple[str, str]]:
    for gene in genes:
        for transcript in gene.transcripts:
            places = [(exon.start, exon.end) for exon in transcript.exons]
            if kind == "intron":
                places = [(before[1], after[0]) for before, after in pairwise(places)]
            for number, (start, end) in enumerate(places[:: 1 if gene.strand == "+" else -1], 1):
                text = letters[start:end]
                where = f"{gene.contig}:{start + 1}-{end}({gene.strand})"
                title = f"{transcript.name}.{kind}{number} {where}"
                yield title, reverse_complement(text) if gene.strand == "-" else text
