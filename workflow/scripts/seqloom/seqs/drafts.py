"""Genes as annotation files give them, before they are placed on the contigs of a sample."""

from dataclasses import dataclass, field

from seqloom.seqs.cds import Annotated, Segment

# Each gene of a file is in the list of genes, or is counted once under one of these names.
LEFT_OUT = {
    "pseudogene": "A pseudogene is left out.",
    "gene of a transposable element": "A gene of a transposable element is left out.",
    "gene without transcript": "A gene with neither a transcript nor a CDS is left out.",
    "trans-spliced gene": "A gene whose parts are on both strands, or not in the order of one "
    "strand, is left out.",
    "gene without strand": "A gene without a strand is left out.",
    "gene of several records": "A gene with parts in another record is left out.",
    "gene of unclear location": "A gene whose location cannot be read is left out.",
    "contig not in the sample": "A gene on a contig that the sample lacks is left out.",
}
# These are read, as their sentences say.
READ = {
    "gene across the origin": "A gene across the origin of a circular contig becomes two partial "
    "genes, or more if it goes around more than once.",
    "partial gene": "A gene that the annotation calls partial is marked on the side it names, or "
    "at the end of the contig that it touches.",
    "partial gene of unknown side": "A gene called partial on no side, which touches no end of its "
    "contig, is not marked.",
    "CDS without gene line": "A CDS that names no gene or transcript of the file is a gene of its "
    "own.",
    "transcript without gene line": "A transcript that names no gene of the file is a gene of its "
    "own.",
    "CDS without transcript line": "A CDS directly below its gene is a transcript of it.",
    "transcript without exon lines": "A transcript that is not translated and has no exons is "
    "itself the exon.",
    "exon of no transcript": "An exon line that names no transcript or gene of the file is "
    "ignored.",
    "line of several parents": "A CDS or exon line of several transcripts belongs to each of them.",
    "ID of several features": "A line with the ID of a line of another type is ignored.",
    "several isoforms": "A gene of several transcripts has its canonical one first.",
    "untranslated isoform": "A transcript without CDS, of a gene with a CDS, is left out.",
    "isoform left out": "A transcript that is a pseudogene, trans-spliced or without strand is "
    "left out; its gene keeps the others.",
    "mRNA without CDS": "A gene with an mRNA but no CDS has the biotype mRNA.",
    "missing phase": "The phases of a CDS that lacks some follow from its first phase, or 0.",
    "wrong phase": "The phases of a CDS that disagree with its first phase are replaced.",
    "ribosomal slippage": "The segments of a CDS that slips, or that overlap, keep their phases.",
    "CDS not of whole codons": "A CDS of a number of bases that leaves a part of a codon is kept.",
    "stop codon beside its CDS": "The stop codon, which GTF has beside the CDS, is added to it.",
    "nested gene": "A gene within another gene is kept.",
    "antisense gene": "A gene that overlaps an earlier gene of the other strand is kept.",
    "other genetic code": "A gene of another genetic code than 1 and 11 carries its number.",
}
ODDITIES = LEFT_OUT | READ

# The first of these that a transcript carries makes it canonical.
_CANONICAL = (("MANE_Select", "MANE Select"), ("Ensembl_canonical",), ("RefSeq Select",))


@dataclass
class DraftTranscript:
    """A transcript as a file gives it."""

    name: str
    kind: str  # the type of its line, such as tRNA
    segments: list[Segment]  # of its CDS if it is translated, else its exons
    is_translated: bool
    rank: int = len(_CANONICAL)  # by its tags; the lowest is canonical
    code: str | None = None  # number of the genetic code
    is_pseudo: bool = False
    slips: bool = False
    is_partial: bool = False
    is_partial_left: bool = False
    is_partial_right: bool = False
    why_left_out: str = ""  # a name of LEFT_OUT


@dataclass(frozen=True)
class DraftGene(Annotated):
    """A gene as a file gives it."""

    name: str
    kind: str  # the type of its line, such as pseudogene
    biotype: str = ""
    transcripts: list[DraftTranscript] = field(default_factory=list)
    is_pseudo: bool = False
    is_circular: bool = False  # its contig is
    is_in_order: bool = False  # segments are in the order of reading


def canonical_rank(tags: str) -> int:
    """The rank of a transcript by its tags: MANE Select, Ensembl canonical, RefSeq Select, none."""
    ranks = (rank for rank, names in enumerate(_CANONICAL) if any(name in tags for name in names))
    return next(ranks, len(_CANONICAL))


def is_slippage(exception: str) -> bool:
    """Whether the exception of a CDS says that its reading frame slips."""
    return "slippage" in exception or "frameshift" in exception
