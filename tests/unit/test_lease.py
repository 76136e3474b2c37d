"""GPU leases with real processes: killed ones, many at once, some with two GPUs."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqloom.errors import InputError
from seqloom.machine.lease import devices, lease, try_lock

LEASE = Path(__file__).parents[2] / "workflow" / "scripts" / "gpu_lease.py"
SHOW = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"
WAIT = "import time; print('up', flush=True); time.sleep(600)"
# Appends "+GPU" on entry and "-GPU" on exit to the file named last.
WORK = """
import os, sys, time
gpu = os.environ["CUDA_VISIBLE_DEVICES"]
def note(sign):
    with open(sys.argv[1], "a") as file:
        file.write("".join(f"{sign}{g}\\n" for g in gpu.split(",")))
note("+"); time.sleep(0.3); note("-")
"""


def environment(tmp_path, pool, **more):
    kept = {
        k: v for k, v in os.environ.items() if k not in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
    }
    return kept | {"SEQLOOM_GPUS": pool, "SEQLOOM_LEASES": str(tmp_path / "leases")} | more


def start(env, code, *arguments, gpus=1):
    command = [sys.executable, str(LEASE), "--gpus", str(gpus), "--", sys.executable, "-c", code]
    return subprocess.Popen(
        [*command, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_job_gets_one_device_of_the_pool(tmp_path):
    job = start(environment(tmp_path, "a,b"), SHOW)
    assert job.communicate()[0].strip() in {"a", "b"}


def test_no_device_is_shared(tmp_path):
    notes = tmp_path / "notes"
    env = environment(tmp_path, "a,b")
    finish([start(env, WORK, str(notes), gpus=1 + (i % 3 == 0)) for i in range(9)])
    assert_never_shared(notes)


def finish(jobs):
    for job in jobs:
        assert job.wait(60) == 0, job.stderr.read()


def assert_never_shared(notes):
    busy = set()
    for note in notes.read_text().split():
        if note[0] == "+":
            assert note[1:] not in busy, "two jobs on one device"
            busy.add(note[1:])
        else:
            busy.remove(note[1:])
    assert not busy


def test_a_killed_job_frees_its_device(tmp_path):
    env = environment(tmp_path, "a")
    first = start(env, WAIT)
    assert first.stdout.readline() == "up\n"
    second = start(env, SHOW)
    time.sleep(1.5)
    assert second.poll() is None, "the second job must wait for the only device"
    first.send_signal(signal.SIGKILL)
    assert second.communicate(timeout=30)[0].strip() == "a"
    first.wait()


def test_the_exit_code_is_that_of_the_command(tmp_path):
    assert start(environment(tmp_path, "a"), "raise SystemExit(7)").wait() == 7


def test_a_list_of_files_goes_to_the_command_unread(tmp_path):
    """Its words may be more than the kernel takes; it is a pipe, as in the rules."""
    show = "import sys; print(sys.argv[1][0], len(open(sys.argv[1][1:]).read().split()))"
    words = "seq -f results/embeddings/demo_prot_t5/whole/train/%06.0f-of-20000.safetensors 40000"
    line = f'{sys.executable} {LEASE} -- {sys.executable} -c "$0" @<({words})'
    env = environment(tmp_path, "a")
    done = subprocess.run(["bash", "-c", line, show], env=env, capture_output=True, text=True)
    assert done.stdout == "@ 40000\n", done.stderr


def test_without_a_gpu_the_command_runs_on_the_cpu(tmp_path):
    assert start(environment(tmp_path, ""), SHOW).communicate()[0].strip() == ""


def test_a_command_that_needs_no_gpu_waits_for_none_and_sees_none(tmp_path):
    holder = start(environment(tmp_path, "a"), WAIT)
    holder.stdout.readline()
    assert start(environment(tmp_path, "a"), SHOW, gpus=0).communicate()[0].strip() == ""
    holder.kill()
    holder.wait()


def test_an_allocation_of_the_scheduler_is_kept(tmp_path):
    env = environment(tmp_path, "a,b", SLURM_JOB_ID="1", CUDA_VISIBLE_DEVICES="1")
    assert start(env, SHOW).communicate()[0].strip() == "1"
    assert "CUDA_DEVICE_ORDER" not in lease(1, env)


def test_jobs_inside_one_allocation_take_turns(tmp_path):
    notes = tmp_path / "notes"
    env = environment(tmp_path, "a,b", SLURM_JOB_ID="1", CUDA_VISIBLE_DEVICES="0")
    finish([start(env, WORK, str(notes)) for _ in range(3)])
    assert_never_shared(notes)


def test_two_allocations_do_not_wait_for_each_other(tmp_path):
    env = environment(tmp_path, "a", CUDA_VISIBLE_DEVICES="0")
    first = start(env | {"SLURM_JOB_ID": "1"}, WAIT)
    assert first.stdout.readline() == "up\n"
    assert start(env | {"SLURM_JOB_ID": "2"}, SHOW).communicate(timeout=30)[0].strip() == "0"
    assert first.poll() is None
    first.kill()
    first.wait()


def test_a_job_whose_scheduler_names_no_devices_uses_the_common_pool(tmp_path):
    notes = tmp_path / "notes"
    jobs = [environment(tmp_path, "a", SLURM_JOB_ID=job) for job in "12"]
    finish([start(env, WORK, str(notes)) for env in jobs])
    assert_never_shared(notes)


def test_inside_a_larger_allocation_devices_are_leased(tmp_path):
    env = environment(tmp_path, "a,b,c", SLURM_JOB_ID="1", CUDA_VISIBLE_DEVICES="1,2")
    assert start(env, SHOW).communicate()[0].strip() in {"b", "c"}


def test_an_index_and_a_uuid_are_the_same_device():
    pool = {"SEQLOOM_GPUS": "GPU-x,GPU-y"}
    assert devices(pool | {"CUDA_VISIBLE_DEVICES": "1"}) == ["GPU-y"]
    assert devices(pool | {"CUDA_VISIBLE_DEVICES": "GPU-y"}) == ["GPU-y"]


@pytest.mark.parametrize(("visible", "left"), [("", []), ("-1", []), ("0,-1,1", ["GPU-x"])])
def test_minus_one_and_empty_mean_no_gpu(visible, left):
    assert devices({"SEQLOOM_GPUS": "GPU-x,GPU-y", "CUDA_VISIBLE_DEVICES": visible}) == left


def test_indexes_are_those_of_nvidia_smi(tmp_path):
    show = "import os; print(os.environ['CUDA_DEVICE_ORDER'])"
    assert start(environment(tmp_path, "0"), show).communicate()[0].strip() == "PCI_BUS_ID"


def test_the_folder_is_writable_for_all_users_with_any_umask(tmp_path):
    mask = os.umask(0o077)
    try:
        os.close(try_lock(tmp_path / "new/leases", "a"))
    finally:
        os.umask(mask)
    assert (tmp_path / "new/leases").stat().st_mode & 0o7777 == 0o1777
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("made_anew", [False, True])
def test_a_lock_file_removed_before_it_is_locked_has_no_effect(tmp_path, monkeypatch, made_anew):
    lock, flock = tmp_path / "a.lock", fcntl.flock

    def remove_first(descriptor, how):
        lock.unlink()
        if made_anew:
            lock.touch()
        flock(descriptor, how)

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", remove_first)
        assert try_lock(tmp_path, "a") is None
    os.close(try_lock(tmp_path, "a"))


def test_more_gpus_than_exist_are_refused():
    with pytest.raises(InputError, match="2 GPUs are requested, but there are 1"):
        lease(2, {"SEQLOOM_GPUS": "a"})
