"""Attention against float64 formulas written here; the kernels in Triton's interpreter.

They are also compiled for GPUs, which needs none.
"""

import math
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch

from seqloom.demo.model_shapes import CONFIGS
from seqloom.encoders import attention as module
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.attention import Case, by_pytorch, kernel_serves, t5_table
from seqloom.encoders.attention_operator import _attend, by_kernel
from seqloom.encoders.layers import join_heads, split_heads

CPU = torch.device("cpu")
# Bytes of shared memory that a block may have.
SHARED = {86: 99 * 1024, 90: 227 * 1024, 121: 99 * 1024}
HEADS, REACH = 2, 12
# float16 rounds shares and results to 11 bits; float32 differs in the order of sums.
TOLERANCE = {torch.float16: 4e-3, torch.float32: 1e-5}


def interpret() -> None:
    os.environ["TRITON_INTERPRET"] = "1"
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def interpreter():
    """A process in which kernels run on the CPU: that is settled when triton is imported."""
    pytest.importorskip("triton")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=interpret) as process:
        yield lambda function, *values: process.submit(function, *values).result()


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def bias_of(kind: str) -> torch.Tensor | None:
    table = random(HEADS, 2 * REACH + 1, seed=1)
    return {"none": None, "slopes": torch.tensor([0.5, 0.03]), "table": table}[kind]


def reference(query, key, value, bias, lengths):
    """Softmax of products plus bias, in float64, pair by pair where it matters."""
    length, size = query.shape[-2:]
    logits = query.double() @ key.double().transpose(-1, -2) / math.sqrt(size)
    if bias is not None:
        rows = []
        for i in range(length):
            ahead = [j - i for j in range(length)]
            if bias.ndim == 1:
                rows.append(torch.stack([-bias.double() * abs(d) for d in ahead], -1))
            else:
                columns = [max(-REACH, min(REACH, d)) + REACH for d in ahead]
                rows.append(bias.double()[:, columns])
        logits = logits + torch.stack(rows, 1)
    there = torch.arange(length) < lengths[:, None]
    shares = logits.masked_fill(~there[:, None, None, :], -math.inf).softmax(-1)
    return shares @ value.double()


def results(function, inputs, bias, weights):
    """What the function makes of the inputs, and the gradients of the weighted sum."""
    leaves = [leaf.detach().clone().requires_grad_() for leaf in inputs]
    table = None if bias is None else bias.detach().clone().requires_grad_(bias.ndim == 2)
    mixed = function(*leaves, table=table)
    wanted = leaves if table is None or table.ndim == 1 else [*leaves, table]
    return [mixed, *torch.autograd.grad(mixed, wanted, weights.to(mixed.dtype))]


def errors(dtype: torch.dtype, size: int, kind: str, lengths: list[int]) -> list[float]:
    """The errors of the kernels and their gradients, relative to the largest number if above 1.

    What stands at padding is read by nobody.
    """
    count, length = len(lengths), max(lengths)
    joined = random(count, length, 3 * HEADS * size).to(dtype)
    inputs = [split_heads(part, HEADS) for part in joined.chunk(3, -1)]
    bias = bias_of(kind)
    there = torch.arange(length) < torch.tensor(lengths)[:, None]
    mask = None if there.all() else there
    weights = random(count, HEADS, length, size, seed=2).to(dtype)
    weights = weights * there[:, None, :, None]

    found = results(lambda *qkv, table: by_kernel(table, mask)(*qkv), inputs, bias, weights)
    expected = results(
        lambda *qkv, table: reference(*qkv, table, torch.tensor(lengths)), inputs, bias, weights
    )
    found[0], expected[0] = (mixed * there[:, None, :, None] for mixed in (found[0], expected[0]))
    return [
        ((ours.double() - theirs).abs().max() / theirs.abs().max().clamp(min=1)).item()
        for ours, theirs in zip(found, expected, strict=True)
    ]


CASES = [
    (torch.float32, 32, "none", [67]),
    (torch.float32, 64, "slopes", [45, 67, 1]),
    (torch.float32, 72, "table", [67, 31]),
    (torch.float32, 128, "slopes", [33]),
    (torch.float16, 32, "table", [131]),
    (torch.float16, 64, "slopes", [131, 64, 65]),
    (torch.float16, 64, "slopes", [1]),
    (torch.float16, 72, "none", [67, 13]),
    (torch.float16, 128, "table", [9, 67]),
]


@pytest.mark.parametrize(("dtype", "size", "kind", "lengths"), CASES)
def test_kernels_equal_the_formula_forward_and_backward(interpreter, dtype, size, kind, lengths):
    found = interpreter(errors, dtype, size, kind, lengths)
    assert max(found) < TOLERANCE[dtype], found


