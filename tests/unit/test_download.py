"""Downloads from a real server that breaks off, lies, stalls and changes its files."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import running

from seqloom.config.sheet import read_sheet
from seqloom.errors import InputError
from seqloom.files.downloads import (
    Download,
    _partial_path,
    _try_lock,
    checked_download,
    fetch,
    mirrored,
    read_downloads,
)

SCRIPT = Path(__file__).parents[2] / "workflow/scripts/download.py"
CONTENT = random.Random(1).randbytes(300_000)
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
PATH = "/genomes/all/x.fa.gz"


class Handler(BaseHTTPRequestHandler):
    """Serves `content` with ranges; each request gets the next fault of the list, if any."""

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers["Range"]))
        fault = server.faults.pop(0) if server.faults else None
        if fault:
            fault(self)
        else:
            self.send_part()

    def send_part(self, most: int | None = None, ranges: bool = True, shift: int = 0) -> None:
        """Send the requested range, or cut the connection after `most` bytes."""
        asked, content = self.headers["Range"], self.server.content
        start = int(asked[6:-1]) if asked and ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        start += shift
        self.send_response(206 if asked and ranges else 200)
        if asked and ranges:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][:most])

    def log_message(self, *_: object) -> None:
        pass


Fault = Callable[[Handler], None]


def cut_after(count: int) -> Fault:
    return lambda handler: handler.send_part(count)


def says(code: int) -> Fault:
    return lambda handler: handler.send_error(code)


def without_ranges(handler: Handler) -> None:
    handler.send_part(ranges=False)


def without_length(handler: Handler) -> None:
    """Send half of the content and close the connection, without a length."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(handler.server.content[: len(handler.server.content) // 2])


def hangs_up(handler: Handler) -> None:
    """Close the connection without a response."""


@contextmanager
def serving(*faults: Fault, content: bytes = CONTENT) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.faults, server.requests, server.content = list(faults), [], content
    server.root = f"http://127.0.0.1:{server.server_address[1]}"
    with running(server):
        yield server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def row(
    server: ThreadingHTTPServer,
    size: int | None = None,
    md5: str | None = None,
    sha256: str | None = None,
) -> Download:
    return Download(server.root + PATH, size, md5, sha256)


def get(wanted: Download, out: Path, mirror: str | None = None) -> bytes:
    fetch(wanted, out, mirror, pause=0.0005, timeout=5)
    assert [path.name for path in out.parent.iterdir()] == [out.name], "something was left over"
    return out.read_bytes()


def ranges_of(server: ThreadingHTTPServer) -> list[str | None]:
    return [asked for _, asked in server.requests]


def test_broken_connections_are_resumed(tmp_path):
    with serving(cut_after(1000), cut_after(50_000), cut_after(1)) as server:
        assert get(row(server, sha256=CHECKSUM), tmp_path / "deep/x.fa.gz") == CONTENT
    assert ranges_of(server) == [None, "bytes=1000-", "bytes=51000-", "bytes=51001-"]


def test_a_server_without_ranges_starts_over(tmp_path):
    with serving(cut_after(1000), without_ranges) as server:
        assert get(row(server, len(CONTENT)), tmp_path / "x") == CONTENT
    assert ranges_of(server) == [None, "bytes=1000-"]


def test_the_listed_size_detects_a_broken_connection_if_the_server_gives_no_length(tmp_path):
    with serving(without_length) as server:
        assert get(row(server, len(CONTENT)), tmp_path / "x") == CONTENT
    assert ranges_of(server) == [None, "bytes=150000-"]


def test_an_unrequested_range_is_not_kept(tmp_path):
    with serving(cut_after(1000), lambda handler: handler.send_part(shift=-7)) as server:
        assert get(row(server, sha256=CHECKSUM), tmp_path / "x") == CONTENT
    assert ranges_of(server) == [None, "bytes=1000-", None]


