"""One row per sequence with the same vector in any batch, every value finite."""

import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models_data import write_shard

import embed as embed_script
from seqloom.config.registry import Backend
from seqloom.demo.model_shapes import CONFIGS
from seqloom.embedding import engine, loading
from seqloom.embedding.batches import batch_end, pieces_of
from seqloom.embedding.compute import pooled
from seqloom.embedding.engine import embed
from seqloom.embedding.loading import FILES, Model, describe, load_model
from seqloom.errors import InputError
from seqloom.files import checksums
from seqloom.models.fetch import demo_source, write_model

SHAPES = {
    "dna": {"num_hidden_layers": 1, "intermediate_size": 96},
    "protein": {"num_hidden_layers": 1, "intermediate_size": 64},
}
LETTERS = {"dna": "ACGTN", "protein": "ACDEFGHIKLMNPQRSTVWYX"}


def backend(molecule: str, max_length: int = 64) -> Backend:
    architecture = {"dna": "dnabert", "protein": "esm"}[molecule]
    return Backend(
        name=f"tiny_{molecule}",
        architecture=architecture,
        molecule=molecule,
        width=CONFIGS[architecture]["hidden_size"],
        pooling={"dna": "mean_tokens", "protein": "mean_residues"}[molecule],
        max_length=max_length,
        dtype="float16",
        parameters=1,
        demo={"seed": 1, **SHAPES[molecule]},
    )


