"""The self-test accepts the vectors that the weights give, and nothing else."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from facts import SHARED
from models_data import write_shard
from test_dnabert import CONFIG, random_checkpoint, reference
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing

from seqloom.config.registry import Backend
from seqloom.embedding.goldens import GOLDENS, PASSED, check_goldens, check_goldens_once
from seqloom.embedding.loading import Model, load_model
from seqloom.encoders.readings import Reading
from seqloom.errors import InputError
from seqloom.models.fetch import Source, demo_source, write_model

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
SEQUENCES = ["ACGTTGCA", "GGGATTACAT", "TTTTTTTTTTTTTTTACGA"]
IDS = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "A": 5, "C": 6, "G": 7, "T": 8}
HEAD = 16


def tokenizer() -> Tokenizer:
    made = Tokenizer(BPE(IDS, merges=[], unk_token="[UNK]"))
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return made


def checkpoint() -> dict[str, torch.Tensor]:
    """Norms scale by about one, as trained ones do, or all tokens would be nearly the same."""
    return {name: tensor.float() for name, tensor in random_checkpoint(norm=1).items()}


def loaded(
    folder: Path,
    tensors: dict[str, torch.Tensor],
    dtype: str = "float32",
    pooling: str = "mean_tokens",
    repository: str | None = "someone/tiny",
) -> Model:
    backend = Backend(
        "tiny", "dnabert", "dna", CONFIG["hidden_size"], pooling, 100, "float16", True, 1
    )
    source = Source(CONFIG, tensors, tokenizer(), Reading(1, 1), repository=repository)
    write_model(backend, source, folder / "model", folder / "lock.json", False)
    return load_model(folder / "model", dtype, 1)


def expected() -> list[np.ndarray]:
    """Pooled in float64 by the reference of the encoder's test, which shares no code with ours."""
    states = [
        reference(checkpoint(), [1, *(IDS[base] for base in sequence), 2]) for sequence in SEQUENCES
    ]
    return [rows.sum(axis=0) / len(rows) for rows in states]


def written(path: Path, vectors: list[np.ndarray], arithmetic: str = "float32") -> Path:
    """A file of goldens: the first vector whole, of the others the first values."""
    values = [{"pooled": list(vectors[0])}, *({"head": list(v[:HEAD])} for v in vectors[1:])]
    cases = [
        {"sequence": sequence, "norm": float(np.linalg.norm(vector)), **known}
        for sequence, vector, known in zip(SEQUENCES, vectors, values, strict=True)
    ]
    path.write_text(json.dumps({"tiny": {"arithmetic": arithmetic, "cases": cases}}))
    return path


@pytest.fixture
def goldens(tmp_path):
    return written(tmp_path / "goldens.json", expected())


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_right_weights_pass_in_every_precision(tmp_path, goldens, dtype):
    model = loaded(tmp_path, checkpoint(), dtype)
    assert check_goldens(model, goldens).startswith("3 golden vectors agree")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("case", [0, 1], ids=["whole", "head"])
def test_wrong_pooling_is_refused(tmp_path, goldens, dtype, case):
    kept = json.loads(goldens.read_text())
    kept["tiny"]["cases"] = [kept["tiny"]["cases"][case]]
    goldens.write_text(json.dumps(kept))
    model = loaded(tmp_path, checkpoint(), dtype, pooling="mean_residues")
    with pytest.raises(InputError, match=r"golden sequence 1 of tiny is .* off, .* is allowed in"):
        check_goldens(model, goldens)


@pytest.mark.parametrize("name", sorted(checkpoint()))
def test_any_changed_tensor_is_refused(tmp_path, goldens, name):
    tensors = checkpoint()
    # The first row of token types is used, the second never.
    tensors[name] = tensors[name] * torch.linspace(1, 1.05, tensors[name].shape[-1])
    model = loaded(tmp_path, tensors)
    with pytest.raises(InputError, match=r"wrong vectors: .*in float32 on .*; fetch the model ag"):
        check_goldens(model, goldens)


@pytest.mark.parametrize("which", range(3))
def test_float32_is_held_to_a_ten_thousandth_per_value_and_norm(tmp_path, which):
    model = loaded(tmp_path, checkpoint())
    for step, is_right in ((5e-5, True), (2e-4, False), (-2e-4, False)):
        vectors = expected()
        vectors[which][3] += step
        file = written(tmp_path / "goldens.json", vectors)
        if is_right:
            check_goldens(model, file)
        else:
            with pytest.raises(InputError, match=f"golden sequence {which + 1} .* is 0.0002 off"):
                check_goldens(model, file)
    vectors = expected()
    vectors[1][HEAD:] *= 1.001  # seen in the norm alone
    with pytest.raises(InputError, match="golden sequence 2"):
        check_goldens(model, written(tmp_path / "goldens.json", vectors))


