"""The genes of an annotation in a file, so that it is read once."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqloom.files.atomic import atomic
from seqloom.files.damage import reraise_as_damaged
from seqloom.files.json_files import read_json
from seqloom.seqs.genes import Exon, Gene, Transcript, collector_paused


def write_gene_index(
    path: str | Path, genes: Sequence[Gene], oddities: Counter[str], checksums: Sequence[str]
) -> None:
    """Write genes and oddities, with the checksums (SHA-256) of the files they are from."""
    content = {
        "annotation": list(checksums),
        "oddities": dict(sorted(oddities.items())),
        "genes": genes,
    }
    with atomic(path) as temporary:
        # An exon is a list in JSON; the other two are dataclasses.
        temporary.write_text(json.dumps(content, default=vars, separators=(",", ":")) + "\n")


@collector_paused()
def read_gene_index(path: str | Path) -> tuple[list[Gene], Counter[str], list[str]]:
    """The genes, oddities and checksums of an index."""
    content = read_json(path)
    with reraise_as_damaged(path, KeyError, TypeError):
        genes = [_gene(gene) for gene in content["genes"]]
        return genes, Counter(content["oddities"]), content["annotation"]


def _gene(fields: dict[str, Any]) -> Gene:
    transcripts = tuple(
        Transcript(transcript["name"], tuple(Exon(*exon) for exon in transcript["exons"]))
        for transcript in fields["transcripts"]
    )
    return Gene(**fields | {"transcripts": transcripts})
