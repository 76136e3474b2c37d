"""Memory by arithmetic, and long windows that are refused where it is not there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from genet5_data import codec, gene_example, mixed_examples, model, shape, steps_of
from models_data import one_thread  # noqa: F401

from seqloom.annotate.signals import Rules
from seqloom.errors import InputError
from seqloom.genet5.batches import target_batch, window_batch
from seqloom.genet5.losses import loss_sums
from seqloom.genet5.memory import Load, bytes_needed, free_bytes, refuse_without_memory
from seqloom.genet5.shape import Shape

PUBLISHED = Shape(4096, ("CDS",))


def extra_peak(work) -> int:
    """The most memory that `work` takes in addition, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from now on
    before = memory_now()["VmRSS"]
    work()
    return memory_now()["VmHWM"] - before


def memory_now() -> dict[str, int]:
    found = re.findall(r"(VmRSS|VmHWM):\s+(\d+)", Path("/proc/self/status").read_text())
    return {name: int(size) * 1024 for name, size in found}


def needed_and_taken() -> list[tuple[int, int]]:
    """Bytes by arithmetic and as seen, of reading a window and of a step of training on it."""
    sizes = {"width": 64, "inner": 256}
    network, one = model(**sizes), gene_example(1, codons=260, genes=12)
    windows, targets = window_batch([one]), target_batch([one], codec(), Rules())

    def learn():
        loss_sums(network(windows, *steps_of(targets)), targets, windows, 0).loss.backward()

    lengths = len(one.letters), len(one.tokens), targets.tokens.shape[1]
    return [
        (bytes_needed(shape(**sizes), Load(1, *lengths, trains=trains)), extra_peak(work))
        for work, trains in (
            (torch.no_grad()(lambda: network.encode(windows)), False),
            (learn, True),
        )
    ]


def test_the_arithmetic_is_about_what_a_window_takes():
    # In a process of its own: what other tests freed would be room for it.
    program = "import json, test_genet5_memory as m; print(json.dumps(m.needed_and_taken()))"
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    output = subprocess.check_output([sys.executable, "-c", program], env=variables)
    for needed, taken in json.loads(output):
        assert needed / 4 < taken < 1.3 * needed


def test_longer_windows_and_more_of_them_need_more():
    loads = [Load(1, bases, bases // 5, bases // 50) for bases in (9000, 45_000, 90_000)]
    needed = [bytes_needed(PUBLISHED, load) for load in loads]
    assert needed == sorted(needed)
    # The bias of all pairs of 18,000 tokens would be 16 GB.
    assert needed[2] < 8e9
    learned = Load(1, 90_000, 18_000, 1800, trains=True)
    again = Load(1, 90_000, 18_000, 1800, trains=True, recomputes=True)
    assert needed[2] < bytes_needed(PUBLISHED, again) < bytes_needed(PUBLISHED, learned)


@pytest.mark.parametrize(
    ("load", "advice"),
    [
        (Load(2, 90_000, 18_000, 100), "2 windows of 90,000 bases need about"),
        (Load(2, 90_000, 18_000, 100), "but 1.0 GB are free; put fewer windows in a batch"),
        (Load(1, 90_000, 18_000, 100, trains=True), "switch checkpointing on"),
        (Load(1, 90_000, 18_000, 100, trains=True, recomputes=True), "choose shorter windows"),
    ],
)
def test_windows_without_memory_are_refused_with_advice(load, advice):
    with pytest.raises(InputError, match=re.escape(advice)):
        refuse_without_memory(PUBLISHED, load, 10**9)


def test_windows_with_memory_are_not_refused():
    load = Load(1, 1000, 250, 40)
    refuse_without_memory(shape(), load, bytes_needed(shape(), load))
    assert free_bytes(torch.device("cpu")) > 10**8


def test_layers_that_are_computed_again_give_the_same_gradients():
    network, examples = model(), mixed_examples()
    windows, targets = window_batch(examples), target_batch(examples, codec(), Rules())
    found = []
    for wanted in (False, True):
        network.recompute(wanted)
        network.zero_grad()
        loss_sums(network(windows, *steps_of(targets)), targets, windows, 0).loss.backward()
        found.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    assert len(found[0]) > 50
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))
