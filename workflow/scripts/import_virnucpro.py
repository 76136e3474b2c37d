#!/usr/bin/env python3
"""Take embeddings from finished files of VirNucPro, in place of computing them again.

Give all payloads of one kind (_DNABERT_S.pt, _ESM.pt or _merged.pt) and the tables of all shards of
the sample, in the folder of the run: embeddings are written where the workflow looks for them.
"""

import argparse
import logging
from pathlib import Path

import numpy as np

from seqloom.cli import parser, run
from seqloom.config.paths import EMBEDDING
from seqloom.config.registry import REGISTRY, read_backend
from seqloom.embedding.virnucpro import (
    columns_by_backend,
    imported,
    joined,
    places,
    read_payload,
)
from seqloom.errors import InputError
from seqloom.files.atomic import atomic_all
from seqloom.files.provenance import as_strings, provenance
from seqloom.files.tables import read_table_metadata
from seqloom.files.tensors import write_tensors

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--payloads", type=Path, nargs="+", required=True)
    options.add_argument(
        "--backends", nargs="+", required=True, help="that made them; of _merged.pt both, DNA first"
    )
    options.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="a table per shard of the sample"
    )
    return options


def main(args: argparse.Namespace) -> None:
    for path in [*args.payloads, *args.frames]:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file; correct the path, or make the shards")
    payload = joined([read_payload(path) for path in args.payloads])
    backends = [read_backend(REGISTRY, name) for name in args.backends]
    inputs = {f"payload_{number}": path for number, path in enumerate(args.payloads, start=1)}
    origin = provenance("import_virnucpro", inputs, {}, ("torch",))
    tables = [read_table_metadata(table) for table in args.frames]
    chosen = places(payload, args.frames)
    written = []
    for backend, columns in zip(backends, columns_by_backend(payload, backends), strict=True):
        for table, rows in zip(tables, chosen, strict=True):
            where = {key: table[key] for key in ("cut", "sample", "shard")}
            tensors = {"embedding": columns[rows], "pieces": np.ones(len(rows), np.int32)}
            metadata = imported(backend, table) | {"provenance": origin}
            written.append((EMBEDDING.format(backend=backend.name, **where), tensors, metadata))
    with atomic_all(path for path, _, _ in written) as files:
        for file, (_, tensors, metadata) in zip(files, written, strict=True):
            write_tensors(file, tensors, as_strings(metadata))
    log.info("wrote %d embeddings of %d rows", len(written), len(payload.ids))


if __name__ == "__main__":
    run(main, arguments())
