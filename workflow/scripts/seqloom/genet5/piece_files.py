"""What a job found in its tiles, as JSON."""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from seqloom.annotate.codec import Piece
from seqloom.errors import InputError
from seqloom.files.atomic import atomic
from seqloom.files.damage import damaged, reraise_as_damaged
from seqloom.genet5.joining import TileGenes
from seqloom.seqs.genes import Exon

_DIGITS = 6  # of scores
_END = "]}"
# Of these all files of a genome have the same.
SAME = ("head", "genetic_code", "window", "overlap", "rules", "batch", "model")


def write_pieces(path: Path, tiles: Iterable[TileGenes], settings: Mapping[str, Any]) -> None:
    """JSON with the settings in its first line and each tile, as it comes, in one of its own."""
    with atomic(path) as temporary, open(temporary, "w") as file:
        file.write(json.dumps({**settings, "tiles": []}, allow_nan=False).removesuffix("]}"))
        comma = ""
        for tile in tiles:
            file.write(f"{comma}\n{json.dumps(_tile(tile), allow_nan=False)}")
            comma = ","
        file.write(f"\n{_END}\n")


def _tile(tile: TileGenes) -> dict[str, Any]:
    genes = [
        {**asdict(piece), "score": round(score, _DIGITS)}
        for piece, score in zip(tile.pieces, tile.scores, strict=True)
    ]
    return {"contig": tile.contig, "start": tile.start, "end": tile.end, "genes": genes}


def read_settings(paths: Iterable[Path]) -> dict[str, Any]:
    """The settings that the files of a genome share."""
    shared: dict[str, Any] = {}
    for path in paths:
        with open(path) as file, reraise_as_damaged(path, KeyError, TypeError, ValueError):
            settings = json.loads(file.readline() + _END)
            own = {key: settings[key] for key in SAME}
        for key, value in own.items():
            if shared.setdefault(key, value) != value:
                raise InputError(
                    f"{path}: its {key} differs from that of the files before; predict all ranges "
                    "of a genome in the same way"
                )
    return shared


def _read_tiles(path: Path) -> Iterator[TileGenes]:
    with open(path) as file:
        file.readline()
        for line in file:
            if line.rstrip() == _END:
                return
            with reraise_as_damaged(path, KeyError, TypeError, ValueError):
                yield _read_tile(json.loads(line.rstrip().removesuffix(",")))
    raise damaged(path, "its end is missing")


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


def tiles_of_contigs(
    paths: Iterable[Path], lengths: Mapping[str, int], hashed: Any
) -> Iterator[tuple[str, Iterator[TileGenes]]]:
    """Each contig of a genome with its tiles, which must cover it, to be read before the next.

    `hashed`, of hashlib, becomes that of all tiles, however they were divided among files.
    """
    groups = groupby(_in_order(paths, lengths), key=lambda tile: tile.contig)
    ahead = next(groups, None)
    for contig, length in lengths.items():
        if ahead and ahead[0] == contig:
            yield contig, _covering(contig, ahead[1], length, hashed)
            ahead = next(groups, None)
        else:
            yield contig, _covering(contig, iter(()), length, hashed)


def _in_order(paths: Iterable[Path], lengths: Mapping[str, int]) -> Iterator[TileGenes]:
    """The tiles of all files in the order of the genome, each once; a file is opened when due."""
    numbers = {contig: number for number, contig in enumerate(lengths)}

    def key(path: Path, tile: TileGenes) -> tuple[int, int]:
        if tile.end > lengths.get(tile.contig, 0):
            raise InputError(f"{path}: {tile.contig} is not of this genome; give its own files")
        return numbers[tile.contig], tile.start

    def following(number: int, path: Path, tiles: Iterator[TileGenes]) -> list[tuple]:
        tile = next(tiles, None)
        return [(key(path, tile), number, path, tile, tiles)] if tile else []

    closed = sorted(
        (first[0], number, path)
        for number, path in enumerate(paths)
        for first in following(number, path, _read_tiles(path))
    )
    closed.reverse()
    opened: list[tuple] = []
    last = None
    while closed or opened:
        while closed and (not opened or closed[-1][0] <= opened[0][0]):
            _, number, path = closed.pop()
            heapq.heappush(opened, *following(number, path, _read_tiles(path)))
        place, number, path, tile, tiles = heapq.heappop(opened)
        if place != last:
            yield tile
        last = place
        for one in following(number, path, tiles):
            if one[0] <= place:
                raise damaged(path, "its tiles are not in order")
            heapq.heappush(opened, one)


def _covering(
    contig: str, tiles: Iterable[TileGenes], length: int, hashed: Any
) -> Iterator[TileGenes]:
    covered = 0
    for tile in tiles:
        if tile.start > covered:
            break
        covered = tile.end
        hashed.update(json.dumps(_tile(tile)).encode())
        yield tile
    if covered < length:
        raise InputError(
            f"--pieces: no file has {contig} from base {covered + 1} on; predict that range too"
        )
