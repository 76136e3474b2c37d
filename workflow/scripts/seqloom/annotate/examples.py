"""Examples of baked shards: windows with their tokens and targets, in WebDataset tar files.

Of each window a shard has, under one key: `.json` (sample, contig, start, end, part, genetic code),
`.dna` (its letters), `.tokens.npy` (int32 [2, n]: ids of the DNA tokens, and where each ends),
`.target.npy` (int32 [2, T]: ids of the target's tokens or -1, and its positions or -1) and
`.target.txt` (the target as text). The same windows give the same bytes.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from seqloom.annotate.codec import Codec, Piece, to_text
from seqloom.files.damage import reraise_as_damaged

_DAMAGE = (tarfile.TarError, ValueError, KeyError, OSError)
_NPY_HEADER = 128  # bytes


@dataclass(frozen=True)
class Place:
    """Where a window lies, and what for it is used."""

    sample: str
    contig: str
    start: int
    end: int
    part: str
    genetic_code: int


@dataclass(frozen=True)
class Example:
    place: Place
    letters: str
    tokens: np.ndarray
    token_ends: np.ndarray
    pieces: list[Piece]


class Span(NamedTuple):
    """An example in a shard: its bytes, from and before, and what it holds."""

    begin: int
    end: int
    bases: int
    tokens: int  # of the DNA, special ones included
    steps: int  # of the target


def tokenized(letters: str, tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the DNA tokens, special ones included, and where each ends."""
    [encoding] = tokenizer.encode_batch_fast([letters])  # without offsets, which take long
    ids = np.array(encoding.ids, np.int32)
    ends = np.cumsum(_bases(tokenizer)[ids], dtype=np.int32)
    assert ends[-1] == len(letters)
    return ids, ends


@cache
def _bases(tokenizer: Tokenizer) -> np.ndarray:
    """The number of bases of each token: none of a special one, one of [UNK]."""
    bases = np.zeros(tokenizer.get_vocab_size(), np.int32)
    for token, number in tokenizer.get_vocab().items():
        bases[number] = len(token) if token.isalpha() else token == tokenizer.model.unk_token
    return bases


def write_examples(path: Path, examples: Iterable[Example], codec: Codec) -> int:
    """Write a shard; the number of its examples."""
    count = 0
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for count, example in enumerate(examples, start=1):
            for suffix, content in _files(example, codec):
                # A key ends at the first dot, so it has none.
                entry = tarfile.TarInfo(f"{count - 1:06d}.{suffix}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return count


def _files(example: Example, codec: Codec) -> Iterator[tuple[str, bytes]]:
    target = codec.encode(example.pieces)
    yield "json", json.dumps(asdict(example.place)).encode()
    yield "dna", example.letters.encode()
    yield "tokens.npy", _npy(np.stack([example.tokens, example.token_ends]))
    yield "target.npy", _npy(np.stack(codec.to_arrays(target)))
    yield "target.txt", to_text(target).encode()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def read_examples(path: Path, codec: Codec) -> Iterator[Example]:
    """The examples of a shard, in order."""
    with reraise_as_damaged(path, *_DAMAGE), tarfile.open(path, "r|") as tar:
        for files in _read_files(tar):
            yield _example(files, codec)


def example_spans(path: Path) -> Iterator[Span]:
    """Of each example of a shard, in order: where it lies and how large it is, by headers alone."""
    with reraise_as_damaged(path, *_DAMAGE), tarfile.open(path, "r:") as tar:
        for _, entries in groupby(tar, key=_key):
            files = {entry.name.partition(".")[2]: entry for entry in entries}
            last = files["target.txt"]
            yield Span(
                files["json"].offset,
                last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE,
                files["dna"].size,
                *(_columns(files[name].size) for name in ("tokens.npy", "target.npy")),
            )


def _columns(size: int) -> int:
    """Those of a file of int32 [2, n]."""
    return (size - _NPY_HEADER) // 8


def read_example(path: Path, begin: int, end: int, codec: Codec) -> Example:
    """The example in these bytes of a shard."""
    with reraise_as_damaged(path, *_DAMAGE):
        with open(path, "rb") as shard:
            shard.seek(begin)
            content = shard.read(end - begin)
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            [files] = _read_files(tar)
        return _example(files, codec)


def read_dna(path: Path) -> Iterator[tuple[Place, str]]:
    """The places and letters of the windows of a shard, in order."""
    with reraise_as_damaged(path, *_DAMAGE), tarfile.open(path, "r|") as tar:
        for files in _read_files(tar, ("json", "dna")):
            yield Place(**json.loads(files["json"])), files["dna"].decode()


def _read_files(tar: tarfile.TarFile, kinds: Sequence[str] = ()) -> Iterator[dict[str, bytes]]:
    """The files of each example by kind, all of them or some."""
    for _, entries in groupby(tar, key=_key):
        files = {}
        for entry in entries:
            kind = entry.name.partition(".")[2]
            if not kinds or kind in kinds:
                files[kind] = tar.extractfile(entry).read()
        yield files


def _key(entry: tarfile.TarInfo) -> str:
    return entry.name.partition(".")[0]


def _example(files: dict[str, bytes], codec: Codec) -> Example:
    tokens, token_ends = np.load(io.BytesIO(files["tokens.npy"]))
    target = np.load(io.BytesIO(files["target.npy"]))
    return Example(
        Place(**json.loads(files["json"])),
        files["dna"].decode(),
        tokens,
        token_ends,
        codec.decode(codec.from_arrays(*target)),
    )
