"""The coding sequences (CDS) of a sample, from GFF3 or GenBank files."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import pyarrow as pa

from seqloom.errors import InputError
from seqloom.seqs.cds import Annotated, Cds, Segment, cut_at_origin, opened
from seqloom.seqs.genbank import read_genbank
from seqloom.seqs.gff3 import is_gtf, read_gff3

# One row per segment of a CDS: 0-based, half-open, on the forward strand. `phase` is the number of
# bases before its first whole codon, in the direction of reading; `cds` is the number
# of the CDS in the order of the files; `translation` is in the first row of a CDS, from GenBank.
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
# Of files that may have no genes.
_HEADS = {"##gff-version": "gff3", "#gtf-version": "gtf"}
_VERSION = re.compile(r"\.\d+$")
_SAME_CODONS = {"1", "11"}  # these two codes differ only in their start codons

Found = TypeVar("Found", bound=Annotated)

# The reader of GFF3 refuses GTF, with advice.
_READERS = {"gff3": read_gff3, "gtf": read_gff3, "genbank": read_genbank}

log = logging.getLogger(__name__)


def read_annotations(
    paths: Sequence[str], lengths: Mapping[str, int], genetic_code: int
) -> pa.Table:
    """All CDS of a sample as a table of SCHEMA; `lengths` are those of its contigs."""
    unclear: list[str] = []
    found = [cds for path in paths for cds in _READERS[kind_of(path)](path, unclear)]
    if unclear:
        log.warning(
            "%d CDS segments of unclear strand, phase or location are left out; the first: %s",
            len(unclear),
            unclear[0],
        )
    if not found:
        raise InputError(
            f"{', '.join(paths)}: there is no usable CDS in this annotation; "
            "remove it from the sample sheet, or give one with CDS features"
        )
    known = on_contigs(found, lengths)
    _warn_of_other_codes((cds.code for _, cds in known), genetic_code)
    rows = []
    for number, (contig, cds) in enumerate(known):
        translation = cds.translation
        for segment in cds.segments:
            for stretch in _within_contig(segment, contig, lengths[contig], cds):
                rows.append((contig, *stretch[:4], number, translation))
                translation = None
    return pa.table(list(zip(*rows, strict=True)), schema=SCHEMA)


def kind_of(path: str) -> str:
    """Whether a file is genbank, gtf or gff3, by its first lines."""
    version = ""
    with opened(path) as text:
        for line in text:
            if line.startswith("LOCUS"):
                return "genbank"
            version = next(filter(line.startswith, _HEADS), version)
            if line.strip() and not line.startswith("#"):
                if line.count("\t") == 8:
                    return "gtf" if is_gtf(line.rpartition("\t")[2]) else "gff3"
                break
    if version:  # and no genes
        return _HEADS[version]
    raise InputError(f"{path}: this is neither GFF3 nor GenBank; give a file of either kind")


def on_contigs(found: Sequence[Found], lengths: Mapping[str, int]) -> list[tuple[str, Found]]:
    """What lies on contigs of the sample, each with the name of its contig in the sample."""
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
    for feature in found:
        contig = next(filter(None, map(contig_of, feature.names)), None)
        if contig is None:
            unknown.setdefault(feature.names[0], feature.path)
        else:
            known.append((contig, feature))
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


def _within_contig(segment: Segment, contig: str, length: int, cds: Cds) -> list[Segment]:
    """The segment, divided at the origin if it crosses that of a circular contig."""
    if segment.end > length and (not cds.circular or segment.start >= length):
        raise beyond_contig(segment, contig, length, cds)
    return [
        stretch._replace(start=stretch.start % length, end=(stretch.end - 1) % length + 1)
        for stretch in cut_at_origin(segment, length)
    ]


def beyond_contig(segment: Segment, contig: str, length: int, source: Annotated) -> InputError:
    """The error for a segment that ends beyond its contig."""
    kind = "CDS" if segment.phase is not None else "exon"
    return InputError(
        f"{source.where(segment)}: a {kind} at {segment.start + 1}-{segment.end}, but contig "
        f'"{contig}" has {length} bases; give the annotation of this sequence'
    )
