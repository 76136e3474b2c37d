"""The stored genome, its indexes and the table of contigs."""

import gzip
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pyfaidx import Faidx

from seqloom.seqs.contigs import contig_row, open_genome, read_contigs, write_sample
from seqloom.seqs.reading import Record

INDEX = Path(__file__).parents[2] / "workflow" / "scripts" / "index.py"
RANDOM = np.random.default_rng(1)


def dna(length):
    return bytes(RANDOM.choice(list(b"ACGT"), length).tolist())


def record(name, sequence, header=None):
    return Record(name, header or name, sequence, "x.fa", 1)


RECORDS = [
    record("short", b"ACG"),
    record("gi|1|x:3-9/b", dna(200_000), 'gi|1|x:3-9/b a "quoted text'),
    record("NA", b"", "NA nothing here"),
    record("line", dna(80)),
    record('"odd', dna(9), '"odd name'),
    record("007", b"NNRY"),
    record("two_lines", dna(160)),
    record("1e5", dna(150_001)),
]


@pytest.fixture
def files(tmp_path):
    names = ("g.fa.gz", "g.fa.gz.fai", "g.fa.gz.gzi", "g.tsv")
    paths = [tmp_path / name for name in names]
    counts = write_sample(RECORDS, "dna", *paths)
    assert counts == (len(RECORDS), sum(len(r.sequence) for r in RECORDS))
    return paths


def test_every_region_is_found_under_the_first_word(files):
    genome = open_genome(files[0])
    for r in filter(lambda r: r.sequence, RECORDS):
        length = len(r.sequence)
        assert genome.fetch(r.name, 1, length).encode() == r.sequence
        for start in {0, length // 2, max(0, length - 90)}:
            end = min(length, start + 85)
            assert genome.fetch(r.name, start + 1, end).encode() == r.sequence[start:end]


def test_regions_are_found_where_blocks_begin(files):
    genome, text = open_genome(files[0]), RECORDS[1].sequence
    blocks = np.frombuffer(files[2].read_bytes()[8:], "<u8")[1::2].astype(int)
    positions = np.arange(len(text))
    offsets = genome.index[RECORDS[1].name].offset + positions + positions // 80
    near = positions[np.isin(offsets, [blocks - 1, blocks, blocks + 1])]
    assert len(near) >= 6
    for p in near.tolist():
        assert genome.fetch(RECORDS[1].name, p + 1, p + 100).encode() == text[p : p + 100]


def test_both_indexes_are_those_pyfaidx_builds(files, tmp_path):
    copy = tmp_path / "copy" / "g.fa.gz"
    copy.parent.mkdir()
    shutil.copy(files[0], copy)
    Faidx(str(copy)).close()
    assert Path(f"{copy}.fai").read_text() == files[1].read_text()
    assert Path(f"{copy}.gzi").read_bytes() == files[2].read_bytes()
    assert len(files[2].read_bytes()) > 8 + 16 * 4  # several blocks


def test_the_genome_is_gzip_of_wrapped_fasta(files):
    lines = gzip.decompress(files[0].read_bytes()).decode().splitlines()
    assert [line[1:] for line in lines if line[0] == ">"] == [r.name for r in RECORDS]
    assert max(map(len, lines)) == 80


def test_the_table_has_a_row_per_record_in_order(files):
    table = read_contigs(files[3])
    assert table["contig"].tolist() == [r.name for r in RECORDS]
    assert table["header"].tolist() == [r.header for r in RECORDS]
    assert table["length"].tolist() == [len(r.sequence) for r in RECORDS]
    assert table["status"].tolist() == [
        "ok",
        "ok",
        "empty",
        "ok",
        "ok",
        "all_ambiguous",
        "ok",
        "ok",
    ]
    assert table["contig"][table["gc"].isna()].tolist() == ["NA", "007"]
    assert table["contig"][table["n_fraction"].isna()].tolist() == ["NA"]


@pytest.mark.parametrize(
    ("sequence", "molecule", "cells"),
    [
        (b"ACGTGNNR", "dna", (8, "0.6000", "0.3750", "ok", "")),
        (b"NNRY", "dna", (4, "", "1.0000", "all_ambiguous", "no A, C, G or T")),
        (b"", "dna", (0, "", "", "empty", "no sequence")),
        (b"MKXG", "protein", (4, "", "0.2500", "ok", "")),
        (b"XX", "protein", (2, "", "1.0000", "all_ambiguous", "only X")),
        (b"", "protein", (0, "", "", "empty", "no sequence")),
    ],
)
def test_a_row_tells_length_composition_and_status(sequence, molecule, cells):
    name, header, length, gc, n_fraction, checksum, status, reason = contig_row(
        record("a", sequence, "a b"), molecule
    )
    assert (name, header) == ("a", "a b")
    assert (length, gc, n_fraction, status, reason) == cells
    assert checksum == hashlib.sha256(sequence).hexdigest()


def index(folder, *fasta):
    paths = ["--genome", folder / "genomes/s.fa.gz", "--contigs", folder / "contigs/s.tsv"]
    command = [sys.executable, INDEX, "--sample", "s", "--molecule", "dna", *paths]
    return subprocess.run([*command, "--fasta", *fasta], capture_output=True, text=True)


def test_index_writes_five_files_and_always_the_same_bytes(tmp_path):
    a, b = tmp_path / "a.fa", tmp_path / "b.fa"
    a.write_bytes(b">a\nacgu\n")
    b.write_bytes(b">b\nNN\n")
    for folder in ("once", "twice"):
        assert index(tmp_path / folder, a, b).returncode == 0
    once, twice = (
        {str(p.relative_to(tmp_path / f)): p.read_bytes() for p in (tmp_path / f).rglob("*.*")}
        for f in ("once", "twice")
    )
    assert sorted(once) == [
        *("contigs/s.json", "contigs/s.tsv"),
        *("genomes/s.fa.gz", "genomes/s.fa.gz.fai", "genomes/s.fa.gz.gzi"),
    ]
    assert once == twice


def test_index_of_bad_input_writes_nothing(tmp_path):
    good, bad = tmp_path / "good.fa", tmp_path / "bad.fa"
    good.write_bytes(b">a\n" + dna(300_000) + b"\n")
    bad.write_bytes(b">b\nACGT\n>c\nAC!T\n")
    done = index(tmp_path / "out", good, bad)
    assert done.returncode == 1
    assert done.stderr.startswith("index: 300,004 letters")
    assert done.stderr.splitlines()[-1] == (
        f"error: {bad} line 4, record \"c\": '!' is not a dna letter; "
        "correct the file, or the molecule of the sample"
    )
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
