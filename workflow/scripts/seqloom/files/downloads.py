"""Files from the network: checked, and continued where a connection or a process broke off."""

import contextlib
import fcntl
import glob
import hashlib
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from seqloom.errors import InputError
from seqloom.files.progress import Progress

log = logging.getLogger(__name__)

_ADDRESS = r"(https?|ftp)://[^\s/?#]+/(\S*/)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.+-]*)(\?\S*)?"
_PROOFS = {
    "bytes": ("[0-9]+", "a whole number"),
    "md5": ("[0-9a-fA-F]{32}", "32 hexadecimal digits"),
    "sha256": ("[0-9a-fA-F]{64}", "64 hexadecimal digits"),
}
# Request timeout, too many requests; beside these, what is the server's own fault may pass.
_PASSING = (408, 429)
_NOTHING_LEFT = 416
_TRIES = 9
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Download:
    """A file on a server, and what proves that it has arrived whole."""

    url: str
    bytes: int | None
    md5: str | None
    sha256: str | None

    @property
    def name(self) -> str:
        return re.fullmatch(_ADDRESS, self.url)["name"]


def read_downloads(path: str, rows: Iterable[tuple[int, Mapping[str, str]]]) -> dict[str, Download]:
    """The numbered rows of the table `path`, by file name."""
    downloads: dict[str, Download] = {}
    for number, cells in rows:
        where = f"{path} line {number}"
        download = checked_download(cells, where)
        if download.name in downloads:
            raise InputError(
                f"{where}: a file {download.name} is listed already; files of one name would "
                "replace each other, remove one"
            )
        downloads[download.name] = download
    if not downloads:
        raise InputError(f"{path}: no file is listed; add one line per file, or remove `refseq`")
    return downloads


def checked_download(cells: Mapping[str, str | None], where: str) -> Download:
    """A row of the list, or the options of a command; empty cells and None are absent."""
    if not cells.get("url"):
        raise InputError(f"{where}: url is missing; add it")
    if not re.fullmatch(_ADDRESS, cells["url"]):
        raise InputError(
            f'{where}: "{cells["url"]}" is not an address of a file; give one that begins with '
            "https://, http:// or ftp:// and ends in a name of letters, digits and . _ + -"
        )
    proofs = {key: cells.get(key) or None for key in _PROOFS}
    for key, (pattern, form) in _PROOFS.items():
        if proofs[key] and not re.fullmatch(pattern, proofs[key]):
            raise InputError(f'{where}: {key} "{proofs[key]}" is not {form}; correct it')
    if not any(proofs.values()):
        raise InputError(
            f"{where}: none of bytes, md5 and sha256 is given; add one, to check the file by"
        )
    size = proofs.pop("bytes")
    lower = {key: text and text.lower() for key, text in proofs.items()}
    return Download(cells["url"], int(size) if size else None, **lower)


def mirrored(url: str, mirror: str | None) -> str:
    """The same path on another server, below the path of the mirror."""
    if mirror is None:
        return url
    address = mirror.rstrip("/") + urlsplit(url)._replace(scheme="", netloc="").geturl()
    if not re.fullmatch(_ADDRESS, address):
        raise InputError(f'mirror "{mirror}": give an address such as https://mirror.example/ncbi')
    return address


def fetch(
    wanted: Download,
    out: Path,
    mirror: str | None = None,
    pause: float = 1.0,
    timeout: float = 60.0,
    headers: Mapping[str, str] | None = None,
    advice: str = "correct the list if the file was renewed, else try another mirror",
) -> None:
    """Put the file at `out` once its size and checksums are right.

    What has arrived lies in a hidden `.part` beside it, where the next call for the same goes on.
    `pause` is the first one in seconds; each failure in a row doubles it. `headers` are for this
    server alone; `advice` says what to do about a file that is another.
    """
    address = mirrored(wanted.url, mirror)
    with _part_of(out, wanted) as part:
        went_on = _receive(address, part, wanted.bytes, pause, timeout, headers)
        fault = _fault(part, wanted)
        if fault and went_on:
            log.warning("%s: what was there %s; starting over", address, fault)
            part.truncate(0)
            _receive(address, part, wanted.bytes, pause, timeout, headers)
            fault = _fault(part, wanted)
        if fault:
            part.truncate(0)
            raise InputError(f"{out}: the file at {address} {fault}; {advice}")
        os.fsync(part.fileno())
        os.replace(part.name, out)
    for other in out.parent.glob(f".{glob.escape(out.name)}.*.part"):
        other.unlink(missing_ok=True)