@pytest.mark.parametrize("lengths", [[33, 33], [33, 20]], ids=["whole", "padded"])
@pytest.mark.parametrize("kind", ["none", "slopes", "table"])
def test_the_bias_and_mask_given_to_pytorch_are_those_of_the_formula(kind, lengths):
    query, key, value = (random(2, HEADS, 33, 8, seed=i).double() for i in range(3))
    bias, there = bias_of(kind), torch.arange(33) < torch.tensor(lengths)[:, None]
    attend = by_pytorch(bias, 33, torch.float64, None if there.all() else there)
    expected = reference(query, key, value, bias, torch.tensor(lengths))
    # The biases are computed in float32.
    torch.testing.assert_close(attend(query, key, value), expected, rtol=0, atol=1e-6)


def other_layouts() -> tuple[float, bool, bool]:
    """Error of the kernels for oddly laid out inputs; are views read in place; is the result?"""
    from seqloom.encoders.attention_kernels import _strided

    query = random(2, HEADS, 40, 16)
    key = random(40, 2, 16, HEADS, seed=1).permute(1, 3, 0, 2)  # channels are no neighbors
    value = random(2, 80, HEADS, 32, seed=2)[:, ::2, :, 7:23].transpose(1, 2)
    mixed = by_kernel(None, None)(query, key, value)
    expected = reference(query, key, value, None, torch.tensor([40, 40]))
    is_in_place = all(_strided(view)[0] is view for view in (query, value))
    is_joined = join_heads(mixed).data_ptr() == mixed.data_ptr()
    return (mixed - expected).abs().max().item(), is_in_place, is_joined


def test_any_layout_is_read_and_views_are_not_copied(interpreter):
    error, is_in_place, is_joined = interpreter(other_layouts)
    assert error < 1e-5
    assert is_in_place
    assert is_joined


def operator_checks() -> None:
    inputs = [random(2, HEADS, 9, 16, seed=i).requires_grad_() for i in range(3)]
    bias, lengths = bias_of("table").requires_grad_(), torch.tensor([9, 5], dtype=torch.int32)
    torch.library.opcheck(_attend, (*inputs, bias, lengths, 0.25))
    compiled = torch.compile(by_kernel(bias, None), backend="aot_eager", fullgraph=True)
    expected = torch.autograd.grad(by_kernel(bias, None)(*inputs).sum(), [*inputs, bias])
    found = torch.autograd.grad(compiled(*inputs).sum(), [*inputs, bias])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_the_operator_and_its_description_for_torch_compile_agree(interpreter):
    interpreter(operator_checks)


def t5_encoder() -> torch.nn.Module:
    from models_data import randomize

    shape = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_heads": 2, "num_layers": 2}
    encoder = build_encoder("t5", CONFIGS["t5"] | shape, "test").to_empty(device="cpu")
    randomize(encoder)
    return encoder


def dnabert_encoder() -> torch.nn.Module:
    from test_dnabert import encoder_of, random_checkpoint

    return encoder_of(random_checkpoint()).float()


