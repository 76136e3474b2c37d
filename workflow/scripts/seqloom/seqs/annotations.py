"""The coding sequences (CDS) of a sample, from GFF3 or GenBank files."""

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import NamedTuple, TextIO
from urllib.parse import unquote

import pyarrow as pa
from Bio import BiopythonParserWarning, SeqIO
from Bio.SeqFeature import SeqFeature
from Bio.SeqRecord import SeqRecord

from seqloom.errors import InputError
from seqloom.seqs.reading import DAMAGED, open_packed

# A row per part of a CDS: 0-based, half-open, on the forward strand. `phase` counts the bases to
# skip, in the direction of reading, to the first whole codon of this part; `cds` numbers the CDS
# in the order of the files; `translation` stands in the first row of a CDS, where GenBank gives it.
SCHEMA = pa.schema(
    [
        ("contig", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", pa.string()),
        ("phase", pa.int8()),
        ("cds", pa.int32()),
        ("translation", pa.string()),
    ]
)
_ATTRIBUTE = re.compile(r"(?:^|;) *(ID|Parent|pseudo|pseudogene|transl_table)=([^;]*)")
_GTF_ATTRIBUTE = re.compile(r'\s*\w+ "')
_VERSION = re.compile(r"\.\d+$")
_SAME_CODONS = {"1", "11"}  # these two differ in their starts only

log = logging.getLogger(__name__)


class _Part(NamedTuple):
    start: int
    end: int
    strand: str
    phase: int | None
    line: int | None = None

    @property
    def is_clear(self) -> bool:
        return self.phase is not None and self.strand in ("+", "-")


@dataclass(frozen=True)
class _Cds:
    path: str
    names: tuple[str, ...]  # what the file calls the contig, the best name first
    parts: Sequence[_Part]
    code: str | None  # number of the genetic code
    circular: bool = False
    translation: str | None = None

    def where(self, part: _Part) -> str:
        place = f" line {part.line}" if part.line else f', record "{self.names[0]}"'
        return self.path + place


def read_annotations(
    paths: Sequence[str], lengths: Mapping[str, int], genetic_code: int
) -> pa.Table:
    """All CDS of a sample whose contigs have these lengths, as a table of SCHEMA."""
    unclear: list[str] = []
    found = [cds for path in paths for cds in _reader(path)(path, unclear)]
    if unclear:
        log.warning(
            "%d parts of CDS are left out: strand, phase or location cannot be told; the first: %s",
            len(unclear),
            unclear[0],
        )
    if not found:
        raise InputError(
            f"{', '.join(paths)}: there is no usable CDS in this annotation; "
            "remove it from the sample sheet, or give one with CDS features"
        )
    known = _on_contigs(found, lengths)
    _warn_of_other_codes((cds.code for _, cds in known), genetic_code)
    rows = []
    for number, (contig, cds) in enumerate(known):
        translation = cds.translation
        for part in cds.parts:
            for piece in _within_contig(part, contig, lengths[contig], cds):
                rows.append((contig, *piece[:4], number, translation))
                translation = None
    return pa.table(list(zip(*rows, strict=True)), schema=SCHEMA)


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    """The text of a file, whatever the compression."""
    try:
        with open_packed(path) as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
    except DAMAGED as error:
        raise InputError(
            f"{path}: reading fails ({error}); is it cut short? copy it again"
        ) from None


def _reader(path: str) -> Callable[[str, list[str]], list[_Cds]]:
    """What reads this file, by its first line."""
    with _opened(path) as text:
        for line in text:
            if line.startswith("LOCUS"):
                return _read_genbank
            if line.startswith("##gff-version"):
                return _read_gff3
            if line.strip() and not line.startswith("#"):
                if line.count("\t") == 8:
                    return _read_gff3
                break
    raise InputError(f"{path}: this is neither GFF3 nor GenBank; give a file of either kind")


def _read_gff3(path: str, unclear: list[str]) -> list[_Cds]:
    """Its CDS, but for pseudogenes; places where strand or phase cannot be told go to `unclear`."""
    found: dict[tuple[str, str | int], tuple[list[_Part], str | None]] = {}
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
        cds = _Cds(path, (seqid,), _with_phases(parts, is_circular), code, is_circular)
        unclear += [cds.where(part) for part in cds.parts if not part.is_clear]
        result.append(replace(cds, parts=[part for part in cds.parts if part.is_clear]))
    return [cds for cds in result if cds.parts]


def _is_pseudo(attributes: Mapping[str, str]) -> bool:
    return attributes.get("pseudo") == "true" or "pseudogene" in attributes


def _gff3_columns(path: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of features with their numbers."""
    with _opened(path) as text:
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


def _gff3_part(columns: Sequence[str], path: str, number: int) -> _Part:
    _, _, _, start, end, _, strand, phase, _ = columns
    if not (start.isdecimal() and end.isdecimal() and 1 <= int(start) <= int(end)):
        wrong = f"start and end are {start!a} and {end!a}, not whole numbers in this order from 1"
    elif strand not in ("+", "-", ".", "?"):
        wrong = f"the strand is {strand!a}, not one of + - . ?"
    elif phase not in ("0", "1", "2", "."):
        wrong = f"the phase is {phase!a}, not one of 0 1 2 ."
    else:
        known_phase = None if phase == "." else int(phase)
        return _Part(int(start) - 1, int(end), strand, known_phase, number)
    raise InputError(f"{path} line {number}: {wrong}; correct it")


def _with_phases(parts: Sequence[_Part], is_circular: bool) -> Sequence[_Part]:
    """Parts of a CDS with missing phases filled in, where the order of reading can be told."""
    strands = {part.strand for part in parts}
    is_unclear = len(strands) > 1 or (is_circular and len(parts) > 1)
    if all(part.phase is not None for part in parts) or is_unclear:
        return parts
    ordered = sorted(parts, key=lambda part: part.start, reverse=strands == {"-"})
    phases = _phases((part.end - part.start for part in ordered), ordered[0].phase or 0)
    return [
        part if part.phase is not None else part._replace(phase=phase)
        for part, phase in zip(ordered, phases, strict=True)
    ]


def _phases(lengths: Iterable[int], first: int) -> list[int]:
    """Phases of stretches that are read one after the other, the first of them with this phase."""
    return [(first - read) % 3 for read in accumulate(lengths, initial=0)][:-1]


def _read_genbank(path: str, unclear: list[str]) -> list[_Cds]:
    """Its CDS, but for pseudogenes; records with locations that cannot be told go to `unclear`."""
    result, read = [], 0
    with _opened(path) as text, warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonParserWarning)
        try:
            for record in SeqIO.parse(text, "genbank"):
                read += 1
                for feature in record.features:
                    if feature.type != "CDS" or {"pseudo", "pseudogene"} & set(feature.qualifiers):
                        continue
                    if feature.location is None:
                        unclear.append(f'{path}, record "{record.id}"')
                    else:
                        result.append(_genbank_cds(record, feature, path))
        # Biopython is not made for broken files: much may go wrong in it.
        except (ValueError, AssertionError, LookupError, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split()) or "wrong layout"
            raise InputError(
                f"{path}, record number {read + 1}: it cannot be read as GenBank ({reason}); "
                "is it cut short? copy it again"
            ) from None
    return [cds for cds in result if cds.parts]


def _genbank_cds(record: SeqRecord, feature: SeqFeature, path: str) -> _Cds:
    first, code, translation = (
        feature.qualifiers.get(name, [None])[0]
        for name in ("codon_start", "transl_table", "translation")
    )
    if first not in (None, "1", "2", "3"):
        raise InputError(
            f'{path}, record "{record.id}": codon_start is {first!a}, not 1, 2 or 3; correct it'
        )
    # Biopython gives the parts in the direction of reading, on both strands.
    places = feature.location.parts
    phases = _phases(map(len, places), int(first or 1) - 1)
    parts = [
        _Part(int(place.start), int(place.end), "-" if place.strand == -1 else "+", phase)
        for place, phase in zip(places, phases, strict=True)
        if place.ref is None  # else it lies in another record
    ]
    return _Cds(path, (record.id, record.name), parts, code, translation=translation)


def _on_contigs(found: Sequence[_Cds], lengths: Mapping[str, int]) -> list[tuple[str, _Cds]]:
    """The CDS of the sample's contigs, each with the sample's name of its contig."""
    versions: dict[str, list[str]] = {}
    for contig in lengths:
        versions.setdefault(_VERSION.sub("", contig), []).append(contig)

    def contig_of(name: str) -> str | None:
        if name in lengths:
            return name
        if (bare := _VERSION.sub("", name)) in lengths:
            return bare
        only = versions.get(name, [])
        return only[0] if len(only) == 1 else None

    known, unknown = [], {}
    for cds in found:
        contig = next(filter(None, map(contig_of, cds.names)), None)
        if contig is None:
            unknown.setdefault(cds.names[0], cds.path)
        else:
            known.append((contig, cds))
    if not known:
        name, path = next(iter(unknown.items()))
        raise InputError(
            f'{path}: it annotates no contig of the sample; it has names like "{name}", '
            f'the sample like "{next(iter(lengths), "")}"; give the annotation of these contigs'
        )
    if unknown:
        log.warning(
            'the sample lacks %d contigs of its annotation, such as "%s"',
            len(unknown),
            next(iter(unknown)),
        )
    return known


def _warn_of_other_codes(codes: Iterable[str | None], genetic_code: int) -> None:
    expected = str(genetic_code)
    same = _SAME_CODONS if expected in _SAME_CODONS else {expected}
    others = [code for code in codes if code is not None and code not in same]
    if others:
        log.warning(
            "%d CDS are annotated with another genetic code than the sample's, %s: the first has "
            "%s; correct genetic_code if the annotation is right",
            len(others),
            expected,
            others[0],
        )


def _within_contig(part: _Part, contig: str, length: int, cds: _Cds) -> list[_Part]:
    """The part; or, where it crosses the origin of a circular contig, the pieces of it."""
    if part.end <= length:
        return [part]
    if not cds.circular or part.start >= length:
        raise InputError(
            f'{cds.where(part)}: a CDS at {part.start + 1}-{part.end}, but contig "{contig}" has '
            f"{length} bases; give the annotation of this very sequence"
        )
    cuts = [part.start, *range(length, part.end, length), part.end]
    bounds = list(pairwise(cuts))
    if part.strand == "-":
        bounds.reverse()
    phases = _phases((end - start for start, end in bounds), part.phase)
    return [
        part._replace(start=start % length, end=(end - 1) % length + 1, phase=phase)
        for (start, end), phase in zip(bounds, phases, strict=True)
    ]
