"""Reading the coding sequences and the genes of a GenBank file."""

import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from Bio import BiopythonParserWarning, SeqIO
from Bio.SeqFeature import AfterPosition, BeforePosition, SeqFeature
from Bio.SeqRecord import SeqRecord

from seqloom.errors import InputError
from seqloom.seqs.cds import Cds, Segment, opened, phases_of
from seqloom.seqs.drafts import DraftGene, DraftTranscript, is_slippage

Read = TypeVar("Read")


def read_genbank(path: str, unclear: list[str]) -> list[Cds]:
    """The CDS of a file without pseudogenes; records of unclear locations go to `unclear`."""
    return _of_records(path, partial(_coding_sequences, path=path, unclear=unclear))


def read_genbank_genes(path: str, oddities: Counter[str]) -> list[DraftGene]:
    """All genes of a file."""
    return _of_records(path, partial(_genes, path=path, oddities=oddities))


def _of_records(path: str, read: Callable[[SeqRecord], list[Read]]) -> list[Read]:
    """What a function reads from each record of a file."""
    result, number = [], 0
    with opened(path) as text, warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonParserWarning)
        try:
            for record in SeqIO.parse(text, "genbank"):
                number += 1
                result += read(record)
        # Biopython raises many kinds of errors for broken files.
        except (ValueError, AssertionError, LookupError, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split()) or "wrong layout"
            raise InputError(
                f"{path}, record number {number + 1}: it cannot be read as GenBank ({reason}); "
                "is it cut short? copy it again"
            ) from None
    return result


def _coding_sequences(record: SeqRecord, path: str, unclear: list[str]) -> list[Cds]:
    result = []
    for feature in record.features:
        if feature.type != "CDS" or _is_pseudo(feature):
            continue
        if feature.location is None:
            unclear.append(f'{path}, record "{record.id}"')
        else:
            result.append(_genbank_cds(record, feature, path))
    return [cds for cds in result if cds.segments]


def _genbank_cds(record: SeqRecord, feature: SeqFeature, path: str) -> Cds:
    first, code, translation = (
        feature.qualifiers.get(name, [None])[0]
        for name in ("codon_start", "transl_table", "translation")
    )
    if first not in (None, "1", "2", "3"):
        raise InputError(
            f'{path}, record "{record.id}": codon_start is {first!a}, not 1, 2 or 3; correct it'
        )
    # Biopython gives the segments in the direction of reading on both strands.
    places = feature.location.parts
    phases = phases_of(map(len, places), int(first or 1) - 1)
    segments = [
        Segment(int(place.start), int(place.end), "-" if place.strand == -1 else "+", phase)
        for place, phase in zip(places, phases, strict=True)
        if place.ref is None  # the others lie in another record
    ]
    return Cds(path, (record.id, record.name), segments, code, translation=translation)


def _genes(record: SeqRecord, path: str, oddities: Counter[str]) -> list[DraftGene]:
    """The genes of a record.

    The features of a gene share a locus_tag; without one, they lie within its first feature and
    share its gene name, or have none like it.
    """
    genes: list[DraftGene] = []
    latest: dict[str, tuple[DraftGene, SeqFeature]] = {}  # by locus_tag, gene name or ""
    for feature in record.features:
        kind = feature.type
        if kind not in ("gene", "CDS") and not kind.endswith("RNA"):
            continue
        tag = _qualifier(feature, "locus_tag") or _qualifier(feature, "gene")
        gene, first = latest.get(tag, (None, None))
        if gene is None or kind == "gene" or not _belongs(feature, first):
            gene = DraftGene(
                path,
                (record.id, record.name),
                tag or _transcript_name(feature),
                "gene",
                is_pseudo=_is_pseudo(feature),
                is_circular=record.annotations.get("topology") == "circular",
                is_in_order=True,
            )
            genes.append(gene)
            latest[tag] = gene, feature
            if kind != "gene":
                line = "CDS" if kind == "CDS" else "transcript"
                oddities[f"{line} without gene line"] += 1
        if kind != "gene":
            gene.transcripts.append(_transcript(record, feature, path))
    for gene in genes:
        # Their mRNA has no translation of its own.
        if any(transcript.is_translated for transcript in gene.transcripts):
            gene.transcripts[:] = [one for one in gene.transcripts if one.kind != "mRNA"]
    return genes


def _belongs(feature: SeqFeature, first: SeqFeature) -> bool:
    """Whether a feature is of the gene of this feature, the first of the same tag."""
    if "locus_tag" in feature.qualifiers or None in (feature.location, first.location):
        return True
    if "gene" not in feature.qualifiers and first.type != "gene":
        return False
    a, b = feature.location, first.location
    return a.strand == b.strand and b.start <= a.start and a.end <= b.end


def _transcript(record: SeqRecord, feature: SeqFeature, path: str) -> DraftTranscript:
    is_translated = feature.type == "CDS"
    made = DraftTranscript(
        _transcript_name(feature), feature.type, [], is_translated, is_pseudo=_is_pseudo(feature)
    )
    if feature.location is None:
        made.why_left_out = "gene of unclear location"
        return made
    places = feature.location.parts
    if any(place.ref is not None for place in places):
        made.why_left_out = "gene of several records"
    cds = _genbank_cds(record, feature, path)
    made.segments = list(cds.segments)
    made.code = cds.code if is_translated else None
    made.slips = "ribosomal_slippage" in feature.qualifiers or is_slippage(
        _qualifier(feature, "exception")
    )
    made.is_partial_left = any(isinstance(place.start, BeforePosition) for place in places)
    made.is_partial_right = any(isinstance(place.end, AfterPosition) for place in places)
    return made


def _transcript_name(feature: SeqFeature) -> str:
    place = "nowhere" if feature.location is None else int(feature.location.start) + 1
    names = (_qualifier(feature, name) for name in ("protein_id", "locus_tag", "gene"))
    return next(filter(None, names), f"{feature.type} at {place}")


def _qualifier(feature: SeqFeature, name: str) -> str:
    return feature.qualifiers.get(name, [""])[0]


def _is_pseudo(feature: SeqFeature) -> bool:
    return bool({"pseudo", "pseudogene"} & set(feature.qualifiers))
