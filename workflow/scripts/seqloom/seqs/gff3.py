"""The lines of GFF3 and GTF files, and the coding sequences of a GFF3 file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from seqloom.errors import InputError
from seqloom.seqs.cds import Cds, Segment, opened, phases_of

_ATTRIBUTE = re.compile(r"(?:^|;) *(ID|Parent|pseudo|pseudogene|transl_table)=([^;]*)")
_GTF_ATTRIBUTE = re.compile(r'\s*\w+ "')


def read_gff3(path: str, unclear: list[str]) -> list[Cds]:
    """The CDS of a file without pseudogenes.

    `unclear` gets the places of segments without a clear strand or phase, which are left out.
    """
    found: dict[tuple[str, str | int], tuple[list[Segment], str | None]] = {}
    circular, pseudo = set(), set()
    for number, columns in gff3_columns(path):
        seqid = unquote(columns[0])
        if "Is_circular=true" in columns[8]:
            circular.add(seqid)
        attributes = dict(_ATTRIBUTE.findall(columns[8]))
        if is_pseudo(attributes) or attributes.get("Parent", "") in pseudo:
            pseudo.add(attributes.get("ID"))
        elif columns[2] in ("CDS", "SO:0000316"):
            key = seqid, attributes.get("ID") or attributes.get("Parent") or number
            segments, _ = found.setdefault(key, ([], attributes.get("transl_table")))
            segments.append(segment_of(columns, path, number))
    result = []
    for (seqid, _), (segments, code) in found.items():
        is_circular = seqid in circular
        cds = Cds(path, (seqid,), _with_phases(segments, is_circular), code, is_circular)
        unclear += [cds.where(segment) for segment in cds.segments if not segment.is_clear]
        result.append(
            replace(cds, segments=[segment for segment in cds.segments if segment.is_clear])
        )
    return [cds for cds in result if cds.segments]


def is_pseudo(attributes: Mapping[str, str]) -> bool:
    return attributes.get("pseudo") == "true" or "pseudogene" in attributes


def gff3_columns(path: str) -> Iterator[tuple[int, list[str]]]:
    """The line numbers and columns of all feature lines of a GFF3 file."""
    for number, columns in feature_columns(path, "GFF3"):
        # A search for a quote is fast, and few files have any.
        if '"' in columns[8] and _GTF_ATTRIBUTE.match(columns[8]):
            raise InputError(
                f"{path} line {number}: this is GTF, not GFF3; convert it, or give the GFF3"
            )
        yield number, columns


def is_gtf(attributes: str) -> bool:
    """Whether the last column of a line is that of a GTF file.

    AUGUSTUS writes the bare name of a gene there, which GFF3 never has.
    """
    is_bare = "=" not in attributes and attributes.strip() not in ("", ".")
    return is_bare or bool(_GTF_ATTRIBUTE.match(attributes))


def feature_columns(path: str, kind: str) -> Iterator[tuple[int, list[str]]]:
    """The line numbers and columns of all feature lines of a GFF3 or GTF file."""
    with opened(path) as text:
        for number, line in enumerate(text, start=1):
            if line[0] in "#>":
                if line.startswith(("##FASTA", ">")):
                    break
                continue
            columns = line.rstrip("\n").split("\t")
            if len(columns) == 9:
                yield number, columns
            elif line.strip():
                raise InputError(
                    f"{path} line {number}: {kind} has 9 columns separated by tabs, but this line "
                    f"has {len(columns)}; correct it"
                )


def segment_of(columns: Sequence[str], path: str, number: int) -> Segment:
    """The place of a feature line, on the line with this number."""
    _, _, _, start, end, _, strand, phase, _ = columns
    if not (start.isdecimal() and end.isdecimal() and 1 <= int(start) <= int(end)):
        wrong = f"start and end are {start!a} and {end!a}, not whole numbers in this order from 1"
    elif strand not in ("+", "-", ".", "?"):
        wrong = f"the strand is {strand!a}, not one of + - . ?"
    elif phase not in ("0", "1", "2", "."):
        wrong = f"the phase is {phase!a}, not one of 0 1 2 ."
    else:
        known_phase = None if phase == "." else int(phase)
        return Segment(int(start) - 1, int(end), strand, known_phase, number)
    raise InputError(f"{path} line {number}: {wrong}; correct it")


def _with_phases(segments: Sequence[Segment], is_circular: bool) -> Sequence[Segment]:
    """Segments of a CDS, with missing phases computed where the order of reading is clear."""
    strands = {segment.strand for segment in segments}
    is_unclear = len(strands) > 1 or (is_circular and len(segments) > 1)
    if all(segment.phase is not None for segment in segments) or is_unclear:
        return segments
    ordered = sorted(segments, key=lambda segment: segment.start, reverse=strands == {"-"})
    phases = phases_of((segment.end - segment.start for segment in ordered), ordered[0].phase or 0)
    return [
        segment if segment.phase is not None else segment._replace(phase=phase)
        for segment, phase in zip(ordered, phases, strict=True)
    ]
