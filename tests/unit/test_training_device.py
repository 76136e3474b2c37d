"""Which training asks for a GPU."""

from pathlib import Path

import pytest

from seqloom.config.resources import Needs
from seqloom.config.settings import load_settings

CONFIG = {
    "samples": "s.tsv",
    "cuts": {"w300": {"window": 300}},
    "fusions": {"both": ["dnabert_s", "fastesm2_650"]},
}


@pytest.mark.parametrize(
    ("megabases", "recipe", "on_a_gpu"),
    [
        # A million weights, 200 epochs.
        (5, {}, False),
        (50, {}, True),
        (50, {"max_epochs": 10}, False),
        (5, {"hidden": 8192}, True),
    ],
)
def test_training_asks_for_a_gpu_where_one_core_might_take_more_than_an_hour(
    tmp_path, monkeypatch, megabases, recipe, on_a_gpu
):
    monkeypatch.chdir(tmp_path)
    rows = [f"{label}\ta.fa\t{label}\t{megabases / 2 * 1e6:.0f}" for label in ("viral", "host")]
    Path("s.tsv").write_text("\n".join(["sample\tfasta\tlabel\tbases", *rows]) + "\n")
    Path("a.fa").write_text(">a\nACGT\n")
    experiments = {"e": {"cut": "w300", "fusion": "both", "train": recipe}}
    needs = Needs(load_settings(CONFIG | {"experiments": experiments}))
    assert needs.gpu_pays("e") == on_a_gpu
