"""The genes of a sample, from GFF3, GTF or GenBank files."""

from collections import Counter
from collections.abc import Mapping, Sequence

from seqloom.seqs.annotations import kind_of, on_contigs
from seqloom.seqs.cds import Segment, cut_at_origin
from seqloom.seqs.drafts import DraftGene, DraftTranscript
from seqloom.seqs.genbank import read_genbank_genes
from seqloom.seqs.gene_places import NoPlaceError, in_order, moved, phases
from seqloom.seqs.genes import Exon, Gene, Transcript, collector_paused
from seqloom.seqs.gff3_genes import read_gff3_genes
from seqloom.seqs.gtf import read_gtf_genes

_READERS = {"gff3": read_gff3_genes, "gtf": read_gtf_genes, "genbank": read_genbank_genes}
_ELEMENTS = ("transposable_element", "transposon")

Placed = tuple[DraftTranscript, list[Segment]]


@collector_paused()
def read_genes(paths: Sequence[str], lengths: Mapping[str, int]) -> tuple[list[Gene], Counter[str]]:
    """The genes of a sample in the order of its contigs, and the numbers of ODDITIES.

    `lengths` are those of its contigs. Each gene of the files is in the list, or is counted under
    one name of LEFT_OUT.
    """
    oddities: Counter[str] = Counter()
    found = [gene for path in paths for gene in _READERS[kind_of(path)](path, oddities)]
    known = on_contigs(found, lengths) if found else []
    oddities["contig not in the sample"] += len(found) - len(known)
    genes = [
        gene
        for contig, draft in known
        for gene in _genes_of(draft, contig, lengths[contig], oddities)
    ]
    order = {contig: number for number, contig in enumerate(lengths)}
    genes.sort(key=lambda gene: (order[gene.contig], gene.start, gene.end, gene.name))
    _count_neighbors(genes, oddities)
    return genes, +oddities


def _genes_of(draft: DraftGene, contig: str, length: int, oddities: Counter[str]) -> list[Gene]:
    """The gene, or its parts on the sides of the origin; none if it is left out."""
    if reason := _why_left_out(draft):
        oddities[reason] += 1
        return []
    alive = [transcript for transcript in draft.transcripts if not transcript.is_pseudo]
    chosen = [transcript for transcript in alive if transcript.is_translated] or alive
    placed, reasons = [], []
    for transcript in chosen:
        try:
            placed.append((transcript, in_order(draft, transcript, contig, length)))
        except NoPlaceError as error:
            reasons.append(str(error))
    if not placed:
        oddities[reasons[0]] += 1
        return []
    canonical, segments = min(placed, key=_by_rank)
    strand = segments[0].strand
    kept = [(canonical, segments)]
    kept += [
        (transcript, segments)
        for transcript, segments in placed
        if transcript is not canonical and segments[0].strand == strand
    ]
    oddities["untranslated isoform"] += len(alive) - len(chosen)
    oddities["isoform left out"] += len(draft.transcripts) - len(alive) + len(chosen) - len(kept)
    oddities["several isoforms"] += len(kept) > 1
    is_left, is_right = _partial_sides(canonical, segments, length, oddities)
    code = int(canonical.code) if (canonical.code or "").isdecimal() else None
    biotype = _biotype(draft, canonical, oddities)
    oddities["other genetic code"] += code not in (None, 1, 11)
    parts = _parts(kept, length, oddities)
    oddities["gene across the origin"] += len(parts) > 1
    return [
        Gene(
            draft.name if len(parts) == 1 else f"{draft.name}.{number + 1}",
            contig,
            strand,
            biotype,
            transcripts,
            code,
            is_left or number > 0,
            is_right or number < len(parts) - 1,
        )
        for number, transcripts in enumerate(parts)
    ]


def _why_left_out(draft: DraftGene) -> str:
    """A name of LEFT_OUT, or nothing."""
    if draft.kind.startswith(_ELEMENTS) or draft.biotype.startswith(_ELEMENTS):
        return "gene of a transposable element"
    if draft.is_pseudo or "pseudogene" in (draft.kind + draft.biotype):
        return "pseudogene"
    if not draft.transcripts:
        return "gene without transcript"
    return "pseudogene" if all(one.is_pseudo for one in draft.transcripts) else ""


def _by_rank(placed: Placed) -> tuple[int, int, int, str]:
    """The least of these is canonical: by its tag, then the longest, of most exons, by name."""
    transcript, segments = placed
    bases = sum(segment.end - segment.start for segment in segments)
    return transcript.rank, -bases, -len(segments), transcript.name


def _biotype(draft: DraftGene, canonical: DraftTranscript, oddities: Counter[str]) -> str:
    if canonical.is_translated:
        return "CDS"
    biotype = canonical.kind
    if biotype == "transcript" and draft.biotype:
        biotype = draft.biotype
    if biotype in ("mRNA", "protein_coding"):
        oddities["mRNA without CDS"] += 1
        return "mRNA"
    return biotype


def _partial_sides(
    transcript: DraftTranscript, segments: Sequence[Segment], length: int, oddities: Counter[str]
) -> tuple[bool, bool]:
    """Whether a transcript goes on beyond its first and its last base, in genomic order."""
    sides = transcript.is_partial_left, transcript.is_partial_right
    if transcript.is_partial and not any(sides):
        first = min(segment.start for segment in segments)
        last = max(segment.end for segment in segments)
        sides = first == 0, last == length
        oddities["partial gene of unknown side"] += not any(sides)
    oddities["partial gene"] += any(sides)
    return sides


def _parts(
    placed: Sequence[Placed], length: int, oddities: Counter[str]
) -> list[tuple[Transcript, ...]]:
    """The transcripts between passes of the origin, most often one part."""
    reach = max(segment.end for _, segments in placed for segment in segments)
    parts: dict[int, list[Transcript]] = {}
    for transcript, segments in placed:
        first = min(segment.start for segment in segments)
        # One that begins beyond the origin, where another transcript of the gene crosses it.
        shift = length if first + length < reach else 0
        exons: dict[int, list[Exon]] = {}
        for segment, phase in zip(segments, phases(transcript, segments, oddities), strict=True):
            if reach <= length:
                exons.setdefault(0, []).append(Exon(segment.start, segment.end, phase))
                continue
            whole = moved(segment, shift)._replace(phase=phase)
            for start, end, _, inner, _ in cut_at_origin(whole, length):
                turn = start // length
                exon = Exon(start - turn * length, end - turn * length, inner)
                exons.setdefault(turn, []).append(exon)
        for turn, inside in exons.items():
            parts.setdefault(turn, []).append(Transcript(transcript.name, tuple(sorted(inside))))
    return [tuple(parts[turn]) for turn in sorted(parts)]


def _count_neighbors(genes: Sequence[Gene], oddities: Counter[str]) -> None:
    """Count genes within another, and those that overlap an earlier one of the other strand."""
    reach: dict[tuple[str, str], int] = {}  # end of the genes so far, by contig and strand
    for gene in sorted(genes, key=lambda gene: (gene.contig, gene.start, -gene.end)):
        strands = gene.strand, "+-".strip(gene.strand)
        same, other = (reach.get((gene.contig, strand), 0) for strand in strands)
        oddities["nested gene"] += gene.end <= max(same, other)
        oddities["antisense gene"] += gene.start < other
        reach[gene.contig, gene.strand] = max(same, gene.end)
