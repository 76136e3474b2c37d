"""A stand-in for the Hugging Face hub, with weights on another host, and faults."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from servers import running

WEIGHTS = (".bin", ".safetensors")
COMMIT = "/api/models/(?P<repository>.+?)(/revision/(?P<revision>.+))?"
FILE = "/(?P<repository>.+?)/resolve/(?P<revision>.+?)/(?P<name>.+)"


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does; a request takes the first fault of the list that is for its path."""

    def do_GET(self):
        hub = self.server
        hub.requests.append((self.command, self.path, self.headers["Range"]))
        is_content = self.path.startswith("/content/")
        if is_content:
            hub.leaked |= self.headers["Authorization"] is not None
        elif hub.token and self.headers["Authorization"] != f"Bearer {hub.token}":
            self.answer(401)
            return
        fault = next((fault for fault in hub.faults if re.match(fault[0], self.path)), None)
        if fault:
            hub.faults.remove(fault)
            fault[1](self)
        elif is_content:
            self.send_content()
        elif asked := re.fullmatch(COMMIT, self.path):
            self.send_commit(**asked.groupdict())
        elif asked := re.fullmatch(FILE, self.path):
            self.send_file(**asked.groupdict())
        else:
            self.answer(404)

    do_HEAD = do_GET

    def send_commit(self, repository: str, revision: str | None) -> None:
        commit = self.server.commit(repository, revision)
        if commit is None:
            self.answer(404)
            return
        files = [{"rfilename": name} for name in self.server.repositories[repository][commit]]
        self.answer(200, json.dumps({"id": repository, "sha": commit, "siblings": files}).encode())

    def send_file(self, repository: str, revision: str, name: str) -> None:
        commit = self.server.commit(repository, revision)
        content = commit and self.server.repositories[repository][commit].get(name)
        if content is None:
            self.answer(404, X_Error_Code="EntryNotFound")
        elif name.endswith(WEIGHTS):
            checksum = hashlib.sha256(content).hexdigest()
            self.server.contents[checksum] = content
            self.answer(
                302,
                X_Repo_Commit=commit,
                X_Linked_Etag=f'"{checksum}"',
                X_Linked_Size=str(len(content)),
                Location=f"{self.server.elsewhere}/content/{checksum}",
            )
        else:
            tag = hashlib.sha1(content).hexdigest()
            self.answer(200, content, X_Repo_Commit=commit, ETag=f'"{tag}"')

    def send_content(self, most: int | None = None, wrong: bool = False) -> None:
        """As asked, but cut after `most` bytes, or with another first byte."""
        content = self.server.contents[self.path.split("/")[-1]]
        start = int(self.headers["Range"][6:-1]) if self.headers["Range"] else 0
        content = content[start:]
        if wrong:
            content = bytes([content[0] ^ 1]) + content[1:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:most])

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


Fault = Callable[[Handler], None]


def cut_after(count: int) -> Fault:
    return lambda handler: handler.send_content(count)


def wrong_byte(handler: Handler) -> None:
    handler.send_content(wrong=True)


def says(code: int) -> Fault:
    return lambda handler: handler.answer(code)


def stalls_after(count: int) -> Fault:
    """Some bytes, and no more until the hub ends."""

    def fault(handler: Handler) -> None:
        handler.send_content(count)
        handler.server.ended.wait()

    return fault


class Hub(ThreadingHTTPServer):
    """`repositories` have commits, the newest last, that have files; `faults` go by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server_port}"
        self.elsewhere = f"http://localhost:{self.server_port}"
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.contents: dict[str, bytes] = {}
        self.faults: list[tuple[str, Fault]] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.token: str | None = None
        self.leaked = False
        self.ended = threading.Event()

    def commit(self, repository: str, revision: str | None) -> str | None:
        commits = list(self.repositories.get(repository, {}))
        if revision in (None, "main"):
            return commits[-1] if commits else None
        return revision if revision in commits else None

    def publish(self, repository: str, commit: str, files: dict[str, bytes]) -> None:
        self.repositories.setdefault(repository, {})[commit] = files

    def files(self) -> set[str]:
        """The names of all files that anything was asked of."""
        asked = [re.fullmatch(FILE, path) for _, path, _ in self.requests]
        return {match["name"] for match in asked if match}

    def ranges(self) -> list[str | None]:
        """What was asked of the contents of weights, request by request."""
        return [asked for _, path, asked in self.requests if path.startswith("/content/")]


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    with running(hub):
        try:
            yield hub
        finally:
            hub.ended.set()
