"""The payloads of VirNucPro, `_DNABERT_S.pt`, `_ESM.pt` and `_merged.pt`: written, and read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqloom.config.labels import LABELS
from seqloom.config.registry import Backend
from seqloom.embedding.export import Shard, all_ids
from seqloom.embedding.matrices import row_ids
from seqloom.errors import InputError

ENDS = {"dna": "_DNABERT_S.pt", "protein": "_ESM.pt", "merged": "_merged.pt"}
# In place of what is not known of an embedding that another program made.
IMPORTED = "imported"
_CHECKSUMS = ("weights_sha256", "config_sha256", "tokenizer_sha256")
# The key of the ids says which of the three a payload is.
_KINDS = {"nucleotide": "dna", "proteins": "protein", "ids": "merged"}


@dataclass(frozen=True)
class Payload:
    """What a payload holds: row i belongs to id i."""

    kind: str
    ids: list[str]
    rows: np.ndarray  # [n, columns], float32
    labels: Any  # only those of training sets have any


def read_payload(path: Path) -> Payload:
    """A payload, read without running code; an error if it is none, or its parts disagree."""
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        [key] = _KINDS.keys() & values.keys()
        ids, data = list(values[key]), values["data"]
        if key == "nucleotide":
            names = [entry["label"] for entry in data]
            rows = np.array([entry["mean_representation"] for entry in data], np.float32)
        else:
            names, rows = ids, torch.stack(list(data)).float().numpy()
    except Exception as error:  # the reader raises whatever damaged bytes lead it to
        raise InputError(
            f"{path}: cannot be read as a payload of VirNucPro ({type(error).__name__}): it is "
            "damaged, holds code, which is never run, or is another file; remove or replace it"
        ) from error
    if len(rows) != len(ids):
        raise InputError(f"{path}: {len(ids)} ids, but {len(rows)} rows; make it again")
    if names != ids:
        raise InputError(f"{path}: its rows are labeled otherwise than its ids; make it again")
    return Payload(_KINDS[key], ids, rows, values.get("labels"))


def joined(payloads: Sequence[Payload]) -> Payload:
    """Payloads of one kind as one; an id that comes twice is an error."""
    if len({(payload.kind, payload.rows.shape[1]) for payload in payloads}) > 1:
        raise InputError("payloads of several kinds or widths; give those of one kind at a time")
    ids = [name for payload in payloads for name in payload.ids]
    if len(set(ids)) < len(ids):
        raise InputError(f'id "{first_twice(ids)}" is in the payloads twice; give each once')
    return Payload(payloads[0].kind, ids, np.concatenate([p.rows for p in payloads]), None)


def first_twice(ids: Sequence[str]) -> str | None:
    """The first id that was there before, if any."""
    seen: set[str] = set()
    return next((name for name in ids if name in seen or seen.add(name)), None)


def columns_by_backend(payload: Payload, backends: Sequence[Backend]) -> list[np.ndarray]:
    """The columns of each backend, if the payload is one of these backends."""
    molecules = {"dna": ["dna"], "protein": ["protein"], "merged": ["dna", "protein"]}
    widths = [backend.width for backend in backends]
    found = [backend.molecule for backend in backends]
    if found != molecules[payload.kind] or sum(widths) != payload.rows.shape[1]:
        raise InputError(
            f"a payload {ENDS[payload.kind]} with {payload.rows.shape[1]} columns is not of "
            f"{' + '.join(f'{b.name} ({b.molecule}, {b.width})' for b in backends)}; name its "
            "backends, DNA first"
        )
    return np.split(payload.rows, np.cumsum(widths)[:-1], axis=1)


def places(payload: Payload, tables: Sequence[Path]) -> list[np.ndarray]:
    """Where the rows of each table of a sample are in the payload, whose ids must be theirs."""
    place = {name: number for number, name in enumerate(payload.ids)}
    names = [row_ids(table) for table in tables]
    for table, wanted in zip(tables, names, strict=True):
        if missing := [name for name in wanted if name not in place]:
            raise InputError(
                f'{table}: id "{missing[0]}" ({len(missing)} of {len(wanted)}) is not in the '
                "payloads; give all payloads, and tables of the same windows and frames"
            )
    if more := place.keys() - {name for wanted in names for name in wanted}:
        first = min(more, key=place.get)
        raise InputError(
            f'id "{first}" ({len(more)} of {len(place)}) of the payloads is in no table; give all '
            "tables of the sample, made with the same windows and frames"
        )
    return [np.array([place[name] for name in wanted], int) for wanted in names]


def imported(backend: Backend, table: Mapping[str, str]) -> dict[str, Any]:
    """The metadata of an embedding that was imported: what made it is not known."""
    read = {"dna": "fna_sha256", "protein": "faa_sha256"}[backend.molecule]
    unknown = ("dtype", "engine_version", "device", *_CHECKSUMS)
    return {
        "backend": backend.name,
        "pooling": backend.pooling,
        "reading": dict(backend.reading),
        "random": False,
        "revision": "",
        **dict.fromkeys(unknown, IMPORTED),
        **{key: table[key] for key in ("sample", "cut", "cut_settings", "shard", "rows")},
        "shard_sha256": table[read],
        "split_sequences": 0,
        "redone": {},
        "failures": {},
    }


def write_virnucpro(
    paths: Sequence[Path],
    dna: Sequence[Shard],
    protein: Sequence[Shard],
    fused: Sequence[Shard],
    label: str | None,
) -> None:
    """The payloads `_DNABERT_S.pt`, `_ESM.pt` and `_merged.pt`, in this order."""
    columns = [backend["backend"] for backend in json.loads(fused[0].metadata["backends"])]
    expected = [dna[0].metadata["backend"], protein[0].metadata["backend"]]
    if columns != expected:
        raise InputError(
            f"{fused[0].path}: fuses {' + '.join(columns)}, not {' + '.join(expected)};"
            " VirNucPro wants the DNA backend first, then the protein backend"
        )
    ids = all_ids(fused)
    merged = {"ids": ids, "data": torch.from_numpy(_float32(fused))}
    if label:
        merged["labels"] = [LABELS.index(label)]
    payloads = [
        {
            "nucleotide": ids,
            "data": [
                {"label": name, "mean_representation": row.tolist()}
                for name, row in zip(ids, _float32(dna), strict=True)
            ],
        },
        {"proteins": ids, "data": list(torch.from_numpy(_float32(protein)))},
        merged,
    ]
    for path, payload in zip(paths, payloads, strict=True):
        with open(path, "wb") as out:
            torch.save(payload, out)


def _float32(shards: Sequence[Shard]) -> np.ndarray:
    return np.concatenate([shard.read().astype(np.float32) for shard in shards])
