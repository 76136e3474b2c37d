"""The stored genome, its indexes and the table of contigs."""

import gzip
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyfaidx import Faidx
from seqs_data import contig_frame, letters, stored

from seqloom.errors import InputError
from seqloom.seqs import genome as genome_module
from seqloom.seqs.genome import open_genome, read_sequences
from seqloom.seqs.reading import Title
from seqloom.seqs.storing import Composition, record_row

INDEX = Path(__file__).parents[2] / "workflow" / "scripts" / "index.py"
RECORDS = {
    "short": b"ACG",
    "gi|1|x:3-9/b": letters(1, 200_000),
    "NA": b"",
    "line": letters(2, 80),
    '"odd': letters(3, 9),
    "007": b"NNRY",
    "two_lines": letters(4, 160),
    "1e5": letters(5, 150_001),
}
LONG = "gi|1|x:3-9/b"


@pytest.fixture(params=[1 << 20, 81, 1000])
def files(tmp_path, request):
    """Genome, indexes and table, written from pieces of several sizes."""
    return stored(tmp_path, RECORDS, piece=request.param)


def regions_of(genome, wanted):
    """The letters of regions (name, start, end)."""
    contig, start, end = zip(*((genome.names.index(n), s, e) for n, s, e in wanted), strict=True)
    return genome.fetch(np.array(contig), np.array(start), np.array(end))


def test_a_genome_has_the_names_and_lengths_of_its_contigs(files):
    genome = open_genome(files[0])
    assert genome.names == list(RECORDS)
    assert genome.lengths.tolist() == [len(text) for text in RECORDS.values()]


