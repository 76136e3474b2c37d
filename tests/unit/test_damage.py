"""Every script reports a damaged input file of ours in one sentence."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from chain_data import SHARD, Step, arguments_of, chain

from seqloom import cli

# Of several samples the first is damaged.
FIRST = [(name, step) for name, step in chain() if not name.endswith((" bac", " lake"))]
CASES = [(name, file) for name, step in FIRST for file in step.reads]
# Of these tables only the metadata are read, of these genomes the index, or what is called viral.
UNREAD = {("export identified", f"lake/{SHARD}.parquet")}
UNREAD |= {(f"{name} vir", f"vir/{SHARD}.parquet") for name in ("embed dna", "embed protein")}
UNREAD |= {("count_kmers vir", f"vir/{SHARD}.parquet")}
UNREAD |= {("fuse vir", f"vir/{SHARD}.parquet")}
UNREAD |= {("plan p", "p.fa.gz"), ("predict", "lake.fa.gz")}
CHECKED = (".safetensors", ".parquet", ".fna", ".faa", ".gz")
WHOLE = [case for case in CASES if case[1].endswith(CHECKED) and case not in UNREAD]


def emptied(path: Path) -> bytes:
    return b""


def cut(path: Path) -> bytes:
    return path.read_bytes()[: path.stat().st_size // 2]


def overwritten(path: Path) -> bytes:
    return np.random.default_rng(1).bytes(path.stat().st_size)


def flipped(path: Path) -> bytes:
    """The file with one flipped bit: the sign of the first value, or one in a page or letter."""
    data = bytearray(path.read_bytes())
    place = 30  # of bgzip in its first block, of FASTA in its first lines
    if path.suffix == ".parquet":
        column = pq.read_metadata(path).row_group(0).column(0)
        first = column.dictionary_page_offset or column.data_page_offset
        place = first + column.total_compressed_size - 1
    elif path.suffix == ".safetensors":
        place = 8 + int.from_bytes(data[:8], "little") + 3
    data[place] ^= 0x80
    return bytes(data)


def refusal(step: Step, out: Path, capsys: pytest.CaptureFixture) -> str:
    """The sentence with which a step ends; a step that fails writes nothing."""
    with arguments_of(step, str(out)), pytest.raises(SystemExit) as end:
        cli.run(step.script.main, step.script.arguments())
    assert end.value.code == 1
    assert not [path for path in out.rglob("*") if path.is_file()]
    log = capsys.readouterr().err
    assert "Traceback" not in log
    [sentence] = [line for line in log.splitlines() if line.startswith("error:")]
    assert log.splitlines()[-1] == sentence
    return sentence


@pytest.fixture
def check_error(steps, tmp_path, capsys):
    """A function that damages a file, checks that the step names it, and restores it."""

    def check(name: str, file: str, damage: Callable[[Path], bytes]) -> None:
        path = Path(file)
        content = path.read_bytes()
        path.write_bytes(damage(path))
        try:
            assert file in refusal(steps[name], tmp_path, capsys)
        finally:
            path.write_bytes(content)

    return check


@pytest.mark.parametrize("damage", [emptied, cut, overwritten])
@pytest.mark.parametrize(("name", "file"), CASES)
def test_a_damaged_file_is_named(check_error, name, file, damage):
    check_error(name, file, damage)


@pytest.mark.parametrize(("name", "file"), WHOLE)
def test_a_flipped_bit_is_detected(check_error, name, file):
    check_error(name, file, flipped)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("fuse vir", f"vir/{SHARD}.dna.safetensors"),
        ("predict", f"lake/{SHARD}.parquet"),
        ("split", "contigs/vir.tsv"),
        ("plan vir", "vir.fa.gz.fai"),
        ("compare", "evaluation/toy/metrics.json"),
    ],
)
def test_a_process_ends_with_one_sentence(steps, tmp_path, name, file):
    step, path = steps[name], Path(file)
    content = path.read_bytes()
    path.write_bytes(cut(path))
    with arguments_of(step, str(tmp_path)):
        command = [sys.executable, step.script.__file__, *sys.argv[1:]]
    done = subprocess.run(command, capture_output=True, text=True)
    path.write_bytes(content)
    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith(f"error: {file}: damaged or cut short (")
    assert sentence.endswith("; remove it and run again to make it anew")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("lost", [1, 3])
def test_rows_lost_from_a_contig_table_are_detected(check_error, lost):
    def without_rows(path: Path) -> bytes:
        return b"".join(path.read_bytes().splitlines(keepends=True)[:-lost])

    for name, file in (("plan vir", "vir.tsv"), ("predict", "contigs/lake.tsv")):
        check_error(name, file, without_rows)
    check_error("plan vir", "vir.fa.gz.fai", without_rows)
