"""Tokens, operations and seconds of jobs, from a sheet and a config alone."""

from dataclasses import replace

import pytest

from seqloom.config.settings import load_settings
from seqloom.config.work import CASES, Device, Work, read_devices

# Operations (1e9) for a window of 300 bases, counted layer by layer from the published shapes.
GFLOP = {"dnabert_s": 15.1, "fastesm2_650": 134, "esm2_3b": 581, "prot_t5_xl": 248}


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A virus, a host and a protein set of 30 million letters each, in shards of ten million."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.fa").write_text(">a\nACGT\n")
    (tmp_path / "s.tsv").write_text(
        "sample\tfasta\tlabel\tmolecule\tmax_frames\tbases\n"
        "virus\ta.fa\tviral\tdna\t\t30000000\n"
        "host\ta.fa\thost\tdna\t5000\t30000000\n"
        "set\ta.fa\t\tprotein\t\t30000000\n"
    )
    return Work(
        load_settings(
            {
                "samples": "s.tsv",
                "cuts": {"w300": {}, "orf": {"frames": "longest_orf"}},
                "fusions": {"all": list(GFLOP)},
                "experiments": {"e": {"cut": "w300", "fusion": "all"}},
                "embed": {"shard_bases": 10_000_000},
            }
        )
    )


@pytest.mark.parametrize("backend", GFLOP)
def test_operations_of_a_window_are_those_of_the_published_shapes(work, backend):
    frames = work.frames_per_shard("w300", "virus")
    assert work.operations(backend, "w300", "virus") / frames / 1e9 == pytest.approx(
        GFLOP[backend], rel=0.05
    )


def test_a_shard_has_its_part_of_the_frames(work):
    assert work.frames("orf", "virus") == 100_000
    assert work.frames_per_shard("orf", "virus") == 33_334
    assert work.frames("w300", "host") == work.frames_per_shard("w300", "host") == 5000
    assert work.frames("whole", "set") == 100_000
    assert work.frames_per_shard("whole", "set") == 11_112, "a residue counts as three bases"


def test_a_device_takes_its_start_and_the_operations_at_its_share_of_the_peak():
    device = Device("x", 48, {"float16": 100}, share=(0.1, 0.5, 1), start=(30, 20, 10))
    assert [device.seconds(1e15, "float16", case) for case in range(3)] == [130, 40, 20]
    assert device.seconds(1e15, "float16", cores=2) == 40, "the cores are those of a CPU"
    assert replace(device, name="cpu").seconds(1e15, "float16", cores=2) == 30


def test_precision_is_that_of_the_backend_on_a_gpu_and_float32_on_a_cpu(work):
    devices = read_devices()
    assert work.dtype("esm2_3b", devices["a6000"]) == "float16"
    assert work.dtype("esm2_3b", devices["cpu"]) == "float32"
    work.settings["embed"]["dtype"] = "bfloat16"
    assert work.dtype("esm2_3b", devices["cpu"]) == "bfloat16"


@pytest.mark.parametrize("name", read_devices())
def test_the_known_devices_go_from_slow_to_fast_in_every_precision(name):
    device = read_devices()[name]
    assert device.peak.keys() == {"float32", "bfloat16", "float16"}
    slow, expected, fast = (device.seconds(1e15, "bfloat16", case) for case in range(len(CASES)))
    assert slow > expected > fast > 0


def test_a_shard_takes_the_minutes_of_the_arithmetic_in_the_decisions():
    """DECISIONS: 100 Mb of bacteria, 256,000 frames, are 6 minutes of FastESM2_650 at 60 %."""
    a6000 = read_devices()["a6000"]
    seconds = a6000.seconds(256e3 * 134e9, "float16", CASES.index("fast"))
    assert seconds == pytest.approx(6 * 60, rel=0.05)