def encoder_by_kernel(make_encoder: Callable[[], torch.nn.Module]) -> float:
    encoder = make_encoder()
    ids = torch.randint(5, 50, (2, 21), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(21) < torch.tensor([[21], [10]])
    with torch.no_grad():
        expected = encoder(ids, mask)
        encoder.by_kernel = True
        compiled = torch.compile(encoder, backend="aot_eager", fullgraph=True)
        return max(
            (states - expected)[mask].abs().max().item()
            for states in (encoder(ids, mask), compiled(ids, mask))
        )


@pytest.mark.parametrize("make_encoder", [dnabert_encoder, t5_encoder])
def test_the_encoder_by_kernel_equals_that_by_pytorch(interpreter, make_encoder):
    assert 0 < interpreter(encoder_by_kernel, make_encoder) < 1e-5


def verdicts() -> tuple[bool, bool]:
    """Whether a kernel passes its self-test, and whether it would if no error were allowed."""
    case = Case((HEADS,), HEADS, 16, torch.float16, CPU, True, True)
    verdict = module._passes_self_test(case)
    module._ALLOWED[torch.float16] = 0.0
    module._passes_self_test.cache_clear()
    return verdict, module._passes_self_test(case)


def test_the_self_test_refuses_a_kernel_whose_error_is_larger_than_allowed(interpreter):
    assert interpreter(verdicts) == (True, False)


def test_a_kernel_that_cannot_run_is_refused_with_its_error(caplog):
    pytest.importorskip("triton")
    assert not module._passes_self_test(Case((HEADS,), HEADS, 16, torch.float16, CPU, False, False))
    assert "attention by PyTorch, since the Triton kernel fails its test here (" in caplog.text
    assert "Error: " in caplog.text


def test_a_cpu_uses_pytorch_and_the_log_says_so_once(caplog):
    caplog.set_level("INFO")
    module._log_once.cache_clear()
    for _ in range(2):
        assert not kernel_serves(bias_of("slopes"), (1, HEADS, 5, 8), torch.float32, CPU, False)
    assert [record.message for record in caplog.records] == ["attention by PyTorch, as on any cpu"]


def test_the_kernel_is_used_where_it_is_faster_or_the_bias_is_too_large(caplog, monkeypatch):
    # There is no GPU here to have little memory or be fast.
    caplog.set_level("INFO")
    times, free, queries = [(2.0, 1.0), (1.0, 2.0)], 10**9, []
    monkeypatch.setattr(module, "_preferred", {})
    monkeypatch.setattr(module, "_milliseconds", lambda *_: times.pop(0))
    monkeypatch.setattr(module, "_free_bytes", lambda _: queries.append(1) or free)
    case = Case((12,), 12, 64, torch.float16, CPU, False, False)
    # Timed once for 64 to 127 tokens, once for 128 to 255.
    assert [module._is_preferred(case, 8, n) for n in (100, 66, 100)] == [False] * 3
    assert [module._is_preferred(case, 8, n) for n in (128, 255)] == [True] * 2
    assert module._is_preferred(case, 8, 4500)
    # A GPU is asked for its free memory where a bias is larger than those before.
    assert len(queries) == 3
    free = 10**5
    assert not module._is_preferred(case, 8, 100)
    assert module._is_preferred(case, 8, 127)
    reasons = [record.message.split(" (")[1] for record in caplog.records]
    assert reasons == [
        "2.000 ms by the kernel, 1.000 ms by PyTorch)",
        "1.000 ms by the kernel, 2.000 ms by PyTorch)",
        "a dense bias would take 2.4 GB)",
        "a dense bias would take 0.0 GB)",
    ]


def bucket(ahead: int) -> int:
    """T5's of 32: 8 single distances, 8 that grow by the eighth root of 16, on either side."""
    distance = abs(ahead)
    steps = sum(distance**8 >= 8**8 * 16**step for step in range(1, 8))
    return (distance if distance < 8 else 8 + steps) + 16 * (ahead > 0)


def test_the_table_of_t5_has_its_buckets():
    buckets = random(32, HEADS)
    table = t5_table(buckets, 128)
    assert table.shape == (HEADS, 257)
    assert torch.equal(table, buckets[[bucket(d) for d in range(-128, 129)]].T)
    # What is farther away has the last bucket too.
    assert {bucket(d) for d in (128, 129, 5000)} == {bucket(128)}


class Gpu:
    """What Triton asks of a driver to compile for a GPU."""

    def __init__(self, generation: int) -> None:
        self.generation = generation

    def get_current_device(self) -> int:
        return self.generation

    def get_current_stream(self, _device: int) -> int:
        return 0

    def get_current_target(self):
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", self.generation, 32)


def shared_memory(generation: int, dtype: torch.dtype, size: int, kind: str) -> list[int]:
    """Compile what a GPU would run; the bytes of shared memory of each kernel."""
    import triton
    from triton.runtime.jit import JITFunction

    from seqloom.encoders import attention_kernels

    kernels = []

    def compiled(self, *values, grid, warmup, **options):
        kernels.append(run(self, *values, grid=grid, warmup=True, **options))

    triton.runtime.driver.set_active(Gpu(generation))
    run, JITFunction.run = JITFunction.run, compiled
    joined = torch.zeros(1, 8, 3 * HEADS * size, dtype=dtype)
    inputs = [split_heads(part, HEADS) for part in joined.chunk(3, -1)]
    bias, lengths = bias_of(kind), torch.tensor([8], dtype=torch.int32)
    mixed, logsum = attention_kernels.forward(*inputs, bias, lengths, 1.0)
    with_table = kind == "table"
    attention_kernels.backward(mixed, *inputs, bias, lengths, 1.0, mixed, logsum, with_table)
    JITFunction.run = run
    assert all(len(kernel.asm["cubin"]) for kernel in kernels)
    return [kernel.metadata.shared for kernel in kernels]


def keep_in(folder: str) -> None:
    os.environ["TRITON_CACHE_DIR"] = folder


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    pytest.importorskip("triton")
    folder = str(tmp_path_factory.mktemp("triton"))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=keep_in, initargs=(folder,)) as process:
        yield lambda *values: process.submit(shared_memory, *values).result()


@pytest.mark.parametrize("generation", SHARED)
@pytest.mark.parametrize(
    ("dtype", "size", "kind"),
    [
        (torch.float16, 128, "table"),
        (torch.bfloat16, 64, "slopes"),
        (torch.float32, 128, "table"),
    ],
)
def test_kernels_compile_for_gpus_and_fit_their_shared_memory(
    compiler, generation, dtype, size, kind
):
    needed = compiler(generation, dtype, size, kind)
    assert len(needed) == 3
    assert max(needed) <= SHARED[generation]
