"""Files of `refseq: list`, downloaded once from a server that breaks off."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

GENOME = b">a\n" + b"ATGGCTGCTGCTAAAGCTGCTGCAGGC" * 200 + b"\n"
PACKED = gzip.compress(GENOME, mtime=0)
MD5 = hashlib.md5(PACKED).hexdigest()
TARGET = "results/genomes/one.fa.gz"
NO_EXPERIMENT = {"fusions": {}, "experiments": {}, "predict": {}, "simulate": None, "export": []}


class BreaksOffOnce(SimpleHTTPRequestHandler):
    def copyfile(self, source, outputfile):
        self.server.answers += 1
        outputfile.write(source.read(50) if self.server.answers == 1 else source.read())

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served/mirrored/a"
    folder.mkdir(parents=True)
    (folder / "x.fa.gz").write_bytes(PACKED)

    def handler(*arguments):
        return BreaksOffOnce(*arguments, directory=tmp_path / "served")

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.answers = 0
    server.root = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def configure(project, mirror, md5=MD5):
    row = f"https://nowhere.invalid/a/x.fa.gz\t{len(PACKED)}\t{md5}"
    (project.folder / "list.tsv").write_text(f"url\tbytes\tmd5\n{row}\n")
    (project.folder / "samples.tsv").write_text("sample\tfasta\none\tresources/refseq/x.fa.gz\n")
    project.configure(refseq={"list": "list.tsv", "mirror": mirror}, **NO_EXPERIMENT)


def test_a_listed_genome_is_downloaded_once_for_each_checksum(fresh, server):
    configure(fresh, f"{server.root}/mirrored")
    assert fresh.planned(TARGET) == {"download": 1, "index": 1}
    fresh.run(TARGET)
    assert (fresh.folder / "resources/refseq/x.fa.gz").read_bytes() == PACKED
    assert gzip.decompress((fresh.folder / TARGET).read_bytes()).replace(b"\n", b"") == (
        GENOME.replace(b"\n", b"")
    )
    assert server.answers == 2
    report = "results/report.html"
    fresh.run(report)
    configure(fresh, "https://another.invalid")
    assert fresh.planned(TARGET, report) == {}

    configure(fresh, f"{server.root}/mirrored", md5="0" * 32)
    done = fresh.snakemake(TARGET)
    assert done.returncode != 0
    assert f"has md5 {MD5}, but {'0' * 32} is expected; correct the list" in done.stdout
    assert server.answers == 3
    assert not list((fresh.folder / "resources").rglob("*x.fa.gz*"))
