"""Reading the genes of a GTF file, also of the bare kind that AUGUSTUS writes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import unquote

from seqloom.errors import InputError
from seqloom.seqs.cds import Segment
from seqloom.seqs.drafts import DraftGene, DraftTranscript, canonical_rank, is_slippage
from seqloom.seqs.gff3 import feature_columns, segment_of

_GENE = re.compile(r'\bgene_id "?([^";]+)')
_TRANSCRIPT = re.compile(r'\btranscript_id "?([^";]+)')
_ATTRIBUTE = re.compile(
    r"\b(gene_biotype|gene_type|transcript_biotype|transcript_type|tag|pseudo|transl_table|"
    r'exception|partial) "?([^";]*)'
)
_TRANSCRIPTS = ("transcript", "RNA")  # types end like this


@dataclass(slots=True)
class _Lines:
    """The lines of one type that belong to a transcript."""

    attributes: dict[str, str]  # of the first line
    segments: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class _Gene:
    attributes: dict[str, str] = field(default_factory=dict)
    transcripts: dict[str, dict[str, _Lines]] = field(default_factory=dict)  # by name, by type


def read_gtf_genes(path: str, oddities: Counter[str]) -> list[DraftGene]:
    """All genes of a file."""
    genes: dict[tuple[str, str], _Gene] = {}
    for number, columns in feature_columns(path, "GTF"):
        kind, text = columns[2], columns[8]
        is_part = kind in ("exon", "CDS", "stop_codon")
        if not (is_part or kind == "gene" or kind.endswith(_TRANSCRIPTS)):
            continue
        transcript = _first(_TRANSCRIPT, text)
        name = _first(_GENE, text) or transcript
        # AUGUSTUS writes the name alone: of genes, and of transcripts, whose parts repeat it.
        if not name and not is_part:
            if kind != "gene":
                continue
            name = text.strip()
        if not name:
            raise InputError(
                f"{path} line {number}: it has neither gene_id nor transcript_id; correct it"
            )
        gene = genes.setdefault((columns[0], name), _Gene())
        if kind == "gene":
            gene.attributes = _attributes(text)
            continue
        same = gene.transcripts.setdefault(transcript or name, {})
        if kind not in same:
            same[kind] = _Lines(_attributes(text))
        same[kind].segments.append(segment_of(columns, path, number))
    return [
        _draft(path, unquote(seqid), name, gene, oddities) for (seqid, name), gene in genes.items()
    ]


def _draft(path: str, seqid: str, name: str, gene: _Gene, oddities: Counter[str]) -> DraftGene:
    transcripts = [_transcript(key, lines, oddities) for key, lines in gene.transcripts.items()]
    lines = [lines for same in gene.transcripts.values() for lines in same.values()]
    attributes = gene.attributes or (lines[0].attributes if lines else {})
    return DraftGene(
        path,
        (seqid,),
        name,
        "gene",
        attributes.get("gene_biotype") or attributes.get("gene_type", ""),
        transcripts,
        is_pseudo=attributes.get("pseudo") == "true",
    )


def _transcript(name: str, same: dict[str, _Lines], oddities: Counter[str]) -> DraftTranscript:
    own = next((kind for kind in same if kind.endswith(_TRANSCRIPTS)), "")
    lines = next(same[kind] for kind in ("CDS", "exon", own, "stop_codon") if kind in same)
    attributes = next(iter(same.values())).attributes
    biotype = attributes.get("transcript_biotype") or attributes.get("transcript_type", "")
    tags = attributes.get("tag", "")
    segments, is_translated = lines.segments, "CDS" in same
    if is_translated and "stop_codon" in same:
        segments = _with_stop(segments, same["stop_codon"].segments, oddities)
    elif not is_translated and "exon" not in same:
        oddities["transcript without exon lines"] += 1
    ends = ("cds_start_NF" in tags, "cds_end_NF" in tags)[:: -1 if segments[0].strand == "-" else 1]
    return DraftTranscript(
        name,
        biotype if own in ("", "transcript") and biotype else own or "transcript",
        segments,
        is_translated,
        canonical_rank(tags),
        lines.attributes.get("transl_table"),
        is_pseudo=attributes.get("pseudo") == "true" or "pseudogene" in biotype,
        slips=is_slippage(lines.attributes.get("exception", "")),
        is_partial=lines.attributes.get("partial") == "true",
        is_partial_left=ends[0],
        is_partial_right=ends[1],
    )


def _with_stop(
    cds: Sequence[Segment], stops: Sequence[Segment], oddities: Counter[str]
) -> list[Segment]:
    """The CDS with its stop codon, unless it has it; an intron may divide the codon."""
    beside = [
        stop for stop in stops if not any(s.start <= stop.start and stop.end <= s.end for s in cds)
    ]
    oddities["stop codon beside its CDS"] += bool(beside)
    rises = all(a.start <= b.start for a, b in pairwise(cds))
    result = list(cds)
    for stop in beside:
        for number, segment in enumerate(result):
            if stop.start == segment.end or stop.end == segment.start:
                start, end = min(segment.start, stop.start), max(segment.end, stop.end)
                result[number] = segment._replace(start=start, end=end)
                break
        else:
            result.append(stop)
    return sorted(result) if rises else result


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _attributes(text: str) -> dict[str, str]:
    pairs = _ATTRIBUTE.findall(text)
    tags = ",".join(value for key, value in pairs if key == "tag")
    return dict(pairs) | ({"tag": tags} if tags else {})
