"""Models from a stand-in for the hub that cuts, lies, refuses and is absent; real processes."""

import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
from hashlib import sha256
from io import BytesIO
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
import yaml
from hub_stand_in import cut_after, says, serving, stalls_after, wrong_byte
from models_data import TINY, TINY_ENTRY, TINY_ESM
from safetensors.torch import load_file, save

from seqloom.cli import run
from seqloom.demo import model_shapes as demo
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.tokenizers import ESM_TOKENS, train_dna_tokenizer
from seqloom.models.weights import weight_names

# Processes begin with these imports done; huggingface_hub reads the environment when imported.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["torch", "safetensors.torch", "tokenizers", "jsonschema"])
FIRST, SECOND = "1" * 40, "2" * 40
NAME = TINY_ENTRY["repository"]
CONFIGS = {
    "esm": TINY_ESM | {"auto_map": {"AutoModel": "modeling_tiny.TinyModel"}},
    "dnabert": demo.CONFIGS["dnabert"] | TINY,
}
# What lies in a repository beside the model, and is not to be fetched.
OTHER = {
    "README.md": b"# Tiny",
    "modeling_tiny.py": b"raise SystemExit('code from strangers')",
    "tokenizer_config.json": b"{}",
    "tf_model.h5": b"no",
}


def tensors_of(architecture: str, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    wanted = build_encoder(architecture, CONFIGS[architecture], "test").state_dict()
    return {name: torch.randn(t.shape, generator=generator) for name, t in wanted.items()}


def pickled(tensors: dict[str, torch.Tensor]) -> bytes:
    buffer = BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def checksum(content: bytes) -> str:
    return sha256(content).hexdigest()


def esm_files(seed: int = 0) -> dict[str, bytes]:
    """An ESM repository."""
    return OTHER | {
        "config.json": json.dumps(CONFIGS["esm"]).encode(),
        "vocab.txt": "\n".join(ESM_TOKENS).encode(),
        "model.safetensors": save(tensors_of("esm", seed)),
    }


WEIGHTS = esm_files()["model.safetensors"]
HALF = len(WEIGHTS) // 2


@pytest.fixture
def hub():
    with serving() as hub:
        hub.publish(NAME, FIRST, esm_files())
        yield hub


class Machine:
    """A machine with a cache, a registry and a project folder."""

    def __init__(self, folder: Path, root: str) -> None:
        self.folder, self.cache, self.out = folder, folder / "cache", folder / "out"
        self.root = root
        self.register()

    def register(self, architecture: str = "esm", **keys: object) -> None:
        entry = TINY_ENTRY | {
            "architecture": architecture,
            "molecule": "protein" if architecture == "esm" else "dna",
        }
        (self.folder / "models.yaml").write_text(yaml.safe_dump({"tiny": entry | keys}))

    def start(self, *options: str, **environment: str) -> BaseProcess:
        """The program in a process of its own."""
        ours = {
            "HF_HOME": str(self.cache),
            "HF_ENDPOINT": self.root,
            "no_proxy": "127.0.0.1,localhost",
        }
        process = PROCESSES.Process(
            target=run_program, args=(self.folder, options, ours | environment)
        )
        process.start()
        return process

    def fetch(self, *options: str, **environment: str) -> str:
        """What the program tells of a success."""
        process = self.start(*options, **environment)
        process.join()
        told = (self.folder / "told").read_text()
        assert process.exitcode == 0, told
        return told

    def refusal(self, *options: str, **environment: str) -> str:
        """The error, which must be one line and leave the model folder as it was."""
        before = self.model()
        process = self.start(*options, **environment)
        process.join()
        last = (self.folder / "told").read_text().splitlines()[-1]
        assert process.exitcode == 1 and last.startswith("error: "), last
        assert self.model() == before
        return last

    def model(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.out.glob("*")}

    def tensors(self) -> dict[str, torch.Tensor]:
        return load_file(self.out / "model.safetensors")

    def description(self) -> dict:
        return json.loads(self.model()["model.json"])

    def lock(self) -> dict:
        return json.loads((self.folder / "lock.json").read_text())["tiny"]

    def parts(self) -> list[Path]:
        return list(self.cache.rglob(".*.part"))


def run_program(folder: Path, options: tuple[str, ...], environment: dict[str, str]) -> None:
    """fetch_model.py, with short pauses between its tries and what it tells in a file."""
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith("HF_")]:
        del os.environ[name]
    os.environ.update(environment)
    sys.stderr = open("told", "w")  # noqa: SIM115
    import fetch_model
    from seqloom.models import hub

    hub._PAUSES = (0.01, 0.01)
    fixed = ["--backend", "tiny", "--registry", "models.yaml", "--lock", "lock.json"]
    sys.argv = ["fetch_model.py", *fixed, "--out", "out", *options]
    run(fetch_model.main, fetch_model.arguments())


