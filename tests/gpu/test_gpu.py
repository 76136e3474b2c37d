"""What only a GPU can show. Without one all of it is skipped: no other test vouches for it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_engine import SHAPES, backend, rows_of, sequences_of, spied

from seqloom.config.registry import REGISTRY, read_backend
from seqloom.embedding.loading import Model, load_model
from seqloom.embedding.resume import Work
from seqloom.encoders import attention
from seqloom.models.fetch import demo_source, write_model

if not torch.cuda.is_available():
    pytest.skip("torch sees no GPU here", allow_module_level=True)

CPU = torch.device("cpu")
COSINES = {"float32": 1 - 1e-6, "float16": 0.9999, "bfloat16": 0.9999}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    models = {molecule: backend(molecule, 6000) for molecule in SHAPES}
    models["t5"] = read_backend(REGISTRY, "demo_prost_t5")
    for name, described in models.items():
        source = demo_source(described)
        write_model(described, source, folder / name, folder / "lock.json", False)
    return folder


def on_cpu(model: Model) -> Model:
    return replace(model, encoder=model.encoder.encoder.cpu(), device=CPU)


def cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / norms


@pytest.mark.parametrize("dtype", attention._ALLOWED, ids=str)
@pytest.mark.parametrize("bias", [None, (12,), (12, 257)], ids=["none", "slopes", "table"])
@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("trains", [False, True])
def test_the_kernel_is_right(dtype, bias, size, padded, trains):
    case = attention.Case(bias, 12, size, dtype, torch.device("cuda"), padded, trains)
    with torch.set_grad_enabled(trains):
        assert attention.self_test(case) <= attention._ALLOWED[dtype]


@pytest.mark.parametrize("kernel", [False, True])
@pytest.mark.parametrize("dtype", COSINES)
@pytest.mark.parametrize("name", [*sorted(SHAPES), "t5"])
def test_vectors_are_those_of_a_cpu(folders, monkeypatch, name, dtype, kernel):
    for encoder in ("dnabert", "t5"):
        monkeypatch.setattr(f"seqloom.encoders.{encoder}.kernel_serves", lambda *_: kernel)
    sequences = sequences_of("dna" if name == "dna" else "protein", 60, 400)
    exact = rows_of(on_cpu(load_model(folders / name, "float32", 4)), sequences)
    rows = rows_of(load_model(folders / name, dtype, 4), sequences)
    assert cosines(rows, exact).min() > COSINES[dtype]


def test_what_does_not_fit_is_halved(folders, caplog):
    model, sequences = load_model(folders / "protein", "float16", 4), ["MKV" * 300] * 2000
    sequences = [sequence + "ACDEFGHIKL"[i % 10] for i, sequence in enumerate(sequences)]
    exact = rows_of(model, sequences[:10])
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 3e8) / total)
    try:
        rows = rows_of(model, sequences, tokens_per_batch=1 << 20)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory" in caplog.text
    assert cosines(rows[:10], exact).min() > 0.99999


def test_a_long_window_needs_no_dense_bias(folders):
    model = load_model(folders / "dna", "float16", 4)
    rows_of(model, ["ACGT" * 100])
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    slopes = torch.full((12,), 0.1, device="cuda")
    states = torch.zeros(1, 4500, 3 * 768, dtype=torch.float16, device="cuda")
    query, key, value = (
        part.unflatten(-1, (12, 64)).transpose(1, 2) for part in states.chunk(3, -1)
    )
    attention.by_kernel(slopes, None)(query, key, value)
    assert torch.cuda.max_memory_allocated() - before < 1e8  # the bias alone has 4.9e8


def test_a_stopped_shard_goes_on(folders, tmp_path):
    model, sequences = load_model(folders / "dna", "float16", 4), sequences_of("dna", 500, 300)
    whole = rows_of(model, sequences)
    read, options = [], {"work": Work(tmp_path, {"made": "from this"}), "tokens_per_batch": 4096}

    def stop_at_the_fourth(tokens):
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(len(tokens))

    with pytest.raises(KeyboardInterrupt):
        rows_of(spied(model, stop_at_the_fourth), sequences, **options)
    read.clear()
    again = rows_of(spied(model, lambda tokens: read.append(len(tokens))), sequences, **options)
    assert 0 < sum(read) < len(sequences)
    assert cosines(again, whole).min() > 0.99999