@contextlib.contextmanager
def _part_of(out: Path, wanted: Download) -> Iterator[BinaryIO]:
    """The unfinished file, open at its end and ours alone; nothing stays of an empty one."""
    path = _part_path(out, wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as part:
        if not _is_ours(part):
            raise InputError(f"{out}: another process fetches it; wait for that, or stop it")
        try:
            yield part
        finally:
            if _size(part) == 0:
                path.unlink(missing_ok=True)


def _part_path(out: Path, wanted: Download) -> Path:
    """Another one for another address or checksum: these never go on where this one ended."""
    key = hashlib.sha256(repr(wanted).encode()).hexdigest()[:8]
    return out.with_name(f".{out.name}.{key}.part")


def _is_ours(part: BinaryIO) -> bool:
    """Whether we hold the lock of the file, which ends with us however we end."""
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had the lock may have renamed the file meanwhile.
        return os.path.samestat(os.fstat(part.fileno()), os.stat(part.name))
    except (BlockingIOError, FileNotFoundError):
        return False


def _size(part: BinaryIO) -> int:
    return os.fstat(part.fileno()).st_size


class _Broken(Exception):
    """A failure that may pass."""


def _receive(
    address: str,
    part: BinaryIO,
    size: int | None,
    pause: float,
    timeout: float,
    headers: Mapping[str, str] | None,
) -> bool:
    """Fill `part` to the end of the file; whether something was there before the last answer."""
    furthest, failures = _size(part), 0
    while True:
        try:
            return _take_answer(address, part, size, timeout, headers)
        except _Broken as error:
            if _size(part) > furthest:
                furthest, failures = _size(part), 0
            failures += 1
            if failures == _TRIES:
                raise InputError(
                    f"{address}: {error}, {failures} times in a row; see that the server can be "
                    f"reached and run again, which goes on from byte {_size(part)}"
                ) from None
            wait = pause * 2 ** (failures - 1)
            log.warning("%s: %s; trying again in %.0f s", address, error, wait)
            time.sleep(wait)


def _take_answer(
    address: str,
    part: BinaryIO,
    size: int | None,
    timeout: float,
    headers: Mapping[str, str] | None,
) -> bool:
    """Add one answer of the server to `part`; False if it was the whole file."""
    start = _size(part)
    if start and start == size:
        return True
    request = Request(address, headers={"Range": f"bytes={start}-"} if start else {})
    for name, value in (headers or {}).items():
        request.add_unredirected_header(name, value)
    try:
        answer = urlopen(request, timeout=timeout)
    except HTTPError as error:
        if start and error.code == _NOTHING_LEFT:
            return True
        reason = f"the server answers {error.code} {error.reason}"
        if error.code < 500 and error.code not in _PASSING:
            raise InputError(f"{address}: {reason}; correct the address") from None
        raise _Broken(reason) from None
    except (OSError, HTTPException) as error:
        raise _Broken(_cause(error)) from None
    with answer:
        return _take_body(answer, part, start, size)


def _take_body(answer: Any, part: BinaryIO, start: int, size: int | None) -> bool:
    goes_on = answer.status == 206
    if start and not goes_on:
        log.info("the server sends the file from its start again")
        part.truncate(0)
        start = 0
    promised = answer.headers.get("Content-Length", "")
    left = int(promised) if promised.isdecimal() else size and size - start
    with Progress("download", left, "bytes") as progress:
        for block in _blocks(answer):
            part.write(block)
            part.flush()
            progress.advance(len(block))
    if left and progress.done < left:
        raise _Broken(f"the connection ended {left - progress.done} bytes early")
    return goes_on


def _blocks(answer: Any) -> Iterator[bytes]:
    """What arrives, as it arrives; a full disk of ours is not taken for a broken connection."""
    try:
        while block := answer.read1(_BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise _Broken(_cause(error)) from None


def _cause(error: Exception) -> str:
    return " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__


def _fault(part: BinaryIO, wanted: Download) -> str | None:
    """The first of size and checksums that is wrong, as the end of a sentence."""
    if wanted.bytes not in (None, _size(part)):
        return f"has {_size(part)} bytes, but {wanted.bytes} are expected"
    for algorithm in ("md5", "sha256"):
        expected = getattr(wanted, algorithm)
        with open(part.name, "rb") as handle:
            found = hashlib.file_digest(handle, algorithm).hexdigest() if expected else None
        if found != expected:
            return f"has {algorithm} {found}, but {expected} is expected"
    return None