@pytest.fixture
def machine(tmp_path, hub) -> Machine:
    return Machine(tmp_path, hub.root)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_a_model_is_fetched_once_without_any_code(machine, hub):
    machine.fetch()
    assert hub.files() == {"config.json", "vocab.txt", "model.safetensors"}
    assert hub.ranges() == [None]
    assert_same(machine.tensors(), tensors_of("esm"))
    described = machine.description()
    assert (described["repository"], described["revision"]) == (NAME, FIRST)
    assert described["source_sha256"] == checksum(WEIGHTS)
    assert {key: described[key] for key in machine.lock()} == machine.lock()
    first, hub.requests[:] = machine.model(), []
    machine.fetch()
    assert hub.requests == [] and machine.model() == first


def test_the_cache_has_the_layout_of_the_library(machine, hub):
    machine.fetch()
    repository = machine.cache / "hub/models--someone--tiny"
    weights = repository / "snapshots" / FIRST / "model.safetensors"
    assert weights.resolve() == repository / "blobs" / checksum(WEIGHTS)
    assert (repository / "refs/main").read_text() == FIRST
    hub.requests.clear()
    library = "import huggingface_hub as h; print(h.hf_hub_download(*__import__('sys').argv[1:]))"
    found = subprocess.run(
        [sys.executable, "-c", library, NAME, "model.safetensors"],
        env=os.environ | {"HF_HOME": str(machine.cache), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert Path(found.stdout.strip()) == weights and hub.requests == []


def test_what_the_library_fetched_is_not_fetched_again(machine, hub):
    library = "import huggingface_hub as h; h.hf_hub_download(*__import__('sys').argv[1:])"
    ours = {
        "HF_HOME": str(machine.cache),
        "HF_ENDPOINT": hub.root,
        "no_proxy": "127.0.0.1,localhost",
    }
    for name in ("config.json", "model.safetensors"):
        subprocess.run(
            [sys.executable, "-c", library, NAME, name], env=os.environ | ours, check=True
        )
    hub.requests.clear()
    machine.register(revision=FIRST)
    machine.fetch()
    assert hub.requests == []


def test_a_pickled_checkpoint_becomes_safetensors(machine, hub, tmp_path):
    tensors = tensors_of("dnabert")
    tokenizer = train_dna_tokenizer(["ACGTTGCAAT" * 50])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    content = pickled({f"bert.{name}": tensor for name, tensor in tensors.items()})
    files = {
        "config.json": json.dumps(CONFIGS["dnabert"]).encode(),
        "tokenizer.json": (tmp_path / "tokenizer.json").read_bytes(),
        "pytorch_model.bin": content,
    }
    hub.publish(NAME, SECOND, OTHER | files)
    machine.register("dnabert", sha256=checksum(content), files=["pytorch_model.bin"])
    machine.fetch()
    assert hub.files() == set(files)
    assert_same(machine.tensors(), tensors)
    described = machine.description()
    assert (described["revision"], described["source_sha256"]) == (SECOND, checksum(content))
    # As after a program that reads no tokenizer.
    [tokenizer] = machine.cache.rglob("tokenizer.json")
    tokenizer.unlink()
    hub.requests.clear()
    machine.fetch()
    assert "tokenizer.json" in hub.files() and hub.ranges() == []


def test_pinned_shards_are_taken_before_other_forms(machine, hub):
    tensors = tensors_of("esm", seed=1)
    names = sorted(tensors)
    shards = {
        f"pytorch_model-0000{i}-of-00002.bin": pickled({f"esm.{n}": tensors[n] for n in part})
        for i, part in enumerate((names[::2], names[1::2]), start=1)
    }
    hub.publish(NAME, FIRST, esm_files() | shards)
    hub.publish(NAME, SECOND, esm_files(seed=2))
    pin = ",".join(map(checksum, shards.values()))
    machine.register(revision=FIRST, sha256=pin, files=list(shards))
    machine.fetch()
    assert hub.files() == {"config.json", "vocab.txt", *shards}
    assert_same(machine.tensors(), tensors)
    assert machine.lock()["source_sha256"] == pin


def test_a_connection_that_is_cut_is_taken_up_where_it_ended(machine, hub):
    hub.faults += [("/content/", cut_after(1000)), ("/content/", cut_after(500))]
    machine.fetch()
    assert hub.ranges() == [None, "bytes=1000-", "bytes=1500-"]
    assert_same(machine.tensors(), tensors_of("esm"))


def test_after_a_kill_only_the_rest_is_asked_for(machine, hub):
    hub.faults.append(("/content/", stalls_after(HALF)))
    process = machine.start()
    while not any(part.stat().st_size == HALF for part in machine.parts()):
        assert process.is_alive(), (machine.folder / "told").read_text()
        time.sleep(0.01)
    process.kill()
    process.join()
    assert machine.model() == {} and not (machine.folder / "lock.json").exists()
    machine.fetch()
    assert hub.ranges() == [None, f"bytes={HALF}-"]
    assert_same(machine.tensors(), tensors_of("esm"))
    assert machine.parts() == []


def test_a_wrong_byte_is_told_and_not_kept(machine, hub):
    hub.faults.append(("/content/", wrong_byte))
    said = machine.refusal()
    assert re.search(rf"has sha256 \w+, but {checksum(WEIGHTS)} is expected; run again", said)
    assert not (machine.folder / "lock.json").exists() and machine.parts() == []
    machine.fetch()
    assert hub.ranges() == [None, None]
    assert_same(machine.tensors(), tensors_of("esm"))


def test_other_weights_than_the_pinned_ones_are_refused(machine, hub):
    machine.register(sha256="0" * 64, files=["model.safetensors"])
    said = machine.refusal()
    assert f"sha256 {checksum(WEIGHTS)}, but {'0' * 64} is expected" in said
    assert not (machine.folder / "lock.json").exists()


def test_a_cache_that_rotted_is_told_and_mends_when_the_file_is_removed(machine):
    machine.fetch()
    [content] = machine.cache.rglob(f"blobs/{checksum(WEIGHTS)}")
    content.write_bytes(WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]))
    said = machine.refusal()
    assert f"{content}: " in said and "remove this file" in said
    content.unlink()
    machine.fetch()
    assert_same(machine.tensors(), tensors_of("esm"))