@given(
    size=st.integers(1, 5000),
    faults=st.lists(
        st.one_of(
            st.integers(0, 5000).map(cut_after),
            st.sampled_from([without_ranges, hangs_up, says(429), says(500), says(503)]),
        ),
        max_size=8,
    ),
    proof=st.sampled_from(["bytes", "md5", "sha256"]),
)
@settings(max_examples=40)
def test_the_file_is_correct_after_any_sequence_of_failures(size, faults, proof):
    content = CONTENT[:size]
    proofs = {
        "bytes": size,
        "md5": hashlib.md5(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    absent = dict.fromkeys(proofs)
    with tempfile.TemporaryDirectory() as folder, serving(*faults, content=content) as server:
        wanted = Download(server.root + PATH, **absent | {proof: proofs[proof]})
        assert get(wanted, Path(folder) / "x") == content


def test_a_download_that_makes_progress_may_break_any_number_of_times(tmp_path):
    with serving(*[cut_after(10_000)] * 29) as server:
        assert get(row(server, sha256=CHECKSUM), tmp_path / "x") == CONTENT
    assert len(server.requests) == 30


def test_a_download_without_progress_stops_and_keeps_its_data(tmp_path):
    begin = time.monotonic()
    with serving(cut_after(5000), *[says(503)] * 99) as server:
        with pytest.raises(InputError, match=r"503.*9 times in a row.*resumes at byte 5000"):
            get(row(server, sha256=CHECKSUM), tmp_path / "x")
        assert len(server.requests) == 9
        assert time.monotonic() - begin > 0.0005 * (2**8 - 1), "the pauses do not grow"
        part = _partial_path(tmp_path / "x", row(server, sha256=CHECKSUM))
        assert list(tmp_path.iterdir()) == [part]
        server.faults.clear()
        assert get(row(server, sha256=CHECKSUM), tmp_path / "x") == CONTENT
    assert ranges_of(server)[-1] == "bytes=5000-"


def test_a_missing_server_gives_one_sentence(tmp_path):
    with serving() as server:
        wanted = row(server, 1)
    with pytest.raises(InputError, match=r"Connection refused, 9 times in a row"):
        get(wanted, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_silent_server_is_tried_again(tmp_path):
    silence, ended = threading.Event(), threading.Event()

    def stalls(handler: Handler) -> None:
        handler.send_part(1000)
        handler.wfile.flush()
        silence.wait(20)
        ended.set()

    with serving(stalls) as server:
        fetch(row(server, sha256=CHECKSUM), tmp_path / "x", pause=0.001, timeout=0.3)
        assert not ended.is_set(), "waited as long as the server was silent"
        silence.set()
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert ranges_of(server) == [None, "bytes=1000-"]


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_client_error_is_not_tried_again(tmp_path, code):
    with serving(says(code)) as server:
        with pytest.raises(InputError, match=rf"x\.fa\.gz: the server answers {code} .*; correct"):
            get(row(server, 1), tmp_path / "x")
        assert len(server.requests) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("proof", ["md5", "sha256"])
def test_a_wrong_byte_is_detected(tmp_path, proof):
    wrong = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    found, expected = (hashlib.new(proof, data).hexdigest() for data in (wrong, CONTENT))
    with serving(content=wrong) as server:
        sentence = f"x: the file at .*/x.fa.gz has {proof} {found}, but {expected} is expected; .*"
        with pytest.raises(InputError, match=sentence):
            get(row(server, **{proof: expected}), tmp_path / "x")
        assert len(server.requests) == 1
    assert not list(tmp_path.iterdir())


def test_a_wrong_size_is_detected(tmp_path):
    sentence = "has 299999 bytes, but 300000 are expected"
    with serving(content=CONTENT[:-1]) as server, pytest.raises(InputError, match=sentence):
        get(row(server, len(CONTENT)), tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("old", [b"old" * 3000, b"old" * 200_000], ids=["shorter", "longer"])
def test_a_file_that_changed_on_the_server_is_downloaded_from_the_start(tmp_path, old):
    def cuts_the_old(handler: Handler) -> None:
        handler.server.content = old
        handler.send_part(len(old) - 1)
        handler.server.content = CONTENT

    with serving(cuts_the_old) as server:
        assert get(row(server, sha256=CHECKSUM), tmp_path / "x") == CONTENT
    assert ranges_of(server) == [None, f"bytes={len(old) - 1}-", None]


def test_a_complete_file_that_was_not_renamed_is_not_downloaded_again(tmp_path):
    for wanted, requests in ((CHECKSUM, 1), (None, 0)):
        with serving() as server:
            download = row(server, None if wanted else len(CONTENT), sha256=wanted)
            _partial_path(tmp_path / "x", download).write_bytes(CONTENT)
            assert get(download, tmp_path / "x") == CONTENT
        assert len(server.requests) == requests
        (tmp_path / "x").unlink()


def test_data_from_another_address_are_not_resumed(tmp_path):
    with serving() as server:
        other = Download(f"{server.root}/other{PATH}", len(CONTENT), None, None)
        _partial_path(tmp_path / "x", other).write_bytes(b"old" * 10)
        assert get(row(server, len(CONTENT)), tmp_path / "x") == CONTENT
    assert ranges_of(server) == [None]


def test_the_mirror_replaces_the_server(tmp_path):
    wanted = Download(f"https://nowhere.invalid{PATH}?a=b", None, None, CHECKSUM)
    with serving() as server:
        assert get(wanted, tmp_path / "x", f"{server.root}/ncbi/") == CONTENT
    assert server.requests == [(f"/ncbi{PATH}?a=b", None)]
    with pytest.raises(InputError, match='mirror "here": give an address'):
        mirrored(wanted.url, "here")


@pytest.fixture
def stalled() -> Iterator[ThreadingHTTPServer]:
    """A server that sends half of the file and keeps the connection open until the test ends."""
    end = threading.Event()

    def sends_half(handler: Handler) -> None:
        handler.send_part(len(CONTENT) // 2)
        handler.wfile.flush()
        handler.server.sent.set()
        end.wait(60)

    with serving(sends_half) as server:
        server.sent = threading.Event()
        server.end = end
        yield server
        end.set()


def command(server: ThreadingHTTPServer, out: Path) -> list[str]:
    row = ["--url", server.root + PATH, "--sha256", CHECKSUM]
    return [sys.executable, str(SCRIPT), *row, "--out", str(out)]


def begun(server: ThreadingHTTPServer, out: Path) -> subprocess.Popen:
    """Start the script and wait until half of the file is on disk."""
    process = subprocess.Popen(command(server, out), stderr=subprocess.PIPE, text=True)
    assert server.sent.wait(60)
    wanted = Download(server.root + PATH, None, None, CHECKSUM)
    part = _partial_path(out, wanted)
    deadline = time.monotonic() + 60
    while part.stat().st_size < len(CONTENT) // 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_the_same_command_resumes_after_kill_9(tmp_path, stalled):
    out = tmp_path / "x.fa.gz"
    process = begun(stalled, out)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not out.exists()
    subprocess.run(command(stalled, out), check=True)
    assert ranges_of(stalled) == [None, f"bytes={len(CONTENT) // 2}-"]
    assert out.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["x.fa.gz"]


def test_a_second_process_is_refused(tmp_path, stalled):
    out = tmp_path / "x.fa.gz"
    first = begun(stalled, out)
    second = subprocess.run(command(stalled, out), stderr=subprocess.PIPE, text=True)
    assert second.returncode == 1
    assert (
        second.stderr
        == f"error: {out}: another process is downloading it; wait for it, or stop it\n"
    )
    stalled.end.set()
    _, errors = first.communicate()
    assert first.returncode == 0, errors
    assert out.read_bytes() == CONTENT


def test_a_partial_file_renamed_before_it_was_locked_is_not_written_to(tmp_path):
    with open(tmp_path / ".x.part", "ab") as part:
        os.rename(part.name, tmp_path / "x")
        assert not _try_lock(part)
        (tmp_path / ".x.part").touch()
        assert not _try_lock(part)


def test_a_wrong_command_gives_one_sentence(tmp_path):
    wrong = [sys.executable, SCRIPT, "--url", "x.fa.gz", "--md5", "0" * 32, "--out", tmp_path / "x"]
    done = subprocess.run(wrong, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith('error: command line: "x.fa.gz" is not an address of a file; ')


URL = "https://ftp.example/a/x.fa.gz"


def test_a_row_of_the_list():
    cells = {"url": URL, "bytes": "12", "md5": "AB" * 16, "sha256": ""}
    assert checked_download(cells, "") == Download(URL, 12, "ab" * 16, None)
    assert checked_download(cells, "").name == "x.fa.gz"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"bytes": "1"}], "l.tsv line 2: url is missing; add it"),
        ([{"url": "", "bytes": "1"}], "l.tsv line 2: url is missing; add it"),
        *[
            ([{"url": url, "bytes": "1"}], f'l.tsv line 2: "{url}" is not an address of a file; ')
            for url in (
                "x.fa.gz",
                "file:///etc/passwd",
                "https://ftp.example",
                "https://ftp.example/a/",
                "https://ftp.example/a b",
                "https://ftp.example/.part",
                "https:///x.fa.gz",
            )
        ],
        ([{"url": URL, "bytes": "1k"}], 'line 2: bytes "1k" is not a whole number; correct it'),
        ([{"url": URL, "md5": "a" * 31}], "is not 32 hexadecimal digits; correct it"),
        ([{"url": URL, "sha256": "g" * 64}], "is not 64 hexadecimal digits; correct it"),
        ([{"url": URL, "md5": ""}], "l.tsv line 2: none of bytes, md5 and sha256 is given; add"),
        (
            [{"url": URL, "bytes": "1"}, {"url": "ftp://other/x.fa.gz", "bytes": "2"}],
            "l.tsv line 3: a file x.fa.gz is listed already",
        ),
        ([], "l.tsv: no file is listed; add"),
    ],
)
def test_a_wrong_list_gives_one_sentence(rows, sentence):
    with pytest.raises(InputError) as error:
        read_downloads("l.tsv", enumerate(rows, start=2))
    assert sentence in str(error.value)


def test_a_sheet_takes_the_size_from_the_list_whether_the_file_exists_or_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = "resources/refseq/x.fa.gz"
    sheet = Path("sheet.tsv")
    sheet.write_text(
        f"sample\tfasta\tlabel\tgroups\ns\t{path}\tviral\tresources/refseq/groups.tsv\n"
    )
    listed = {name: Download(URL, 1000, None, None) for name in (path, f"{path[:17]}groups.tsv")}
    before = read_sheet("sheet.tsv", listed)["s"].bases
    Path(path).parent.mkdir(parents=True)
    Path(path).write_bytes(b"x" * 77)
    assert read_sheet("sheet.tsv", listed)["s"].bases == before == 3500
    with pytest.raises(InputError, match=r"line 2: resources/refseq/groups\.tsv does not exist; "):
        read_sheet("sheet.tsv", {path: listed[path]})
    without_bytes = listed | {path: Download(URL, None, "0" * 32, None)}
    with pytest.raises(
        InputError, match=r"line 2: resources/refseq/x\.fa\.gz may not exist yet; fill"
    ):
        read_sheet("sheet.tsv", without_bytes)
    sheet.write_text(f"sample\tfasta\tbases\ns\t{path}\t5\n")
    assert read_sheet("sheet.tsv", without_bytes)["s"].bases == 5
