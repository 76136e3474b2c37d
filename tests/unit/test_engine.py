"""Rows in = rows out, whatever the batches; every value finite."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqloom.encoders.demo import CONFIGS
from seqloom.encoders.fetch import Source, demo_source, write_model
from seqloom.encoders.registry import Backend
from seqloom.engine import FILES, describe, embed, equal_length_batches, load_model
from seqloom.errors import InputError

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
        built=True,
        demo={"seed": 1, **SHAPES[molecule]},
    )


def sequences_of(molecule: str, count: int, longest: int) -> list[str]:
    generator = np.random.default_rng(5)
    letters = list(LETTERS[molecule])
    return [
        "".join(generator.choice(letters, generator.integers(1, longest))) for _ in range(count)
    ]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Real widths, because the width decides how matrix products are summed."""
    folder = tmp_path_factory.mktemp("models")
    for molecule in SHAPES:
        source = demo_source(backend(molecule), sequences_of("dna", 20, 400))
        write_model(backend(molecule), source, folder / molecule, folder / "lock.json", False)
    return {molecule: load_model(folder / molecule, "float32", 1) for molecule in SHAPES}


@pytest.mark.parametrize("molecule", sorted(SHAPES))
def test_bitwise_the_same_in_any_order_batch_and_shard(models, molecule):
    model, sequences = models[molecule], sequences_of(molecule, 30, 60)
    ids = [f"r{i}" for i in range(len(sequences))]
    together = embed(model, ids, sequences)
    assert together.shape == (30, model.description["width"]) and together.dtype == np.float32
    shuffled = np.random.default_rng(0).permutation(30)
    for budget in (1, 300):
        again = embed(model, ids, [sequences[i] for i in shuffled], tokens_per_batch=budget)
        np.testing.assert_array_equal(again, together[shuffled])
    shards = [embed(model, ids[i : i + 7], sequences[i : i + 7]) for i in range(0, 30, 7)]
    np.testing.assert_array_equal(np.concatenate(shards), together)


def test_bitwise_the_same_with_more_threads(models):
    sequences = sequences_of("dna", 12, 40)
    one = embed(models["dna"], sequences, sequences)
    torch.set_num_threads(2)
    two = embed(models["dna"], sequences, sequences)
    alone = [embed(models["dna"], ["x"], [sequence])[0] for sequence in sequences]
    torch.set_num_threads(1)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, alone)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(picks=st.lists(st.integers(0, 9), max_size=25), budget=st.integers(1, 300))
def test_each_row_is_that_of_its_sequence(models, picks, budget):
    model, pool = models["protein"], sequences_of("protein", 10, 12)
    alone = [embed(model, ["x"], [sequence])[0] for sequence in pool]
    rows = embed(model, [str(p) for p in picks], [pool[p] for p in picks], "float32", budget)
    assert rows.shape == (len(picks), 1280)
    for pick, row in zip(picks, rows, strict=True):
        np.testing.assert_array_equal(row, alone[pick])


def test_pooling_is_the_backends(models):
    for molecule, window in (("dna", slice(None)), ("protein", slice(1, -1))):
        model, [sequence] = models[molecule], sequences_of(molecule, 1, 50)
        tokens = model.tokenizer.encode(sequence).ids
        with torch.no_grad():
            states = model.encoder(torch.tensor([tokens]))[0]
        expected = states[window].numpy().astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(embed(model, ["x"], [sequence])[0], expected, atol=1e-5)


def test_no_sequences(models):
    assert embed(models["dna"], [], [], store="float16").shape == (0, 768)
    assert embed(models["dna"], [], [], store="float16").dtype == np.float16


def test_too_long_names_the_record(models):
    with pytest.raises(InputError, match='record "second": 66 tokens, but tiny_protein reads at'):
        embed(models["protein"], ["first", "second"], ["A" * 62, "A" * 64])


def test_low_precision_stays_close(models, tmp_path):
    sequences = sequences_of("protein", 5, 40)
    source = demo_source(backend("protein"), [])
    write_model(backend("protein"), source, tmp_path / "m", tmp_path / "lock.json", False)
    low = embed(load_model(tmp_path / "m", "bfloat16", 1), sequences, sequences)
    exact = embed(models["protein"], sequences, sequences)
    assert low.dtype == np.float32 and not np.array_equal(low, exact)
    np.testing.assert_allclose(low, exact, rtol=0, atol=0.1)


def test_values_that_are_not_finite_name_the_record(models, tmp_path):
    source = demo_source(backend("protein"), [])
    words = source.tensors["embeddings.word_embeddings.weight"]
    words[5] = torch.inf  # A
    broken = Source(source.config, source.tensors, source.tokenizer)
    write_model(backend("protein"), broken, tmp_path / "m", tmp_path / "lock.json", False)
    model = load_model(tmp_path / "m", "auto", 1)
    assert embed(model, ["fine"], ["MKLV"]).shape == (1, 1280)
    with pytest.raises(InputError, match=r'record "bad": .* not finite in float32.* 1 others'):
        embed(model, ["fine", "bad", "worse"], ["MKLV", "MAK", "AAA"])


@pytest.mark.parametrize("what", sorted(FILES))
def test_edited_files_are_refused(tmp_path, what):
    source = demo_source(backend("protein"), [])
    write_model(backend("protein"), source, tmp_path / "m", tmp_path / "l", False)
    with open(tmp_path / "m" / FILES[what], "a") as file:
        file.write(" ")
    with pytest.raises(InputError, match=rf"{FILES[what]}: not the {what} that model\.json names"):
        load_model(tmp_path / "m", "auto", 1)


def test_an_embedding_names_every_file_of_its_model(models):
    told = describe(models["dna"])
    for what in FILES:
        assert told[f"{what}_sha256"] == models["dna"].description[f"{what}_sha256"]


@given(st.lists(st.integers(2, 40), max_size=80), st.integers(1, 120))
def test_batches_cover_everything_once_in_equal_lengths(lengths, tokens):
    batches = list(equal_length_batches(lengths, tokens))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len({lengths[i] for i in batch}) == 1
        assert len(batch) == 1 or len(batch) * lengths[batch[0]] <= tokens
