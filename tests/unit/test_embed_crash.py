"""embed.py is killed, stopped or started twice; its result has the bytes of an undisturbed run."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqloom.config.registry import Backend
from seqloom.files.tensors import read_metadata, read_tensor
from seqloom.models.fetch import demo_source, write_model

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
COUNT, LONGEST, LIMIT = 160, 220, 200
SHAPE = {"hidden_size": 640, "num_hidden_layers": 1, "intermediate_size": 640}
# With the prefix of ProstT5, and the relative positions of both T5 models.
SHAPE_OF_T5 = {"d_model": 640, "num_layers": 1, "num_heads": 2, "d_ff": 640}


def write_tiny_model(folder: Path, seed: int, architecture: str = "esm") -> Path:
    shape = {"esm": SHAPE, "t5": SHAPE_OF_T5}[architecture]
    backend = Backend(
        name="tiny",
        architecture=architecture,
        molecule="protein",
        width=640,
        pooling="mean_residues",
        max_length=LIMIT,
        dtype="float16",
        parameters=1,
        demo={"seed": seed, **shape},
        reading={"prefix": "<AA2fold>", "as_x": "UZOB"} if architecture == "t5" else {},
    )
    write_model(backend, demo_source(backend), folder, folder / "lock.json", False)
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("inputs"), "esm", COUNT)


def write_inputs(folder: Path, architecture: str, count: int) -> Path:
    """A model and a shard of some twenty batches or more."""
    write_tiny_model(folder / "model", 1, architecture)
    random = np.random.default_rng(2)
    letters = list("ACDEFGHIKLMNPQRSTVWY")
    lengths = random.integers(1, LONGEST, count)
    texts = ["".join(random.choice(letters, length)) for length in lengths]
    fasta = "".join(f">p{i}\n{text}\n" for i, text in enumerate(texts)).encode()
    (folder / "shard.faa").write_bytes(fasta)
    metadata = {key: "x" for key in ("sample", "cut", "cut_settings", "shard")}
    metadata["faa_sha256"] = sha256(fasta).hexdigest()
    table = pa.table({"row": np.arange(count)}).replace_schema_metadata(metadata)
    pq.write_table(table, folder / "shard.parquet")
    return folder


@pytest.fixture(scope="module")
def undisturbed(inputs) -> bytes:
    job = start(inputs, inputs / "undisturbed", "--work", f"{inputs}/undisturbed.work")
    assert ended(job)[0] == 0
    return (inputs / "undisturbed").read_bytes()


def start(inputs: Path, out: Path, *options: str, before: tuple[str, ...] = ()) -> subprocess.Popen:
    """One run; its log goes to a pipe."""
    fixed = ["--model", inputs / "model", "--shard", inputs / "shard", "--too-long", "split"]
    command = [*before, SCRIPTS / "embed.py", *fixed, "--out", out, *options]
    known = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.Popen(
        list(map(str, command)),
        env=known | {"SEQLOOM_GPUS": "", "CUDA_VISIBLE_DEVICES": ""},
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(job: subprocess.Popen) -> tuple[int, str]:
    log = job.communicate()[1]
    return job.returncode, log


def wait_for_progress(job: subprocess.Popen, work: Path) -> int:
    """The rows that are kept, once there are any."""
    record = work / "record.json"
    while not record.exists():
        assert job.poll() is None, job.stderr.read()
        time.sleep(0.02)
    return json.loads(record.read_text())["rows"]


def found_and_made(log: str) -> tuple[int, int]:
    """Rows that a run took over, and those it computed."""
    found = re.search(r"going on after (\d+) of", log)
    [*_, made] = re.findall(r"embed tiny: ([\d,]+)/", log)
    return int(found[1]) if found else 0, int(made.replace(",", ""))


def inputs_of(undisturbed: Path) -> int:
    return int(read_tensor(undisturbed, "pieces").sum())


@pytest.fixture(scope="module")
def killed(inputs) -> tuple[Path, int]:
    """The progress of a job that was killed, and how many rows it had at least; to be copied."""
    out, work = inputs / "killed", inputs / "killed.work"
    job = start(inputs, out, "--work", str(work))
    kept = wait_for_progress(job, work)
    job.kill()
    assert ended(job)[0] == -signal.SIGKILL and not out.exists() and kept > 0
    return work, kept


def test_a_killed_job_goes_on_and_ends_with_the_same_bytes(inputs, undisturbed, killed, tmp_path):
    out, work = tmp_path / "out", shutil.copytree(killed[0], tmp_path / "work")
    code, log = ended(start(inputs, out, "--work", str(work)))
    assert code == 0, log
    found, made = found_and_made(log)
    assert found >= killed[1] and found + made == inputs_of(inputs / "undisturbed")
    parts = sorted(re.findall(r"(\S+) \d+\.\d s", log.splitlines()[-1]))
    assert parts == ["embed", "load", "self-test", "tokenize", "write"]
    assert re.search(r"; \d+ tokens/s$", log)
    assert out.read_bytes() == undisturbed
    assert not work.exists()


def test_a_killed_t5_job_goes_on_and_ends_with_the_same_bytes(tmp_path):
    inputs = write_inputs(tmp_path, "t5", 300)
    outs = tmp_path / "undisturbed", tmp_path / "killed"
    assert ended(start(inputs, outs[0]))[0] == 0
    work = tmp_path / "work"
    job = start(inputs, outs[1], "--work", str(work))
    kept = wait_for_progress(job, work)
    job.kill()
    assert ended(job)[0] == -signal.SIGKILL and not outs[1].exists()
    code, log = ended(start(inputs, outs[1], "--work", str(work)))
    assert code == 0, log
    assert found_and_made(log)[0] >= kept > 0
    assert outs[1].read_bytes() == outs[0].read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_job_saves_its_rows_and_says_try_again(inputs, undisturbed, tmp_path, number):
    """Through the lease, as in the workflow."""
    out, work = tmp_path / "out", tmp_path / "work"
    lease = (sys.executable, str(SCRIPTS / "gpu_lease.py"), "--")
    job = start(inputs, out, "--work", str(work), before=lease)
    kept = wait_for_progress(job, work)
    job.send_signal(number)
    code, log = ended(job)
    assert code == os.EX_TEMPFAIL and f"stopped by {number.name}; the same command" in log
    assert "Traceback" not in log and not out.exists()
    code, log = ended(start(inputs, out, "--work", str(work), before=lease))
    assert code == 0, log
    assert found_and_made(log)[0] >= kept
    assert out.read_bytes() == undisturbed


def test_progress_of_another_precision_model_or_processor_is_not_used(inputs, killed, tmp_path):
    other = write_tiny_model(tmp_path / "other", seed=2)
    older = ("env", "ATEN_CPU_CAPABILITY=default")
    for number, (before, *options) in enumerate(
        [((), "--dtype", "bfloat16"), ((), "--model", str(other)), (older,)]
    ):
        work = str(shutil.copytree(killed[0], tmp_path / str(number)))
        job = start(inputs, tmp_path / "out", "--work", work, *options, before=before)
        code, log = ended(job)
        assert code == 0, log
        assert found_and_made(log) == (0, inputs_of(tmp_path / "out"))


def test_a_second_process_is_refused_and_the_first_is_not_disturbed(inputs, undisturbed, tmp_path):
    out, work = tmp_path / "out", tmp_path / "work"
    first = start(inputs, out, "--work", str(work))
    wait_for_progress(first, work)
    first.send_signal(signal.SIGSTOP)
    code, log = ended(start(inputs, out, "--work", str(work)))
    first.send_signal(signal.SIGCONT)
    assert code == 1 and ": another run is using this folder" in log
    assert ended(first)[0] == 0
    assert out.read_bytes() == undisturbed
    assert list(tmp_path.iterdir()) == [out]


def test_the_metadata_tell_what_was_split(inputs, undisturbed):
    pieces = read_tensor(inputs / "undisturbed", "pieces")
    metadata = read_metadata(inputs / "undisturbed")
    assert int(metadata["split_sequences"]) == (pieces == 2).sum() > 0 == (pieces > 2).sum()