@pytest.mark.parametrize("gap", [0, 1 << 16])
def test_every_region_is_found_by_the_name_of_its_contig(files, monkeypatch, gap):
    monkeypatch.setattr(genome_module, "_GAP", gap)
    genome = open_genome(files[0])
    wanted = []
    for name, text in filter(lambda record: record[1], RECORDS.items()):
        length = len(text)
        wanted.append((name, 0, length))
        assert regions_of(genome, wanted[-1:]) == text
        for start in {0, length // 2, max(0, length - 90)}:
            end = min(length, start + 85)
            assert regions_of(genome, [(name, start, end)]) == text[start:end]
    assert regions_of(genome, wanted) == b"".join(RECORDS.values())


def test_regions_are_found_where_blocks_begin(files):
    genome, text = open_genome(files[0]), RECORDS[LONG]
    contig = genome.names.index(LONG)
    positions = np.arange(len(text))
    offsets = genome.offsets[contig] + positions + positions // 80
    blocks = genome.unpacked[1:]
    near = positions[np.isin(offsets, np.concatenate([blocks - 1, blocks, blocks + 1]))]
    assert len(near) >= 6
    for start in near.tolist():
        for end in (start + 1, start + 100):
            assert regions_of(genome, [(LONG, start, end)]) == text[start:end]


@given(st.data())
def test_any_regions_are_those_pyfaidx_finds(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "genome" / "g.fa.gz"
    if not path.exists():
        path.parent.mkdir()
        stored(path.parent, RECORDS)
    genome, reference = open_genome(path), Faidx(str(path), as_raw=True)
    names = data.draw(st.lists(st.sampled_from([n for n in RECORDS if RECORDS[n]]), min_size=1))
    wanted = []
    for name in sorted(set(names), key=genome.names.index):
        start = data.draw(st.integers(0, len(RECORDS[name]) - 1))
        wanted.append((name, start, data.draw(st.integers(start + 1, len(RECORDS[name])))))
    expected = "".join(reference.fetch(name, start + 1, end) for name, start, end in wanted)
    assert regions_of(genome, wanted).decode() == expected


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
    assert [line[1:] for line in lines if line[0] == ">"] == list(RECORDS)
    assert max(map(len, lines)) == 80


def test_blocks_end_as_bgzip_ends_them(files):
    """The empty block of the SAM specification, without which tools call a file cut short."""
    end = "1f8b08040000000000ff0600424302001b0003000000000000000000"
    assert files[0].read_bytes().endswith(bytes.fromhex(end))


def test_no_flipped_bit_of_a_block_changes_a_sequence(tmp_path):
    contigs = {"a": letters(1, 300), "b": letters(2, 40)}
    path, *_ = stored(tmp_path, contigs)
    data, unused = path.read_bytes(), 0  # such as the clock, the system, padding bits
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        try:
            genome = open_genome(path)
            assert regions_of(genome, [("a", 0, 300), ("b", 0, 40)]) == b"".join(contigs.values())
            assert dict(read_sequences(path)) == {n: t.decode() for n, t in contigs.items()}
            unused += 1
        except InputError as error:
            assert str(error).startswith(str(path))
    assert unused < 20


@pytest.mark.parametrize("place", [1, 2])
def test_a_wrong_number_in_the_index_is_noticed(tmp_path, place):
    path, fai, *_ = stored(tmp_path, {"a": letters(1, 300), "b": letters(2, 40)})
    cells = fai.read_text().split("\t")
    cells[place] = str(int(cells[place]) + 1)
    fai.write_text("\t".join(cells))
    with pytest.raises(InputError, match=r"g.fa.gz.fai: damaged .*its contigs do not fill the gen"):
        open_genome(path)


def test_the_table_has_a_row_per_record_in_order(files):
    table = contig_frame(files[3])
    assert table["contig"].tolist() == list(RECORDS)
    assert table["header"].tolist() == [f"{name} and more" for name in RECORDS]
    assert table["length"].tolist() == [len(text) for text in RECORDS.values()]
    assert table["sha256"].tolist() == [hashlib.sha256(t).hexdigest() for t in RECORDS.values()]
    assert dict(zip(table["contig"], table["status"], strict=True)) == dict.fromkeys(
        RECORDS, "ok"
    ) | {"NA": "empty", "007": "all_ambiguous"}
    assert table["contig"][table["gc"] == ""].tolist() == ["NA", "007"]
    assert table["contig"][table["n_fraction"] == ""].tolist() == ["NA"]


@pytest.mark.parametrize(
    ("sequence", "molecule", "cells"),
    [
        (b"ACGTGNNR", "dna", ("8", "0.6000", "0.3750", "ok", "")),
        (b"NNRY", "dna", ("4", "", "1.0000", "all_ambiguous", "no A, C, G or T")),
        (b"", "dna", ("0", "", "", "empty", "no sequence")),
        (b"MKXG", "protein", ("4", "", "0.2500", "ok", "")),
        (b"XX", "protein", ("2", "", "1.0000", "all_ambiguous", "only X")),
        (b"", "protein", ("0", "", "", "empty", "no sequence")),
    ],
)
def test_a_row_has_length_composition_and_status(sequence, molecule, cells):
    found = Composition()
    for i in range(0, len(sequence), 3):
        found.add(sequence[i : i + 3], molecule)
    title = Title("a", "a b", "x.fa", 1)
    name, header, length, gc, n_fraction, status, reason, checksum = record_row(
        title, found, molecule
    )
    assert (name, header) == ("a", "a b")
    assert (length, gc, n_fraction, status, reason) == cells
    assert checksum == hashlib.sha256(sequence).hexdigest()


def index(folder, *fasta):
    paths = ["--genome", folder / "s.fa.gz", "--records", folder / "s.tsv"]
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
        *("s.fa.gz", "s.fa.gz.fai", "s.fa.gz.gzi", "s.json", "s.tsv"),
    ]
    assert once == twice


def test_index_of_bad_input_writes_nothing(tmp_path):
    good, bad = tmp_path / "good.fa", tmp_path / "bad.fa"
    good.write_bytes(b">a\n" + letters(6, 300_000) + b"\n")
    bad.write_bytes(b">b\nACGT\n>c\nAC!T\n")
    done = index(tmp_path / "out", good, bad)
    assert done.returncode == 1
    assert done.stderr.startswith("index: 300,004 letters")
    assert done.stderr.splitlines()[-1] == (
        f"error: {bad} line 4, record \"c\": '!' is not a dna letter; "
        "correct the file, or the molecule of the sample"
    )
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
