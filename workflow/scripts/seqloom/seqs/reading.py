"""Reading FASTA files of any compression and layout, with a check of every letter."""

import logging
import lzma
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple

from backports.zstd import ZstdError
from isal.isal_zlib import error as IsalError
from xopen import xopen

from seqloom.errors import InputError
from seqloom.seqs.bgzip import END

log = logging.getLogger(__name__)

_BLANKS = b"\n \t"
_WRONG = b"\0"  # stands for any letter that is not allowed


def _translation(letters: bytes, read_as: bytes) -> bytes:
    """A table for `bytes.translate` that reads letters in either case; other bytes become 0."""
    table = bytearray(256)
    for letter, upper in zip(letters, read_as, strict=True):
        table[letter] = table[letter | 0x20] = upper
    return bytes(table)


# A gap becomes an unknown letter, so that coordinates stay those of the file.
_READ_AS = {
    "dna": _translation(b"ACGTRYSWKMBDHVNU-", b"ACGTRYSWKMBDHVNTN"),
    "protein": _translation(b"ACDEFGHIKLMNPQRSTVWYBJOUXZ*-", b"ACDEFGHIKLMNPQRSTVWYBJOUXZ*X"),
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLOCK = 1 << 20
# Exceptions that reading a damaged file may raise.
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, IsalError, ZstdError)


class Title(NamedTuple):
    """The title line of a record, and its place in the input."""

    name: str
    header: str
    path: str
    line: int

    @property
    def where(self) -> str:
        return f'{self.path} line {self.line}, record "{self.name}"'


Record = tuple[Title, Iterator[bytes]]


def read_fasta(paths: Iterable[str], molecule: str) -> Iterator[Record]:
    """The records of all files of a sample, in order: a title, and pieces of at most 1 MB.

    Letters are upper case; a U in DNA is a T, a gap an N (in proteins an X); a protein has no stop
    at its end. The pieces must be read before the next record.
    """
    seen: dict[str, tuple[str, int]] = {}
    for path in paths:
        for title, parts in groupby(_titled_pieces(path, molecule, seen), itemgetter(0)):
            pieces = (letters for _, letters in parts)
            yield title, pieces if molecule == "dna" else _without_stop(title, pieces)


def _titled_pieces(
    path: str, molecule: str, seen: dict[str, tuple[str, int]]
) -> Iterator[tuple[Title, bytes]]:
    """The pieces of all records of a file, each with its title.

    `seen` holds the file and the line of each name; the names of this file are added to it.
    """
    line, title, gaps, has_letters = 0, None, 0, False
    try:
        for text in _blocks(path):
            # Text before the first title of a block continues the last record of the block before.
            before, *records = text.split(b"\n>") if b">" in text else [text]
            if letters := _letters(before, molecule, title, path, line):
                gaps += before.count(b"-")
                has_letters = True
                yield title, letters
            line += before.count(b"\n")
            for record in records:
                line += 1
                header, _, body = record.partition(b"\n")
                title = _title(header, path, line, seen)
                letters = _letters(body, molecule, title, path, line + 1)
                gaps += body.count(b"-")
                has_letters = has_letters or bool(letters)
                yield title, letters
                line += record.count(b"\n")
    except DAMAGED as error:
        raise InputError(
            f"{path} after line {line}: reading fails ({error}); is it cut short? copy it again"
        ) from None
    if not has_letters:
        raise InputError(f"{path}: there is no sequence in this file; give a FASTA file")
    if gaps:
        log.warning("%s: %d gaps (-) are read as unknown letters", path, gaps)


def _blocks(path: str) -> Iterator[bytes]:
    """The decompressed content of a file in blocks; a title is never split between two.

    A block that begins with a new line begins with the line end before it.
    """
    rest, is_first = b"\n", True
    with open_packed(path) as file:
        while block := file.read(_BLOCK):
            if is_first:
                block = block.removeprefix(_BYTE_ORDER_MARK)
                is_first = False
            while block.endswith(b"\r") and (more := file.read(1)):
                block += more
            if b"\r" in block:
                block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            text = rest + block
            last = text.rfind(b"\n")
            whole = last if text[last + 1 : last + 2] in (b">", b"") else len(text)
            yield text[:whole]
            rest = text[whole:]
        yield rest


@contextmanager
def open_packed(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading its decompressed bytes; the content, not the suffix, says how."""
    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file; correct the sample sheet")
    # xopen looks at the suffix of a file that has a name, so it gets one without. With threads, a
    # truncated zst would end without an error.
    with open(os.open(path, os.O_RDONLY), "rb") as raw:
        if _is_cut_bgzip(raw):
            raise EOFError("the last block of bgzip is missing")
        with xopen(raw, "rb", threads=0) as file:
            yield file


def _is_cut_bgzip(raw: BinaryIO) -> bool:
    """Whether a bgzip file lacks the empty block at its end; gzip does not notice this."""
    head = raw.read(14)
    raw.seek(-min(len(END), os.fstat(raw.fileno()).st_size), os.SEEK_END)
    end = raw.read()
    raw.seek(0)
    return head.startswith(b"\x1f\x8b\x08\x04") and head.endswith(b"BC") and end != END


def _letters(text: bytes, molecule: str, title: Title | None, path: str, line: int) -> bytes:
    """The letters of a text that begins on this line, in upper case and without blanks."""
    letters = text.translate(_READ_AS[molecule], _BLANKS)
    if letters and (title is None or _WRONG in letters):
        raise _error(text, molecule, title, path, line)
    return letters


def _error(text: bytes, molecule: str, title: Title | None, path: str, line: int) -> InputError:
    """The error for the first wrong letter of a text, or for text before the first title."""
    allowed = _BLANKS + bytes(byte for byte, letter in enumerate(_READ_AS[molecule]) if letter)
    for number, content in enumerate(text.split(b"\n"), start=line):
        if title is None and content.strip():
            begin = content.strip()[:10].decode(errors="replace")
            return InputError(
                f'{path} line {number}: FASTA begins with ">", this with {begin!a}; '
                "give a FASTA file"
            )
        # After stripping the allowed letters, the first wrong letter is in front.
        if title and (rest := content.strip(allowed)):
            return InputError(
                f'{path} line {number}, record "{title.name}": '
                f"{rest.decode(errors='replace')[0]!a} is not a {molecule} letter; "
                "correct the file, or the molecule of the sample"
            )


def _title(header: bytes, path: str, line: int, seen: dict[str, tuple[str, int]]) -> Title:
    """The title of a record, after a check of its name, which is added to `seen`."""
    # A tab would break the tables that keep the header.
    text = header.decode(errors="replace").strip().replace("\t", " ")
    if not text:
        raise InputError(f'{path} line {line}: nothing stands after ">"; name the record')
    title = Title(text.split(None, 1)[0], text, path, line)
    if not title.name.isascii():
        raise InputError(f"{title.where}: the name has letters that are not ASCII; rename it")
    place = path, line
    first = seen.setdefault(title.name, place)
    if first is not place:
        raise InputError(
            f"{title.where}: {first[0]} line {first[1]} has the same name; rename one of them"
        )
    return title


def _without_stop(title: Title, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a protein without the stop at its end."""
    stops = b""
    for piece in pieces:
        piece = stops + piece
        letters = piece.rstrip(b"*")
        if b"*" in letters:
            raise InputError(
                f"{title.where}: a stop (*) inside the protein; cut it there or remove it"
            )
        stops = piece[len(letters) :]
        if letters:
            yield letters
