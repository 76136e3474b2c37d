"""The proteins that genes code for."""

from collections.abc import Iterable, Iterator

from Bio.Seq import reverse_complement, translate

from seqloom.annotate.signals import start_and_stop_codons
from seqloom.seqs.genes import Gene, Transcript


def proteins(
    genes: Iterable[Gene], contig: str, genetic_code: int
) -> Iterator[tuple[Transcript, str]]:
    """All coding transcripts of the genes of a contig, whose letters are given, with proteins.

    The genetic code that the annotation names for a gene comes before that of the sample.
    """
    for gene in genes:
        if gene.biotype == "CDS":
            for transcript in gene.transcripts:
                coding = coding_sequence(transcript, gene.strand, contig)
                is_whole = not (gene.partial_left if gene.strand == "+" else gene.partial_right)
                yield transcript, translated(coding, gene.genetic_code or genetic_code, is_whole)


def coding_sequence(transcript: Transcript, strand: str, contig: str) -> str:
    """The letters from the first whole codon on, in the direction of reading."""
    letters = "".join(contig[exon.start : exon.end] for exon in transcript.exons)
    if strand == "-":
        letters = reverse_complement(letters)
    first = transcript.exons[0 if strand == "+" else -1]
    return letters[first.phase or 0 :]


def translated(coding: str, genetic_code: int, is_whole: bool) -> str:
    """The protein without its stop; that of a whole gene begins with M if its first codon can."""
    residues = translate(coding[: len(coding) // 3 * 3], genetic_code).removesuffix("*")
    starts, _ = start_and_stop_codons(genetic_code)
    return "M" + residues[1:] if is_whole and coding[:3] in starts else residues
