"""Downloads that are checked, and resumed after a broken connection or a killed process."""

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
# Request timeout and too many requests; server errors (5xx) are retried as well.
_RETRYABLE = (408, 429)
_RANGE_NOT_SATISFIABLE = 416
_TRIES = 9
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Download:
    """A file on a server, with the size and checksums that prove it complete."""

    url: str
    bytes: int | None
    md5: str | None
    sha256: str | None

    @property
    def name(self) -> str:
        return re.fullmatch(_ADDRESS, self.url)["name"]


def read_downloads(path: str, rows: Iterable[tuple[int, Mapping[str, str]]]) -> dict[str, Download]:
    """The downloads of a table by file name; `rows` are its rows with line numbers."""
    downloads: dict[str, Download] = {}
    for number, cells in rows:
        where = f"{path} line {number}"
        download = checked_download(cells, where)
        if download.name in downloads:
            raise InputError(
                f"{where}: a file {download.name} is listed already, and one would "
                "replace the other; remove one"
            )
        downloads[download.name] = download
    if not downloads:
        raise InputError(f"{path}: no file is listed; add one line per file, or remove `refseq`")
    return downloads


def checked_download(cells: Mapping[str, str | None], where: str) -> Download:
    """A download from a row of the list or from options; empty cells and None count as absent."""
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
    """The URL with its server replaced by the mirror, whose path is put in front."""
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

    Until then the data are in a hidden `.part` file beside it, which the next call resumes. `pause`
    is the first pause in seconds; each failure in a row doubles it. `headers` are sent to this
    server only, not after a redirect; `advice` ends the error about a wrong size or checksum.
    """
    address = mirrored(wanted.url, mirror)
    with _partial_file(out, wanted) as part:
        resumed = _receive(address, part, wanted.bytes, pause, timeout, headers)
        fault = _fault(part, wanted)
        if fault and resumed:
            log.warning("%s: the resumed file %s; starting over", address, fault)
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
def _partial_file(out: Path, wanted: Download) -> Iterator[BinaryIO]:
    """The unfinished file, locked and open for appending; an empty one is removed."""
    path = _partial_path(out, wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as part:
        if not _try_lock(part):
            raise InputError(f"{out}: another process is downloading it; wait for it, or stop it")
        try:
            yield part
        finally:
            if _size(part) == 0:
                path.unlink(missing_ok=True)


def _partial_path(out: Path, wanted: Download) -> Path:
    """The unfinished file; its name depends on address and checksums, so no other resumes it."""
    key = hashlib.sha256(repr(wanted).encode()).hexdigest()[:8]
    return out.with_name(f".{out.name}.{key}.part")


def _try_lock(part: BinaryIO) -> bool:
    """Lock the file until this process ends, however it ends; False if that fails."""
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The previous holder may have renamed the file in the meantime.
        return os.path.samestat(os.fstat(part.fileno()), os.stat(part.name))
    except (BlockingIOError, FileNotFoundError):
        return False


def _size(part: BinaryIO) -> int:
    return os.fstat(part.fileno()).st_size


class _RetryableError(Exception):
    """A failure that may not happen again."""


def _receive(
    address: str,
    part: BinaryIO,
    size: int | None,
    pause: float,
    timeout: float,
    headers: Mapping[str, str] | None,
) -> bool:
    """Fill `part` to the end of the file; return whether the last response resumed it."""
    furthest, failures = _size(part), 0
    while True:
        try:
            return _receive_once(address, part, size, timeout, headers)
        except _RetryableError as error:
            if _size(part) > furthest:
                furthest, failures = _size(part), 0
            failures += 1
            if failures == _TRIES:
                raise InputError(
                    f"{address}: {error}, {failures} times in a row; check that the server can be "
                    f"reached and run again, which resumes at byte {_size(part)}"
                ) from None
            wait = pause * 2 ** (failures - 1)
            log.warning("%s: %s; trying again in %.0f s", address, error, wait)
            time.sleep(wait)


def _receive_once(
    address: str,
    part: BinaryIO,
    size: int | None,
    timeout: float,
    headers: Mapping[str, str] | None,
) -> bool:
    """Append one response to `part`; return False if it was the whole file."""
    start = _size(part)
    if start and start == size:
        return True
    request = Request(address, headers={"Range": f"bytes={start}-"} if start else {})
    for name, value in (headers or {}).items():
        request.add_unredirected_header(name, value)
    try:
        response = urlopen(request, timeout=timeout)
    except HTTPError as error:
        if start and error.code == _RANGE_NOT_SATISFIABLE:
            return True
        reason = f"the server answers {error.code} {error.reason}"
        if error.code < 500 and error.code not in _RETRYABLE:
            raise InputError(f"{address}: {reason}; correct the address") from None
        raise _RetryableError(reason) from None
    except (OSError, HTTPException) as error:
        raise _RetryableError(_cause(error)) from None
    with response:
        return _save_body(response, part, start, size)


def _save_body(response: Any, part: BinaryIO, start: int, size: int | None) -> bool:
    resumes = response.status == 206
    if start and not resumes:
        log.info("the server sends the whole file again")
        part.truncate(0)
        start = 0
    promised = response.headers.get("Content-Length", "")
    left = int(promised) if promised.isdecimal() else size and size - start
    with Progress("download", left, "bytes") as progress:
        for block in _blocks(response):
            part.write(block)
            part.flush()
            progress.advance(len(block))
    if left and progress.done < left:
        raise _RetryableError(f"the connection ended {left - progress.done} bytes early")
    return resumes


def _blocks(response: Any) -> Iterator[bytes]:
    """The body as it arrives; only errors of the connection are retried, not those of our disk."""
    try:
        while block := response.read1(_BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise _RetryableError(_cause(error)) from None


def _cause(error: Exception) -> str:
    return " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__


def _fault(part: BinaryIO, wanted: Download) -> str | None:
    """What is wrong with size or checksum, as the end of a sentence."""
    if wanted.bytes not in (None, _size(part)):
        return f"has {_size(part)} bytes, but {wanted.bytes} are expected"
    for algorithm in ("md5", "sha256"):
        expected = getattr(wanted, algorithm)
        with open(part.name, "rb") as handle:
            found = hashlib.file_digest(handle, algorithm).hexdigest() if expected else None
        if found != expected:
            return f"has {algorithm} {found}, but {expected} is expected"
    return None