def test_a_hub_in_trouble_is_asked_again(machine, hub):
    hub.faults += [("/api/models", says(503)), ("/someone", says(503)), ("/content/", says(503))]
    assert "trying again" in machine.fetch()
    assert_same(machine.tensors(), tensors_of("esm"))


def test_without_the_hub_the_cache_serves_and_else_an_error_says_what_to_do(machine, hub, tmp_path):
    machine.fetch()
    (tmp_path / "lock.json").unlink()
    away = {"HF_ENDPOINT": "http://127.0.0.1:1"}
    assert f"snapshots/{FIRST} from the cache" in machine.fetch(**away)
    assert machine.description()["revision"] == FIRST
    machine.register(revision=SECOND)
    said = machine.refusal(**away)
    assert f"tiny: cannot download {NAME} at {SECOND} from http://127.0.0.1:1: it cannot" in said
    assert "copy HF_HOME" in said and "models: {tiny: {local: FOLDER}}" in said


def test_offline_the_cache_must_have_all(machine, hub, tmp_path):
    offline = {"HF_HUB_OFFLINE": "1"}
    assert "HF_HUB_OFFLINE is set" in machine.refusal(**offline)
    assert hub.requests == []
    machine.fetch()
    hub.requests.clear()
    for registered in ({}, {"revision": FIRST}):
        (tmp_path / "lock.json").unlink()
        machine.register(**registered)
        machine.fetch(**offline)
        assert machine.description()["revision"] == FIRST
    [weights] = machine.cache.rglob("model.safetensors")
    weights.resolve().unlink()
    assert "HF_HUB_OFFLINE is set" in machine.refusal(**offline)
    assert hub.requests == []