def test_low_precision_is_held_to_a_cosine_of_9999(tmp_path):
    model = loaded(tmp_path, checkpoint(), "bfloat16")
    whole = expected()[0]
    aside = np.random.default_rng(0).normal(size=whole.shape)
    aside -= aside @ whole / (whole @ whole) * whole
    turned = whole + aside / np.linalg.norm(aside) * np.linalg.norm(whole) * 0.03
    cosine = turned @ whole / np.linalg.norm(turned) / np.linalg.norm(whole)
    assert 0.999 < cosine < 0.9999
    file = written(tmp_path / "goldens.json", [turned, *expected()[1:]])
    with pytest.raises(InputError, match=r"golden sequence 1 .* 0\.014 is allowed in bfloat16"):
        check_goldens(model, file)


def test_a_reference_in_bfloat16_is_given_its_own_error(tmp_path):
    model = loaded(tmp_path, checkpoint())
    rounded = [vector * 1.02 for vector in expected()]
    check_goldens(model, written(tmp_path / "goldens.json", rounded, "all bfloat16"))
    with pytest.raises(InputError, match="wrong vectors"):
        check_goldens(model, written(tmp_path / "goldens.json", rounded))
    far = [vector * 1.1 for vector in expected()]
    with pytest.raises(InputError, match="wrong vectors"):
        check_goldens(model, written(tmp_path / "goldens.json", far, "all bfloat16"))


def test_weights_that_nobody_published_have_no_goldens(tmp_path, goldens):
    tensors = {name: tensor * 2 for name, tensor in checkpoint().items()}
    model = loaded(tmp_path, tensors, repository=None)
    assert "not the published weights" in check_goldens(model, goldens)


def test_a_backend_without_goldens_is_told(tmp_path, caplog):
    caplog.set_level("INFO")
    check_goldens(loaded(tmp_path, checkpoint()))
    assert "no golden vectors of tiny are known" in caplog.text


def test_what_agreed_once_is_not_tested_again_until_something_changes(tmp_path, goldens, caplog):
    caplog.set_level("INFO")

    def is_tested(model: Model) -> bool:
        caplog.clear()
        check_goldens_once(model, goldens)
        return "passed before on this device" not in caplog.text

    model = loaded(tmp_path, checkpoint())
    assert is_tested(model) and not is_tested(model)
    half = loaded(tmp_path, checkpoint(), "bfloat16")
    assert is_tested(half) and not is_tested(half) and not is_tested(model)
    (tmp_path / "goldens.json").write_text(goldens.read_text() + " ")
    assert is_tested(model) and not is_tested(model)
    (tmp_path / "lock.json").unlink()
    wrong = loaded(tmp_path, {name: tensor * 2 for name, tensor in checkpoint().items()})
    for _ in range(2):
        with pytest.raises(InputError, match="wrong vectors"):
            check_goldens_once(wrong, goldens)
    assert len(json.loads((tmp_path / "model" / PASSED).read_text())) == 3


def test_a_job_stops_before_its_work_where_weights_are_not_what_they_claim(tmp_path):
    shape = {"hidden_size": 320, "num_hidden_layers": 6, "intermediate_size": 1280}
    backend = Backend(
        "esm2_8m", "esm", "protein", 320, "mean_residues", 1024, "float16", True, 1,
        demo={"seed": 0, **shape},
    )  # fmt: skip
    source = demo_source(backend)
    claimed = replace(source, repository="x/y")
    write_model(backend, claimed, tmp_path / "m", tmp_path / "lock.json", False)
    write_shard(tmp_path / "s", "faa", ">a\nMKV\n")
    options = ("--model", "m", "--shard", "s", "--out", "none.safetensors")
    job = subprocess.run(
        [sys.executable, SCRIPTS / "embed.py", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert job.returncode == 1
    assert re.search(r"^error: m: wrong vectors: golden sequence . of esm2_8m", job.stderr, re.M)
    assert {path.name for path in tmp_path.iterdir()} == {"m", "s.faa", "s.parquet"}


@pytest.mark.skipif(not SHARED.exists(), reason="it needs the goldens of ../shared, not here")
def test_the_goldens_are_those_beside_the_repository():
    ours = json.loads(GOLDENS.read_text())
    theirs = json.loads((SHARED / "models" / "goldens.json").read_text())
    assert ours.keys() - {"about"} == theirs.keys() - {"_about"}
    for name in ours.keys() - {"about"}:
        # A whole vector is not given twice.
        cases = [
            case | {"head": case.get("pooled", case.get("head"))[:HEAD]}
            for case in ours[name]["cases"]
        ]
        assert cases == theirs[name]["cases"]
        assert ours[name]["arithmetic"] == ("all bfloat16" if "note" in theirs[name] else "float32")
