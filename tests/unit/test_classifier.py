import numpy as np
import pytest
import torch
from learn_data import BACKEND, CUT, fused_metadata

from seqloom import CLASSIFIER_FORMAT
from seqloom.errors import InputError
from seqloom.files.json_files import write_json
from seqloom.learn.classifier import (
    BATCH,
    Classifier,
    Network,
    check_matches,
    load,
    log_odds,
    write_weights,
)

ARCHITECTURE = {"columns": 16, "hidden": 12, "dropout": 0.5}
DESCRIPTION = {
    "format": CLASSIFIER_FORMAT,
    "experiment": "x",
    "architecture": ARCHITECTURE,
    "cut_settings": CUT,
    "backends": [BACKEND],
}


@pytest.fixture
def classifier():
    torch.manual_seed(1)
    network = Network(**ARCHITECTURE)
    network(torch.randn(50, 16))  # moves the running mean and variance
    return Classifier(network.eval(), DESCRIPTION)


def test_a_loaded_classifier_gives_bitwise_equal_scores(classifier, tmp_path):
    write_weights(tmp_path / "classifier.safetensors", classifier.network, {"provenance": "{}"})
    write_json(tmp_path / "classifier.json", DESCRIPTION)
    matrix = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)
    again = load(tmp_path)
    assert again.description == DESCRIPTION
    np.testing.assert_array_equal(log_odds(again, matrix), log_odds(classifier, matrix))


def test_a_score_does_not_depend_on_other_rows(classifier):
    matrix = np.random.default_rng(0).normal(size=(BATCH + 30, 16)).astype(np.float16)
    scores = log_odds(classifier, matrix)
    alone = [log_odds(classifier, matrix[i : i + 1])[0] for i in (0, 7, BATCH, BATCH + 29)]
    np.testing.assert_array_equal(scores[[0, 7, BATCH, BATCH + 29]], alone)
    assert len(log_odds(classifier, matrix[:0])) == 0


def test_log_odds_are_those_of_viral(classifier):
    matrix = np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)
    with torch.no_grad():
        probability = classifier.network(torch.from_numpy(matrix)).softmax(1)[:, 1].numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-log_odds(classifier, matrix))), probability, 1e-5)


def test_names_of_cut_and_fusion_may_differ():
    check_matches(DESCRIPTION, fused_metadata(cut="other", fusion="other"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cut_settings": CUT | {"window": 500}}, "cut setting window is 500, .* trained on 60"),
        ({"cut_settings": {"window": 60}}, "cut setting scheme is None"),
        ({"cut_settings": CUT | {"new": 1}}, "cut setting new is 1, .* trained on None"),
        ({"backends": [BACKEND | {"width": 9}]}, "width of toy is 9"),
        ({"backends": [BACKEND | {"weights_sha256": "cd"}]}, "weights_sha256 of toy is cd"),
        ({"backends": [BACKEND | {"revision": "r2"}]}, "revision of toy is r2"),
        ({"backends": [BACKEND | {"dtype": "bfloat16"}]}, "dtype of toy is bfloat16"),
        ({"backends": [BACKEND | {"store": "float32"}]}, "store of toy is float32"),
        ({"backends": [BACKEND | {"pooling": "cls"}]}, "pooling of toy is cls"),
        ({"backends": [BACKEND | {"backend": "esm"}]}, r"list of backends is \['esm'\]"),
        ({"backends": [BACKEND, BACKEND]}, r"list of backends is \['toy', 'toy'\]"),
    ],
)
def test_each_difference_is_named(changes, message):
    with pytest.raises(InputError, match=f"sample vir, shard 0001-of-0002: {message}"):
        check_matches(DESCRIPTION, fused_metadata(**changes))
