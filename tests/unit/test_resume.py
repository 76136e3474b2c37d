"""Progress is used only if it is complete and of the same origin."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqloom.embedding.resume import KeptRows, Work, remove_kept
from seqloom.errors import InputError

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
ROWS = np.random.default_rng(3).standard_normal((40, 6), np.float32)
# Fills rows from a file, saving each time; the first argument is the folder, the others files.
FILL = """
import sys
import numpy as np
from pathlib import Path
import seqloom.embedding.resume as resume
resume._SECONDS = 0
rows = np.load(sys.argv[2])
out = np.zeros_like(rows)
with resume.KeptRows(out, resume.Work(Path(sys.argv[1]), {"a": 1})) as kept:
    print(kept.done, flush=True)
    while kept.done < len(rows):
        kept.add(rows[kept.done : kept.done + 3])
np.save(sys.argv[3], out)
"""


def fill(folder: Path, until: int, made_from: object = "x") -> tuple[int, np.ndarray]:
    """Keep rows up to `until`; what was there at first, and all rows."""
    rows = np.zeros_like(ROWS)
    with KeptRows(rows, Work(folder, {"made_from": made_from})) as kept:
        found = kept.done
        np.testing.assert_array_equal(rows[:found], ROWS[:found])
        while kept.done < until:
            kept.add(ROWS[kept.done : min(kept.done + 7, until)])
    return found, rows


@settings(max_examples=20)
@given(st.lists(st.integers(0, 40), max_size=4))
def test_each_start_goes_on_where_the_last_one_stopped(tmp_path_factory, stops):
    folder, done = tmp_path_factory.mktemp("work"), 0
    for stop in stops:
        found, _ = fill(folder, stop)
        assert found == done
        done = max(done, stop)
    assert np.array_equal(fill(folder, 40)[1], ROWS)


@pytest.mark.parametrize("name", ["rows", "record.json"])
@pytest.mark.parametrize("harm", ["cut", "changed", "emptied", "removed", "not ours"])
def test_damaged_progress_is_not_used(tmp_path, name, harm):
    fill(tmp_path, 20)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    left = {"cut": content[:-5], "changed": content, "emptied": b"", "not ours": b"[3]"}
    path.write_bytes(left.get(harm, b""))
    if harm == "removed":
        path.unlink()
    found, rows = fill(tmp_path, 40)
    assert found == 0
    np.testing.assert_array_equal(rows, ROWS)


def test_rows_that_the_record_does_not_count_are_written_again(tmp_path):
    """A kill between the rows and the record."""
    fill(tmp_path, 20)
    before = (tmp_path / "record.json").read_bytes()
    fill(tmp_path, 33)
    (tmp_path / "record.json").write_bytes(before)
    found, rows = fill(tmp_path, 40)
    assert found == 20
    np.testing.assert_array_equal(rows, ROWS)
    assert fill(tmp_path, 40)[0] == 40


def test_rows_of_another_origin_or_number_are_not_used(tmp_path):
    fill(tmp_path, 20)
    assert fill(tmp_path, 0, made_from="y")[0] == 0
    assert fill(tmp_path, 20)[0] == 0
    record = json.loads((tmp_path / "record.json").read_text())
    (tmp_path / "record.json").write_text(json.dumps(record | {"rows": 41}))
    assert fill(tmp_path, 0)[0] == 0


def test_a_second_process_is_refused(tmp_path):
    work = Work(tmp_path, {})
    with KeptRows(np.zeros((2, 2)), work), pytest.raises(InputError, match="another run is using"):
        KeptRows(np.zeros((2, 2)), work).__enter__()
    with KeptRows(np.zeros((2, 2)), work):
        pass


def test_only_files_of_others_are_left(tmp_path):
    fill(tmp_path / "a", 3)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "notes").touch()
    remove_kept(tmp_path / "a")
    remove_kept(tmp_path / "b")
    assert [path.name for path in tmp_path.rglob("*")] == ["b", "notes"]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/work: progress cannot be kept here \(Not a dir"):
        fill(tmp_path / "file" / "work", 3)


def test_a_process_killed_again_and_again_goes_on(tmp_path):
    rows = np.random.default_rng(0).standard_normal((900, 50), np.float32)
    np.save(tmp_path / "rows.npy", rows)
    files = [tmp_path / name for name in ("work", "rows.npy", "out.npy")]
    command = [sys.executable, "-c", FILL, *map(str, files)]
    found = []
    for kills in range(5):
        process = subprocess.Popen(command, cwd=SCRIPTS, stdout=subprocess.PIPE, text=True)
        found.append(int(process.stdout.readline()))
        while kills < 4 and kept_rows(files[0]) <= found[-1]:
            assert process.poll() is None
        if kills < 4:
            process.send_signal(signal.SIGKILL)
        assert process.wait() == (-signal.SIGKILL if kills < 4 else 0)
    assert found == sorted(set(found))
    np.testing.assert_array_equal(np.load(files[2]), rows)


def kept_rows(folder: Path) -> int:
    record = folder / "record.json"
    return json.loads(record.read_text())["rows"] if record.exists() else 0
