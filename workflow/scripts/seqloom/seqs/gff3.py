"""Reading the coding sequences of a GFF3 file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from seqloom.errors import InputError
from seqloom.seqs.cds import Cds, Part, opened, phases_of

_ATTRIBUTE = re.compile(r"(?:^|;) *(ID|Parent|pseudo|pseudogene|transl_table)=([^;]*)")
_GTF_ATTRIBUTE = re.compile(r'\s*\w+ "')


def read_gff3(path: str, unclear: list[str]) -> list[Cds]:
    """Its CDS, but for pseudogenes; places where strand or phase cannot be told go to `unclear`."""
    found: dict[tuple[str, str | int], tuple[list[Part], str | None]] = {}
    circular, pseudo = set(), set()
    for number, columns in _gff3_columns(path):
        seqid = unquote(columns[0])
        if "Is_circular=true" in columns[8]:
            circular.add(seqid)
        attributes = dict(_ATTRIBUTE.findall(columns[8]))
        if _is_pseudo(attributes) or attributes.get("Parent", "") in pseudo:
            pseudo.add(attributes.get("ID"))
        elif columns[2] in ("CDS", "SO:0000316"):
            key = seqid, attributes.get("ID") or attributes.get("Parent") or number
            parts, _ = found.setdefault(key, ([], attributes.get("transl_table")))
            parts.append(_gff3_part(columns, path, number))
    result = []
    for (seqid, _), (parts, code) in found.items():
        is_circular = seqid in circular
        cds = Cds(path, (seqid,), _with_phases(parts, is_circular), code, is_circular)
        unclear += [cds.where(part) for part in cds.parts if not part.is_clear]
        result.append(replace(cds, parts=[part for part in cds.parts if part.is_clear]))
    return [cds for cds in result if cds.parts]


def _is_pseudo(attributes: Mapping[str, str]) -> bool:
    return attributes.get("pseudo") == "true" or "pseudogene" in attributes


def _gff3_columns(path: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of features with their numbers."""
    with opened(path) as text:
        for number, line in enumerate(text, start=1):
            if line.startswith(("##FASTA", ">")):
                break
            if line.startswith("#") or not line.strip():
                continue
            columns = line.rstrip("\n").split("\t")
            if len(columns) != 9:
                raise InputError(
                    f"{path} line {number}: GFF3 has 9 columns with tabs between them, this line "
                    f"has {len(columns)}; correct it"
                )
            if _GTF_ATTRIBUTE.match(columns[8]):
                raise InputError(
                    f"{path} line {number}: this is GTF, not GFF3; convert it, or give the GFF3"
                )
            yield number, columns


def _gff3_part(columns: Sequence[str], path: str, number: int) -> Part:
    _, _, _, start, end, _, strand, phase, _ = columns
    if not (start.isdecimal() and end.isdecimal() and 1 <= int(start) <= int(end)):
        wrong = f"start and end are {start!a} and {end!a}, not whole numbers in this order from 1"
    elif strand not in ("+", "-", ".", "?"):
        wrong = f"the strand is {strand!a}, not one of + - . ?"
    elif phase not in ("0", "1", "2", "."):
        wrong = f"the phase is {phase!a}, not one of 0 1 2 ."
    else:
        known_phase = None if phase == "." else int(phase)
        return Part(int(start) - 1, int(end), strand, known_phase, number)
    raise InputError(f"{path} line {number}: {wrong}; correct it")


def _with_phases(parts: Sequence[Part], is_circular: bool) -> Sequence[Part]:
    """Parts of a CDS with missing phases filled in, where the order of reading can be told."""
    strands = {part.strand for part in parts}
    is_unclear = len(strands) > 1 or (is_circular and len(parts) > 1)
    if all(part.phase is not None for part in parts) or is_unclear:
        return parts
    ordered = sorted(parts, key=lambda part: part.start, reverse=strands == {"-"})
    phases = phases_of((part.end - part.start for part in ordered), ordered[0].phase or 0)
    return [
        part if part.phase is not None else part._replace(phase=phase)
        for part, phase in zip(ordered, phases, strict=True)
    ]