def sequences_of(molecule: str, count: int, longest: int) -> list[str]:
    generator = np.random.default_rng(5)
    letters = list(LETTERS[molecule])
    return [
        "".join(generator.choice(letters, generator.integers(1, longest))) for _ in range(count)
    ]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Real widths, because the width decides how matrix products are summed."""
    folder = tmp_path_factory.mktemp("models")
    for molecule in SHAPES:
        source = demo_source(backend(molecule))
        write_model(backend(molecule), source, folder / molecule, folder / "lock.json", False)
    return folder


@pytest.fixture(scope="module")
def models(folders):
    return {molecule: load_model(folders / molecule, "float32", 1) for molecule in SHAPES}


def rows_of(model: Model, sequences: list[str], **options) -> np.ndarray:
    return embed(model, [f"r{i}" for i in range(len(sequences))], sequences, **options).rows


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("molecule", sorted(SHAPES))
def test_vectors_are_bitwise_the_same_in_any_order_batch_and_shard(folders, molecule, dtype):
    model, sequences = load_model(folders / molecule, dtype, 1), sequences_of(molecule, 30, 60)
    together = rows_of(model, sequences)
    assert together.shape == (30, model.description["width"]) and together.dtype == np.float32
    shuffled = np.random.default_rng(0).permutation(30)
    for budget in (1, 300):
        again = rows_of(model, [sequences[i] for i in shuffled], tokens_per_batch=budget)
        np.testing.assert_array_equal(again, together[shuffled])
    shards = [rows_of(model, sequences[i : i + 7]) for i in range(0, 30, 7)]
    np.testing.assert_array_equal(np.concatenate(shards), together)


def test_vectors_are_bitwise_the_same_with_more_threads(models):
    sequences = sequences_of("dna", 12, 40)
    one = rows_of(models["dna"], sequences)
    torch.set_num_threads(2)
    two = rows_of(models["dna"], sequences)
    alone = [rows_of(models["dna"], [sequence])[0] for sequence in sequences]
    torch.set_num_threads(1)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, alone)


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(picks=st.lists(st.integers(0, 9), max_size=25), budget=st.integers(1, 300))
def test_each_row_is_that_of_its_sequence(models, picks, budget):
    model, pool = models["protein"], sequences_of("protein", 10, 12)
    alone = [rows_of(model, [sequence])[0] for sequence in pool]
    rows = rows_of(model, [pool[p] for p in picks], tokens_per_batch=budget)
    assert rows.shape == (len(picks), 1280)
    for pick, row in zip(picks, rows, strict=True):
        np.testing.assert_array_equal(row, alone[pick])


def spied(model: Model, before: Callable[[torch.Tensor], None]) -> Model:
    """The model, whose encoder calls `before` with what it is about to read."""

    def encoder(tokens, mask):
        before(tokens)
        return model.encoder(tokens, mask)

    return replace(model, encoder=encoder)


def test_identical_sequences_are_read_once(models):
    read = []
    model = spied(models["protein"], lambda tokens: read.extend(tokens.tolist()))
    rows = rows_of(model, ["MKV", "MKL", "MKV", "MKL", "MKV"])
    assert len(read) == 2
    np.testing.assert_array_equal(rows, rows[[0, 1, 0, 1, 0]])


def test_a_batch_too_large_for_the_gpu_is_halved_until_it_fits_and_so_are_those_after_it(models):
    """No GPU is needed: the encoder raises the error that PyTorch raises on a GPU."""
    sizes = []

    def no_more_than_150(tokens):
        sizes.append(tokens.numel())
        if tokens.numel() > 150:
            raise torch.cuda.OutOfMemoryError("a stand-in")

    sequences = sequences_of("protein", 60, 40)
    model = spied(models["protein"], no_more_than_150)
    rows = rows_of(model, [s.ljust(40, "A") for s in sequences], tokens_per_batch=1000)
    expected = rows_of(models["protein"], [s.ljust(40, "A") for s in sequences])
    np.testing.assert_array_equal(rows, expected)
    assert [size > 150 for size in sizes[:4]] == [True, True, True, False]
    assert max(sizes[3:]) <= 150


def test_a_sequence_too_large_for_the_gpu_is_an_error(models):
    def never(tokens):
        raise torch.cuda.OutOfMemoryError("a stand-in")

    with pytest.raises(InputError, match="too little memory for a single sequence of 5 tokens"):
        rows_of(spied(models["protein"], never), ["MKV", "MKL", "MKA"])


@pytest.mark.parametrize("molecule", sorted(SHAPES))
def test_padding_as_on_a_gpu_changes_a_vector_only_by_rounding(models, molecule):
    model, sequences = models[molecule], sequences_of(molecule, 12, 60)
    tokens = model.reading.token_ids(model.tokenizer, sequences)
    pieces = pieces_of(tokens, 64, model.reading, molecule == "dna")
    order, start, rows = np.argsort(-pieces.lengths), 0, np.empty((12, model.description["width"]))
    while start < 12:
        end = batch_end(pieces.lengths[order], start, 256, pads=True)
        with torch.inference_mode():
            found = pooled(model, pieces, order[start:end])
        rows[order[start:end]], start = found.numpy(), end
    np.testing.assert_allclose(rows, rows_of(model, sequences), rtol=0, atol=2e-6)


def test_pooling_is_that_of_the_backend(models):
    for molecule, window in (("dna", slice(None)), ("protein", slice(1, -1))):
        model, [sequence] = models[molecule], sequences_of(molecule, 1, 50)
        tokens = model.tokenizer.encode(sequence).ids
        with torch.no_grad():
            states = model.encoder(torch.tensor([tokens]))[0]
        expected = states[window].numpy().astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(rows_of(model, [sequence])[0], expected, atol=1e-5)


def test_the_matrix_is_in_memory_once(models):
    sequences = ["".join(letters) for letters in product("ACDEFGHIKL", repeat=3)]
    tracemalloc.start()
    rows = rows_of(models["protein"], sequences, tokens_per_batch=50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * rows.nbytes


def test_residues_of_repeated_and_refused_sequences_are_in_the_order_of_the_records(models):
    sequences = ["MKV", "A" * 70, "MKVLA", "MKV", "MKV"]
    options = {"residues": True, "failures": "skip"}
    found = embed(models["protein"], list("abcde"), sequences, **options)
    alone = [rows_of(models["protein"], [s], residues=True) for s in ("MKV", "MKVLA")]
    assert found.counts.tolist() == [3, 0, 5, 3, 3]
    expected = np.concatenate([alone[0], alone[1], alone[0], alone[0]])
    np.testing.assert_array_equal(found.rows, expected)


def test_no_sequences_give_an_empty_matrix(models):
    rows = rows_of(models["dna"], [], store="float16")
    assert rows.shape == (0, 768) and rows.dtype == np.float16


def test_lower_case_is_read_as_upper_case(models):
    sequences = sequences_of("dna", 3, 60)
    lower = rows_of(models["dna"], [sequence.lower() for sequence in sequences])
    np.testing.assert_array_equal(lower, rows_of(models["dna"], sequences))


def test_the_error_for_a_sequence_that_is_too_long_names_its_record(models):
    with pytest.raises(InputError, match='"second": 64 residues, but tiny_protein reads at'):
        embed(models["protein"], ["first", "second"], ["A" * 62, "A" * 64])


def test_a_sequence_that_is_too_long_is_split_into_overlapping_pieces_and_averaged(models):
    model, letters = models["protein"], sequences_of("protein", 1, 2000)[0].ljust(150, "A")[:150]
    sequences = ["MKV", letters, "MKL", letters]
    embedded = embed(model, sequences, sequences, too_long="split")
    assert embedded.pieces.tolist() == [1, 3, 1, 3]
    # The limit of 64 tokens has room for 62 residues; 150 are three times 62 with 18 twice, of
    # which each piece gives nine.
    pieces = [letters[start : start + 62] for start in (0, 44, 88)]
    found = embed(model, pieces, pieces, residues=True).rows.reshape(3, 62, -1)
    own = np.concatenate([found[0, :53], found[1, 9:53], found[2, 9:]])
    expected = own.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(embedded.rows[1], expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(embedded.rows[3], embedded.rows[1])
    np.testing.assert_array_equal(embedded.rows[[0, 2]], rows_of(model, ["MKV", "MKL"]))


def test_vectors_in_low_precision_stay_close(folders, models):
    sequences = sequences_of("protein", 5, 40)
    low = rows_of(load_model(folders / "protein", "bfloat16", 1), sequences)
    exact = rows_of(models["protein"], sequences)
    assert low.dtype == np.float32 and not np.array_equal(low, exact)
    np.testing.assert_allclose(low, exact, rtol=0, atol=0.1)


def test_the_error_for_values_that_are_not_finite_names_the_record(tmp_path):
    source = demo_source(backend("protein"))
    words = source.tensors["embeddings.word_embeddings.weight"]
    words[5] = torch.inf  # A
    write_model(backend("protein"), source, tmp_path / "m", tmp_path / "lock.json", False)
    model = load_model(tmp_path / "m", "float32", 1)
    assert rows_of(model, ["MKLV"]).shape == (1, 1280)
    with pytest.raises(InputError, match=r'record "bad": .* not finite in float32, stored'):
        embed(model, ["fine", "bad", "fine too"], ["MKLVMKLV", "MAK", "MKLV"])


def test_the_error_for_values_too_large_for_float16_names_the_record(models):
    class Large(torch.nn.Module):
        def forward(self, tokens, mask):
            return models["protein"].encoder(tokens, mask) * 1e6

    model = replace(models["protein"], encoder=Large())
    assert rows_of(model, ["MKV"]).max() > 1e5
    with pytest.raises(InputError, match=r'record "r0": .* stored as float16; leave'):
        rows_of(model, ["MKV"], store="float16")


@pytest.mark.parametrize("what", sorted(FILES))
def test_edited_files_are_refused(tmp_path, what):
    source = demo_source(backend("protein"))
    write_model(backend("protein"), source, tmp_path / "m", tmp_path / "l", False)
    with open(tmp_path / "m" / FILES[what], "a") as file:
        file.write(" ")
    with pytest.raises(InputError, match=rf"{FILES[what]}: not the {what} that model\.json names"):
        load_model(tmp_path / "m", "auto", 1)


def test_an_embedding_names_every_file_of_its_model(models):
    description = describe(models["dna"])
    for what in FILES:
        assert description[f"{what}_sha256"] == models["dna"].description[f"{what}_sha256"]


def test_tokenizing_goes_on_while_weights_are_hashed_and_they_are_hashed_once(
    folders, tmp_path, monkeypatch
):
    """The checksum of the weights waits for the tokens here, so neither can come first alone."""
    write_shard(tmp_path / "s", "fna", ">a\nACGT\n>b\nGATTACA\n")
    tokenized, hashed = threading.Event(), []

    def tokenize(*values):
        tokens = engine.tokenize(*values)
        tokenized.set()
        return tokens

    def sha256(path):
        hashed.append(path.name)
        assert path.suffix != ".safetensors" or tokenized.wait(60)
        return checksums.sha256(path)

    monkeypatch.setattr(embed_script, "tokenize", tokenize)
    monkeypatch.setattr(loading, "sha256", sha256)
    options = ["--model", folders / "dna", "--shard", tmp_path / "s", "--out", tmp_path / "out"]
    embed_script.main(embed_script.arguments().parse_args(list(map(str, options))))
    assert sorted(hashed) == sorted(FILES.values())
