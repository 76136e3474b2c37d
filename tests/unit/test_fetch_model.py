"""Model folders: from a seed, from a local folder, and held to checksum and lock."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import torch
import yaml
from models_data import TINY_ENTRY, TINY_ESM

import fetch_model
from seqloom.config.registry import KMER, Backend, read_backend
from seqloom.encoders.architectures import ARCHITECTURES, build_encoder
from seqloom.encoders.tokenizers import ESM_TOKENS, load_tokenizer, token_ids
from seqloom.errors import InputError
from seqloom.models.fetch import hold_to_lock
from seqloom.models.weights import load_weights

REGISTRY = Path(__file__).parents[2] / "resources/models.yaml"
FILES = {"config.json", "model.safetensors", "tokenizer.json", "model.json"}


def fetch(tmp_path: Path, *options: str) -> Path:
    fixed = ["--lock", f"{tmp_path}/lock.json", "--out", f"{tmp_path}/out"]
    fetch_model.main(fetch_model.arguments().parse_args([*fixed, *options]))
    return tmp_path / "out"


@pytest.fixture
def registry(tmp_path):
    entry = TINY_ENTRY | {"revision": "abc"}
    path = tmp_path / "models.yaml"
    path.write_text(yaml.safe_dump({"tiny": entry, "other": entry}))
    return path


@pytest.fixture
def folder(tmp_path):
    """A model folder as the hub has it."""
    folder = tmp_path / "downloaded"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TINY_ESM))
    (folder / "vocab.txt").write_text("\n".join(ESM_TOKENS))
    write_checkpoint(folder, seed=0)
    return folder


def write_checkpoint(folder: Path, seed: int) -> str:
    torch.manual_seed(seed)
    wanted = build_encoder("esm", TINY_ESM, "test").state_dict()
    tensors = {f"esm.{name}": torch.randn(tensor.shape) for name, tensor in wanted.items()}
    torch.save(tensors | {"lm_head.bias": torch.ones(33)}, folder / "pytorch_model.bin")
    return sha256((folder / "pytorch_model.bin").read_bytes()).hexdigest()


def test_local_folder(tmp_path, registry, folder):
    out = fetch(tmp_path, "--backend", "tiny", "--registry", str(registry), "--local", str(folder))
    assert {path.name for path in out.iterdir()} == FILES
    model = json.loads((out / "model.json").read_text())
    source = sha256((folder / "pytorch_model.bin").read_bytes()).hexdigest()
    weights = sha256((out / "model.safetensors").read_bytes()).hexdigest()
    assert (model["source_sha256"], model["weights_sha256"]) == (source, weights)
    assert (model["backend"], model["width"], model["random"]) == ("tiny", 16, False)
    # Nothing proves that unpinned weights are those of the repository.
    assert model["repository"] is None and model["revision"] is None
    encoder = build_encoder("esm", json.loads((out / "config.json").read_text()), "test")
    load_weights(encoder, out / "model.safetensors")
    published = torch.load(folder / "pytorch_model.bin", weights_only=True)
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, published[f"esm.{name}"])
    assert model["config_sha256"] != model["tokenizer_sha256"]
    assert token_ids(load_tokenizer(out / "tokenizer.json"), ["LA"]) == [[0, 4, 5, 2]]
    lock = json.loads((tmp_path / "lock.json").read_text())
    assert lock == {
        "tiny": {
            "source_sha256": source,
            "weights_sha256": weights,
            "config_sha256": sha256((out / "config.json").read_bytes()).hexdigest(),
            "tokenizer_sha256": sha256((out / "tokenizer.json").read_bytes()).hexdigest(),
            "repository": None,
            "revision": None,
        }
    }


def test_pinned_weights_are_the_repositorys(tmp_path, registry, folder):
    entries = yaml.safe_load(registry.read_text())
    entries["tiny"]["sha256"] = sha256((folder / "pytorch_model.bin").read_bytes()).hexdigest()
    registry.write_text(yaml.safe_dump(entries))
    options = ("--backend", "tiny", "--registry", str(registry), "--local", str(folder))
    model = json.loads((fetch(tmp_path, *options) / "model.json").read_text())
    assert (model["repository"], model["revision"]) == ("someone/tiny", "abc")


def test_wrong_checksum_names_both_and_writes_nothing(tmp_path, registry, folder):
    found = sha256((folder / "pytorch_model.bin").read_bytes()).hexdigest()
    options = ("--backend", "tiny", "--registry", str(registry), "--local", str(folder))
    with pytest.raises(InputError, match=f"sha256 {found}, but {'0' * 64} is expected"):
        fetch(tmp_path, *options, "--sha256", "0" * 64)
    assert not (tmp_path / "out").exists() and not (tmp_path / "lock.json").exists()


def test_lock_holds_until_a_checksum_is_given(tmp_path, registry, folder):
    options = ("--backend", "tiny", "--registry", str(registry), "--local", str(folder))
    model = fetch(tmp_path, *options) / "model.json"
    first = model.read_bytes()
    fetch(tmp_path, *options)
    assert model.read_bytes() == first
    changed = write_checkpoint(folder, seed=1)
    with pytest.raises(InputError, match=r"first fetched .* now it is .*models: tiny: sha256"):
        fetch(tmp_path, *options)
    assert model.read_bytes() == first
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    fetch(tmp_path, *options, "--sha256", changed)
    assert json.loads(model.read_text())["source_sha256"] == changed
    fetch(tmp_path, *options)


def test_another_config_under_the_same_weights_is_refused(tmp_path, registry, folder):
    options = ("--backend", "tiny", "--registry", str(registry), "--local", str(folder))
    first = (fetch(tmp_path, *options) / "model.json").read_bytes()
    (folder / "config.json").write_text(json.dumps(TINY_ESM | {"layer_norm_eps": 1e-12}))
    with pytest.raises(InputError, match=r"first fetched with config_sha256 \w+, now it is"):
        fetch(tmp_path, *options)
    assert (tmp_path / "out/model.json").read_bytes() == first


@pytest.mark.parametrize("what", ["weights", "config", "tokenizer"])
def test_the_lock_holds_every_file(tmp_path, what):
    tiny = Backend("tiny", **TINY_ENTRY)
    origin = {f"{name}_sha256": "0" for name in ("source", "weights", "config", "tokenizer")}
    hold_to_lock(tmp_path / "lock.json", tiny, origin)
    with pytest.raises(InputError, match=f"{what}_sha256 0, now it is 1"):
        hold_to_lock(tmp_path / "lock.json", tiny, origin | {f"{what}_sha256": "1"})


def test_the_registry_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r'there is no backend "none"; choose one of .*demo_esm2'):
        fetch(tmp_path, "--backend", "none")


def test_what_a_local_folder_may_lack(tmp_path, registry, folder):
    options = ("--backend", "tiny", "--registry", str(registry), "--local", str(folder))
    (folder / "vocab.txt").write_text("\n".join(reversed(ESM_TOKENS)))
    with pytest.raises(InputError, match="not the 33 tokens"):
        fetch(tmp_path, *options)
    (folder / "vocab.txt").unlink()
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(InputError, match="no weights here"):
        fetch(tmp_path, *options)
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json: cannot read"):
        fetch(tmp_path, *options)
    shutil.rmtree(folder)
    with pytest.raises(InputError, match=r"config\.json: cannot read"):
        fetch(tmp_path, *options)
    assert not (tmp_path / "out").exists()


def test_another_width_is_another_model(tmp_path, registry, folder):
    registry.write_text(registry.read_text().replace("width: 16", "width: 32"))
    with pytest.raises(InputError, match=r"hidden_size is 16, but .* the width 32"):
        fetch(tmp_path, "--backend", "tiny", "--registry", str(registry), "--local", str(folder))


def test_an_unknown_backend_is_refused(tmp_path, registry):
    with pytest.raises(InputError, match='there is no backend "none"; choose one of other, tiny'):
        fetch(tmp_path, "--backend", "none", "--registry", str(registry))


DEMO = {"demo_dnabert_s": 768, "demo_esm2": 1280, "demo_prost_t5": 1024}


def test_demo_models_are_the_same_every_time(tmp_path):
    written = []
    for run in "12":
        folder = tmp_path / run
        for name, width in DEMO.items():
            out = fetch(folder, "--backend", name).rename(folder / name)
            model = json.loads((out / "model.json").read_text())
            assert model["random"] and model["source_sha256"] is None
            assert model["width"] == width
        assert not (folder / "lock.json").exists()
        written.append(
            {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        )
    assert len(written[0]) == 4 * len(DEMO) and written[0] == written[1]


def test_registry_is_complete_and_consistent():
    entries = yaml.safe_load(REGISTRY.read_text())
    for name, entry in entries.items():
        backend = read_backend(REGISTRY, name)
        if backend.architecture == KMER:  # it has no weights
            continue
        assert backend.architecture in ARCHITECTURES
        assert bool(backend.demo) != bool(backend.repository)
        for checksum in (entry.get("sha256") or "0" * 64).split(","):
            assert len(checksum) == 64 and int(checksum, 16) >= 0
        assert len(entry.get("revision") or "0" * 40) == 40
