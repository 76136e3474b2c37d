"""Checkpoints are read strictly, and no code in them runs."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seqloom.encoders.architectures import build_encoder
from seqloom.errors import InputError
from seqloom.models.weights import (
    encoder_tensors,
    load_weights,
    read_tensors,
    weight_files,
    write_weights,
)

CONFIG = {
    "vocab_size": 12,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 4,
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
}


@pytest.fixture
def encoder():
    return build_encoder("dnabert", CONFIG, "config.json")


@pytest.fixture
def tensors(encoder):
    torch.manual_seed(0)
    return {name: torch.randn(tensor.shape) for name, tensor in encoder.state_dict().items()}


def test_formats_and_shards_give_the_same(tmp_path, encoder, tensors):
    names = sorted(tensors)
    halves = [{name: tensors[name] for name in part} for part in (names[:5], names[5:])]
    for folder in ("one_bin", "one_safe", "many_bin", "many_safe"):
        (tmp_path / folder).mkdir()
    torch.save({f"bert.{k}": v for k, v in tensors.items()}, tmp_path / "one_bin/pytorch_model.bin")
    save_file(tensors, tmp_path / "one_safe/model.safetensors")
    for i, half in enumerate(halves, 1):
        torch.save(half, tmp_path / f"many_bin/pytorch_model-0000{i}-of-00002.bin")
        save_file(half, tmp_path / f"many_safe/model-0000{i}-of-00002.safetensors")
    for folder in tmp_path.iterdir():
        read = encoder_tensors(read_tensors(weight_files(folder)), encoder, folder)
        assert list(read) == list(tensors)
        assert all(torch.equal(read[name], tensors[name]) for name in tensors)


def test_written_weights_are_stable_and_load(tmp_path, encoder, tensors):
    write_weights(tmp_path / "a", tensors)
    write_weights(tmp_path / "b", dict(reversed(tensors.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    (tmp_path / "plain").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode
    load_weights(encoder, tmp_path / "a")
    assert all(torch.equal(encoder.state_dict()[name], tensors[name]) for name in tensors)


def test_missing_unknown_and_misshapen_tensors(encoder, tensors):
    wo = "encoder.layer.0.mlp.wo.bias"
    fewer = {name: tensor for name, tensor in tensors.items() if name != wo}
    with pytest.raises(InputError, match=f"here: the checkpoint lacks {wo};"):
        encoder_tensors(fewer, encoder, "here")
    extra = {f"encoder.layer.{i}.x": torch.ones(1) for i in range(5)}
    with pytest.raises(InputError, match=r"unknown encoder\.layer\.0\.x, .* and 2 more"):
        encoder_tensors(tensors | extra, encoder, "here")
    with pytest.raises(InputError, match=r"mlp\.wo\.bias \[9\] instead of \[8\]"):
        encoder_tensors(tensors | {wo: torch.ones(9)}, encoder, "here")


def test_compiled_names_are_not_silently_ignored(encoder, tensors):
    with pytest.raises(InputError, match="lacks"):
        encoder_tensors({f"_orig_mod.{k}": v for k, v in tensors.items()}, encoder, "here")


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_pickled_code_is_refused_and_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Bomb()}, "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model\.bin: .*never run"):
        read_tensors([Path("pytorch_model.bin")])
    Path("old.bin").write_bytes(pickle.dumps(Bomb(), protocol=2))
    with pytest.raises(InputError, match="never run"):
        read_tensors([Path("old.bin")])
    assert not Path("exploded").exists()


def test_damaged_and_absent_weights(tmp_path):
    with pytest.raises(InputError, match="no weights here"):
        weight_files(tmp_path)
    for name in ("pytorch_model.bin", "model.safetensors"):
        (tmp_path / name).write_bytes(b"half a file")
        with pytest.raises(InputError, match="damaged"):
            read_tensors([tmp_path / name])
