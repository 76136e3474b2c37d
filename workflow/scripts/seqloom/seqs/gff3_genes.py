"""Reading the genes of a GFF3 file."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from urllib.parse import unquote

from seqloom.seqs.cds import Segment
from seqloom.seqs.drafts import DraftGene, DraftTranscript, canonical_rank, is_slippage
from seqloom.seqs.gff3 import gff3_columns, is_pseudo, segment_of

_ATTRIBUTE = re.compile(
    r"(?:^|;) *(biotype|gene_biotype|pseudo|pseudogene|transl_table|tag|exception|partial|"
    r"start_range|end_range)=([^;]*)"
)
_SAME_KINDS = {
    "SO:0000316": "CDS",
    "SO:0000147": "exon",
    "SO:0000704": "gene",
    "SO:0000234": "mRNA",
}
_TRANSCRIPTS = ("RNA", "transcript", "gene_segment", "ribozyme")  # types end like this
_PARTS = ("UTR", "intron", "_codon")  # so end types of lines that genes do not need


@dataclass(slots=True)
class _Feature:
    """The lines of one feature."""

    kind: str
    parents: tuple[str, ...]
    attributes: dict[str, str]  # of its first line
    segments: list[Segment] = field(default_factory=list)
    is_partial_left: bool = False
    is_partial_right: bool = False

    def add(self, segment: Segment, text: str) -> None:
        self.segments.append(segment)
        # Few lines have these, and a search for a word is fast.
        if "_range=" in text:
            ranges = dict(_ATTRIBUTE.findall(text))
            self.is_partial_left |= ranges.get("start_range", "").startswith(".")
            self.is_partial_right |= ranges.get("end_range", "").endswith(".")


@dataclass
class _Contig:
    """The features of a contig that can belong to genes."""

    is_circular: bool = False
    features: dict[str, _Feature] = field(default_factory=dict)  # genes and transcripts by ID
    exons: dict[str, list[Segment]] = field(default_factory=dict)  # by parent
    cds: dict[str, dict[str, _Feature]] = field(default_factory=dict)  # by parent, and by ID

    def is_gene(self, feature: _Feature) -> bool:
        above = (self.features[parent] for parent in feature.parents if parent in self.features)
        return feature.kind.endswith("gene") and not any(
            parent.kind.endswith("gene") for parent in above
        )

    def is_transcript(self, name: str) -> bool:
        """Whether a feature below a gene, or below none, is a transcript by its type or parts."""
        kind = self.features[name].kind
        return kind.endswith(_TRANSCRIPTS) or name in self.cds or name in self.exons


def read_gff3_genes(path: str, oddities: Counter[str]) -> list[DraftGene]:
    """All genes of a file."""
    contigs: dict[str, _Contig] = {}
    for number, columns in gff3_columns(path):
        contig = contigs.get(columns[0])
        if contig is None:
            contig = contigs[columns[0]] = _Contig()
        kind = _SAME_KINDS.get(columns[2], columns[2])
        if kind == "exon":
            _add_exon(contig, columns, path, number, oddities)
        elif kind == "CDS":
            _add_cds(contig, columns, path, number, oddities)
        elif not kind.endswith(_PARTS):
            _add_feature(contig, kind, columns, path, number, oddities)
    return [
        gene
        for seqid, contig in contigs.items()
        for gene in _genes(path, unquote(seqid), contig, oddities).values()
    ]


def _add_exon(
    contig: _Contig, columns: list[str], path: str, number: int, oddities: Counter[str]
) -> None:
    parents = _names("Parent=", columns[8])
    if len(parents) != 1:
        oddities["line of several parents" if parents else "exon of no transcript"] += 1
    segment = segment_of(columns, path, number)
    for parent in parents:
        contig.exons.setdefault(parent, []).append(segment)


def _add_cds(
    contig: _Contig, columns: list[str], path: str, number: int, oddities: Counter[str]
) -> None:
    text = columns[8]
    parents = _names("Parent=", text)
    if len(parents) > 1:
        oddities["line of several parents"] += 1
    # Lines without ID are of one CDS if they have the same parent.
    name = _name(text) or ("" if parents else _of_line(columns, number))
    segment = segment_of(columns, path, number)
    for parent in parents or [""]:
        same = contig.cds.setdefault(parent, {})
        if name not in same:
            same[name] = _Feature("CDS", parents, dict(_ATTRIBUTE.findall(text)))
        same[name].add(segment, text)


def _add_feature(
    contig: _Contig,
    kind: str,
    columns: list[str],
    path: str,
    number: int,
    oddities: Counter[str],
) -> None:
    text = columns[8]
    contig.is_circular |= "Is_circular=true" in text
    parents = _names("Parent=", text)
    if not parents and not kind.endswith(("gene", *_TRANSCRIPTS)):
        return
    name = _name(text) or _of_line(columns, number)
    feature = contig.features.get(name)
    if feature is None:
        feature = _Feature(kind, parents, dict(_ATTRIBUTE.findall(text)))
        contig.features[name] = feature
    if feature.kind != kind:
        oddities["ID of several features"] += 1
    else:
        feature.add(segment_of(columns, path, number), text)


def _genes(path: str, seqid: str, contig: _Contig, oddities: Counter[str]) -> dict[str, DraftGene]:
    """The genes of a contig by ID, also those that have no line of their own."""
    genes: dict[str, DraftGene] = {}

    def add_gene(name: str, feature: _Feature) -> None:
        genes[name] = DraftGene(
            path,
            (seqid,),
            name,
            feature.kind,
            _biotype(feature),
            is_pseudo=is_pseudo(feature.attributes),
            is_circular=contig.is_circular,
        )

    def add_transcripts(owner: str, made: list[DraftTranscript], oddity: str) -> None:
        if owner not in genes:
            add_gene(owner, _Feature("gene", (), {}))
            oddities[oddity] += 1
        genes[owner].transcripts.extend(made)

    for name, feature in contig.features.items():
        if contig.is_gene(feature):
            add_gene(name, feature)
    of_file, transcripts = set(genes), set()
    for name, feature in contig.features.items():
        # What is below a transcript, such as a mature miRNA, is no transcript of the gene.
        owners = [p for p in feature.parents if p in of_file or p not in contig.features]
        if not feature.parents:
            owners = [name]
        if name not in of_file and owners and contig.is_transcript(name):
            transcripts.add(name)
            made = _transcripts(name, feature, contig, oddities)
            for owner in owners:
                add_transcripts(owner, made, "transcript without gene line")
    for parent, same in contig.cds.items():
        for name, cds in same.items():
            known = [p for p in cds.parents if p in of_file or p in transcripts]
            first = next(iter(known or cds.parents), "")
            if parent in transcripts or parent not in (*known, first):
                continue
            oddities["CDS without transcript line"] += parent in of_file
            owner = parent or name
            add_transcripts(owner, [_translated(name or owner, cds)], "CDS without gene line")
    for parent, exons in contig.exons.items():
        if parent in of_file and not genes[parent].transcripts:
            made = DraftTranscript(parent, "transcript", exons, is_translated=False)
            genes[parent].transcripts.append(made)
        elif parent not in genes and parent not in contig.features:
            oddities["exon of no transcript"] += len(exons)
    return genes


def _transcripts(
    name: str, feature: _Feature, contig: _Contig, oddities: Counter[str]
) -> list[DraftTranscript]:
    """The translations of a transcript, or the transcript itself if it has none."""
    translations = _translations(contig.cds.get(name, {}))
    if len(translations) == 1:
        [cds] = translations.values()
        return [_translated(name, cds, feature)]
    if translations:
        return [_translated(key, cds, feature) for key, cds in translations.items()]
    if name not in contig.exons:
        oddities["transcript without exon lines"] += 1
    kind = feature.kind
    return [
        DraftTranscript(
            name,
            _biotype(feature) or kind if kind == "transcript" else kind,
            contig.exons.get(name, feature.segments),
            is_translated=False,
            rank=canonical_rank(feature.attributes.get("tag", "")),
            is_pseudo=is_pseudo(feature.attributes) or "pseudogen" in kind + _biotype(feature),
            is_partial=feature.attributes.get("partial") == "true",
            is_partial_left=feature.is_partial_left,
            is_partial_right=feature.is_partial_right,
        )
    ]


def _translations(same: Mapping[str, _Feature]) -> Mapping[str, _Feature]:
    """The CDS of one transcript by ID.

    Some files give each segment an ID of its own; only where segments of several IDs overlap are
    they several translations of the transcript.
    """
    if len(same) < 2:
        return same
    segments = sorted(
        (segment for cds in same.values() for segment in cds.segments),
        key=lambda segment: segment.start,
    )
    if any(b.start < a.end for a, b in pairwise(segments)):
        return same
    name, first = next(iter(same.items()))
    joined = _Feature(
        first.kind,
        first.parents,
        first.attributes,
        [segment for cds in same.values() for segment in cds.segments],
        any(cds.is_partial_left for cds in same.values()),
        any(cds.is_partial_right for cds in same.values()),
    )
    return {name: joined}


def _translated(name: str, cds: _Feature, transcript: _Feature | None = None) -> DraftTranscript:
    above = transcript.attributes if transcript else {}
    return DraftTranscript(
        name,
        transcript.kind if transcript else "CDS",
        cds.segments,
        is_translated=True,
        rank=canonical_rank(above.get("tag", "") + cds.attributes.get("tag", "")),
        code=cds.attributes.get("transl_table"),
        is_pseudo=is_pseudo(cds.attributes) or is_pseudo(above),
        slips=is_slippage(cds.attributes.get("exception", "")),
        is_partial=cds.attributes.get("partial") == "true",
        is_partial_left=cds.is_partial_left,
        is_partial_right=cds.is_partial_right,
    )


def _biotype(feature: _Feature) -> str:
    return feature.attributes.get("gene_biotype") or feature.attributes.get("biotype", "")


def _of_line(columns: list[str], number: int) -> str:
    """The name of a feature without ID."""
    return f"{columns[2]} of line {number}"


def _name(text: str) -> str:
    return next(iter(_names("ID=", text)), "")


@lru_cache(8)  # lines of one transcript follow each other and often have the same attributes
def _names(key: str, text: str) -> tuple[str, ...]:
    """The names that an attribute lists, unless the text lacks it."""
    start = text.find(key)
    while start > 0 and text[start - 1] != ";" and not text[:start].rstrip(" ").endswith(";"):
        start = text.find(key, start + 1)
    if start < 0:
        return ()
    start += len(key)
    end = text.find(";", start)
    names = text[start : end if end > 0 else None].split(",")
    return tuple(unquote(name) if "%" in name else name for name in names)
