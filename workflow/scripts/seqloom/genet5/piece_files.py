"""What a job found in its tiles, as JSON."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seqloom.annotate.codec import Piece
from seqloom.errors import InputError
from seqloom.files.damage import reraise_as_damaged
from seqloom.files.json_files import read_json, write_json
from seqloom.genet5.joining import TileGenes
from seqloom.seqs.genes import Exon

_DIGITS = 6  # of scores
# Of these all files of a genome have the same.
SAME = ("head", "genetic_code", "window", "overlap", "rules", "batch", "model")


def write_pieces(path: Path, tiles: Iterable[TileGenes], settings: Mapping[str, Any]) -> None:
    write_json(path, {**settings, "tiles": [_tile(tile) for tile in tiles]})


def _tile(tile: TileGenes) -> dict[str, Any]:
    genes = [
        {**asdict(piece), "score": round(score, _DIGITS)}
        for piece, score in zip(tile.pieces, tile.scores, strict=True)
    ]
    return {"contig": tile.contig, "start": tile.start, "end": tile.end, "genes": genes}


def read_pieces(path: Path) -> tuple[list[TileGenes], dict[str, Any]]:
    """The tiles of a file, and its settings."""
    with reraise_as_damaged(path, KeyError, TypeError):
        settings = read_json(path)
        return [_read_tile(tile) for tile in settings.pop("tiles")], settings


def _read_tile(tile: Mapping[str, Any]) -> TileGenes:
    pieces = [
        Piece(
            gene["strand"],
            gene["biotype"],
            tuple(Exon(*exon) for exon in gene["exons"]),
            gene["cut_left"],
            gene["cut_right"],
        )
        for gene in tile["genes"]
    ]
    scores = [gene["score"] for gene in tile["genes"]]
    return TileGenes(tile["contig"], tile["start"], tile["end"], pieces, scores)


def read_all_pieces(
    paths: Iterable[Path], lengths: Mapping[str, int]
) -> tuple[dict[str, list[TileGenes]], dict[str, Any]]:
    """The tiles of all contigs of a genome, which must cover it, and the settings they share."""
    found: dict[str, dict[int, TileGenes]] = {contig: {} for contig in lengths}
    shared: dict[str, Any] = {}
    for path in paths:
        tiles, settings = read_pieces(path)
        own = {key: settings[key] for key in SAME}
        for key, value in own.items():
            if shared.setdefault(key, value) != value:
                raise InputError(
                    f"{path}: its {key} differs from that of the files before; predict all ranges "
                    "of a genome in the same way"
                )
        for tile in tiles:
            if tile.end > lengths.get(tile.contig, 0):
                raise InputError(f"{path}: {tile.contig} is not of this genome; give its own files")
            found[tile.contig][tile.start] = tile
    for contig, tiles in found.items():
        _check_cover(contig, sorted((t.start, t.end) for t in tiles.values()), lengths[contig])
    ordered = {contig: [own[start] for start in sorted(own)] for contig, own in found.items()}
    return ordered, shared


def digest(tiles: Mapping[str, Iterable[TileGenes]]) -> str:
    """SHA-256 of the tiles of a genome, however they were divided among files."""
    made = hashlib.sha256()
    for of_contig in tiles.values():
        for tile in of_contig:
            made.update(json.dumps(_tile(tile)).encode())
    return made.hexdigest()


def _check_cover(contig: str, places: list[tuple[int, int]], length: int) -> None:
    covered = 0
    for start, end in places:
        if start > covered:
            break
        covered = end
    if covered < length:
        raise InputError(
            f"--pieces: no file has {contig} from base {covered + 1} on; predict that range too"
        )