def test_a_closed_repository_wants_a_token_which_stays_at_the_hub(machine, hub):
    hub.token = "hf_secret"
    said = machine.refusal()
    assert f"401 for {hub.root}/api/models/{NAME}; " in said and "HF_TOKEN" in said
    machine.fetch(HF_TOKEN="hf_secret")
    assert hub.ranges() == [None] and not hub.leaked


def test_what_the_repository_has_not_is_told(machine, hub):
    machine.register(revision=SECOND)
    assert f"404 for {hub.root}/api/models/{NAME}/revision/{SECOND}; correct" in machine.refusal()
    machine.register(files=["pytorch_model.bin"])
    assert f"{NAME} at {FIRST} has no pytorch_model.bin; correct" in machine.refusal()
    hub.publish(NAME, SECOND, OTHER)
    machine.register()
    assert f"{NAME} at {SECOND} has no weights; correct" in machine.refusal()


def test_the_lock_keeps_the_commit_and_refuses_other_weights_in_it(machine, hub):
    machine.fetch()
    hub.publish(NAME, SECOND, esm_files(seed=1))
    machine.cache.rename(machine.folder / "lost")
    machine.fetch()
    assert_same(machine.tensors(), tensors_of("esm"))
    machine.cache.rename(machine.folder / "lost too")
    hub.publish(NAME, FIRST, esm_files(seed=1))
    other = checksum(esm_files(seed=1)["model.safetensors"])
    assert f"sha256 {other}, but {checksum(WEIGHTS)} is expected" in machine.refusal()
    assert machine.lock()["source_sha256"] == checksum(WEIGHTS)


@pytest.mark.parametrize("pin", [{}, {"revision": FIRST, "sha256": checksum(WEIGHTS)}])
def test_a_checksum_of_the_user_lets_newer_weights_in(machine, hub, pin):
    machine.register(**pin)
    machine.fetch()
    hub.publish(NAME, SECOND, esm_files(seed=1))
    other = checksum(esm_files(seed=1)["model.safetensors"])
    machine.fetch("--sha256", other)
    assert_same(machine.tensors(), tensors_of("esm", seed=1))
    assert (machine.lock()["revision"], machine.lock()["source_sha256"]) == (SECOND, other)


def test_a_checkpoint_is_pinned_or_whole_and_safetensors_come_first():
    one = ["pytorch_model.bin", "model.safetensors"]
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    assert weight_names(one) == ["model.safetensors"]
    assert weight_names(one, ["pytorch_model.bin"]) == ["pytorch_model.bin"]
    assert weight_names(one, shards) == []
    assert weight_names(["pytorch_model.bin", *reversed(shards)]) == shards
    assert weight_names([*shards[:1], "pytorch_model.bin"]) == ["pytorch_model.bin"]
    assert weight_names(shards[:1]) == weight_names(["model.py", "training_model.bin"]) == []
