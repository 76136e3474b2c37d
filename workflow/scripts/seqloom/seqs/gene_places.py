"""The segments of a transcript in the order of reading, with their phases."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from seqloom.seqs.annotations import beyond_contig
from seqloom.seqs.cds import Segment, phases_of
from seqloom.seqs.drafts import DraftGene, DraftTranscript


class NoPlaceError(Exception):
    """Why a transcript cannot be placed: a name of LEFT_OUT."""


def in_order(
    gene: DraftGene, transcript: DraftTranscript, contig: str, length: int
) -> list[Segment]:
    """The segments in the order of reading; those beyond the origin go on after its length."""
    if transcript.why_left_out:
        raise NoPlaceError(transcript.why_left_out)
    segments = transcript.segments
    strands = {segment.strand for segment in segments}
    if strands == {"+", "-"}:
        raise NoPlaceError("trans-spliced gene")
    if strands != {"+"} and strands != {"-"}:
        raise NoPlaceError("gene without strand")
    step = 1 if strands == {"+"} else -1
    rising = sorted(segments, key=lambda segment: (segment.start, segment.end))
    last = max(rising, key=lambda segment: segment.end)
    if last.end > length and not gene.is_circular:
        raise beyond_contig(last, contig, length, gene)

    def turned(number: int) -> list[Segment]:
        """In the order of reading, if this number of segments lies beyond the origin."""
        return (rising[number:] + rising[:number])[::step]

    def unrolled(number: int) -> list[Segment]:
        beyond = [moved(segment, length) for segment in rising[:number]]
        return (rising[number:] + beyond)[::step]

    meets_ends = (rising[0].start == 0 and last.end == length) or last.end > length
    can_turn = meets_ends or (gene.is_in_order and gene.is_circular)
    turns = range(len(rising) if can_turn else 1)
    # The lines of a GFF3 are often sorted, which says nothing of the order of reading.
    if segments == rising and not gene.is_in_order:
        return min(map(unrolled, turns), key=_fit) if gene.is_circular else unrolled(0)
    for number in turns:
        if segments == turned(number):
            return unrolled(number)
    if gene.is_in_order:
        raise NoPlaceError("trans-spliced gene")
    if segments == rising[::-1] or (_are_phased(turned(0)) and not _are_phased(segments)):
        return unrolled(0)
    raise NoPlaceError("trans-spliced gene")


def phases(
    transcript: DraftTranscript, segments: Sequence[Segment], oddities: Counter[str]
) -> list[int | None]:
    """The phases of segments in the order of reading, as they follow from that of the first."""
    given = [segment.phase for segment in segments]
    if not transcript.is_translated:
        return [None] * len(given)
    first = given[0] or 0
    lengths = [segment.end - segment.start for segment in segments]
    computed = phases_of(lengths, first)
    is_partial = transcript.is_partial or transcript.is_partial_left or transcript.is_partial_right
    oddities["CDS not of whole codons"] += (sum(lengths) - first) % 3 > 0 and not is_partial
    oddities["missing phase"] += None in given
    known = [new if old is None else old for old, new in zip(given, computed, strict=True)]
    if transcript.slips or any(b.start < a.end and a.start < b.end for a, b in pairwise(segments)):
        oddities["ribosomal slippage"] += 1
        return known
    oddities["wrong phase"] += known != computed
    return computed


def moved(segment: Segment, distance: int) -> Segment:
    return segment._replace(start=segment.start + distance, end=segment.end + distance)


def _fit(segments: Sequence[Segment]) -> tuple[bool, int]:
    """The least of these is the best order: one that fits the phases, then the shortest gene."""
    span = max(segment.end for segment in segments) - min(segment.start for segment in segments)
    return not _are_phased(segments), span


def _are_phased(segments: Sequence[Segment]) -> bool:
    """Whether the phases are those of segments read in this order."""
    given = [segment.phase for segment in segments]
    lengths = [segment.end - segment.start for segment in segments]
    return None not in given and given == phases_of(lengths, given[0])
