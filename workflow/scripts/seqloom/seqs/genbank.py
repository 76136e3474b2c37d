"""Reading the coding sequences of a GenBank file."""

import warnings

from Bio import BiopythonParserWarning, SeqIO
from Bio.SeqFeature import SeqFeature
from Bio.SeqRecord import SeqRecord

from seqloom.errors import InputError
from seqloom.seqs.cds import Cds, Segment, opened, phases_of


def read_genbank(path: str, unclear: list[str]) -> list[Cds]:
    """The CDS of a file without pseudogenes; records of unclear locations go to `unclear`."""
    result, read = [], 0
    with opened(path) as text, warnings.catch_warnings():
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
        # Biopython raises many kinds of errors for broken files.
        except (ValueError, AssertionError, LookupError, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split()) or "wrong layout"
            raise InputError(
                f"{path}, record number {read + 1}: it cannot be read as GenBank ({reason}); "
                "is it cut short? copy it again"
            ) from None
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
