"""Folders of checkpoints at any moment of a kill; tables of a training; the launcher of ranks."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from genet5_data import model

from seqloom.errors import InputError
from seqloom.genet5 import checkpoints
from seqloom.genet5.checkpoints import State, read_state, recover, write_folder, write_state
from seqloom.genet5.schedule import adamw
from seqloom.genet5.training_logs import (
    MEMORY_COLUMNS,
    MemoryLog,
    StepLog,
    is_nearly_full,
    memory,
)

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
SPARK = Path(__file__).parents[2] / "resources" / "nccl" / "dgx-spark.env"


def write(text):
    def two_files(folder):
        (folder / "a").write_text(text)
        (folder / "b").write_text(text)

    return two_files


def texts(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


class Killed(BaseException):
    pass


@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("is_first", [True, False])
def test_a_kill_between_any_two_renames_leaves_the_old_folder_or_the_new_one(
    tmp_path, monkeypatch, calls, is_first
):
    folder, left = tmp_path / "latest", calls
    if not is_first:
        write_folder(folder, write("old"))

    def killed_before(function):
        def instead(*args, **options):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return function(*args, **options)

        return instead

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed_before(Path.rename))
        patch.setattr(checkpoints.shutil, "rmtree", killed_before(checkpoints.shutil.rmtree))
        with contextlib.suppress(Killed):
            write_folder(folder, write("new"))
    recover(tmp_path)
    whole = {"a": "new", "b": "new"} if calls else {"a": "old", "b": "old"}
    assert [path.name for path in tmp_path.iterdir()] == (
        [] if is_first and not calls else ["latest"]
    )
    assert not folder.exists() or texts(folder) == whole


def step(network, optimizer):
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def test_a_training_state_comes_back_and_others_do_not_go_on_from_it(tmp_path):
    network = model()
    optimizer = adamw(network, 0.1)
    step(network, optimizer)
    write_state(tmp_path, State(1, 2.5, True, 0.5, 9.0), optimizer, {"lr": 0.1, "data": [1, 2]})
    again = model()
    again.load_state_dict(network.state_dict())
    other = adamw(again, 0.1)
    state = read_state(tmp_path, other, {"lr": 0.1, "data": [1, 2]})
    assert state == State(1, 2.5, True, 0.5, 9.0)
    for one, two in ((network, optimizer), (again, other)):
        step(one, two)
    pairs = zip(network.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(before, after) for before, after in pairs)
    with pytest.raises(InputError, match=r"began with lr 0\.1, not 0\.2; give another --out"):
        read_state(tmp_path, other, {"lr": 0.2, "data": [1, 2]})


def test_rows_that_are_written_again_go_and_so_does_a_cut_off_line(tmp_path):
    path, columns = tmp_path / "log.csv", ("global_step", "loss")
    table = StepLog(path, columns, last=0)
    for number in range(1, 6):
        table.add({"global_step": number, "loss": f"0.{number}"})
    path.write_text(path.read_text() + "6,0.")
    StepLog(path, columns, last=9)
    assert path.read_text().splitlines()[-1] == "5,0.5"
    StepLog(path, columns, last=3).add({"global_step": 4, "loss": "0.9"})
    assert path.read_text() == "global_step,loss\n1,0.1\n2,0.2\n3,0.3\n4,0.9\n"


def test_memory_is_written_at_once_and_more_often_when_it_is_nearly_full(tmp_path):
    cpu = torch.device("cpu")
    with MemoryLog(tmp_path / "memory.csv", cpu):
        while not (tmp_path / "memory.csv").exists():
            pass
    assert (tmp_path / "memory.csv").read_text().startswith(",".join(MEMORY_COLUMNS) + "\n2")
    found = memory(cpu)
    assert 0 < float(found["ram_used_gb"]) < float(found["ram_total_gb"])
    assert is_nearly_full({"ram_used_gb": "9.1", "ram_total_gb": "10"})
    assert not is_nearly_full({"ram_used_gb": "8.9", "ram_total_gb": "10"})
    assert is_nearly_full(
        {"ram_used_gb": "1", "ram_total_gb": "10", "gpu_used_gb": "19", "gpu_total_gb": "20"}
    )


def launched(folder, *options, **variables):
    """Its exit code, what it printed and what it said."""
    program = folder / "show.py"
    shown = (
        "os.environ['RANK'], os.environ['WORLD_SIZE'], os.environ.get('NCCL_ALGO'), *sys.argv[1:]"
    )
    program.write_text(
        f"import os, sys\nsys.stdout.write(' '.join(map(str, [{shown}])) + chr(10))\n"
    )
    command = [sys.executable, SCRIPTS / "sft_ranks.py", *options, "--", program, "--lr", "1"]
    program.chmod(0o755)
    job = subprocess.run(
        list(map(str, command)), env=os.environ | variables, capture_output=True, text=True
    )
    return job.returncode, sorted(job.stdout.split("\n"))[1:], job.stderr


def test_the_launcher_starts_a_rank_for_each_gpu_with_the_variables_of_a_file(tmp_path):
    options = ["--gpus", 2, "--environment", SPARK]
    code, lines, log = launched(tmp_path, *options)
    assert (code, lines) == (0, ["0 2 Ring --lr 1", "1 2 Ring --lr 1"]), log
    code, lines, log = launched(tmp_path, *options, NCCL_ALGO="Tree")
    assert (code, lines[0]) == (0, "0 2 Tree --lr 1"), log


def test_nodes_need_an_address_and_a_file_of_variables_needs_values(tmp_path):
    code, _, log = launched(tmp_path, "--nodes", 2)
    assert code == 1 and log == "error: 2 nodes need --address, that of node 0\n"
    (tmp_path / "x.env").write_text("# text\n\nNCCL_ALGO\n")
    code, _, log = launched(tmp_path, "--environment", tmp_path / "x.env")
    assert code == 1 and "x.env, line 3: no NAME=VALUE; correct it" in log
