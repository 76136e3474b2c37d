"""Models from a stand-in for the hub that cuts, lies, refuses and is absent."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from hub_stand_in import Hub, cut_after, says, serving, stalls_after, wrong_byte
from huggingface_hub import constants, hf_hub_download
from models_data import TINY, TINY_ENTRY, TINY_ESM
from safetensors.torch import load_file, save

import fetch_model
from seqloom.demo import model_shapes as demo
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.tokenizers import ESM_TOKENS, train_dna_tokenizer
from seqloom.errors import InputError
from seqloom.models import hub as our_hub
from seqloom.models.weights import weight_names

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
        "tokenizer_config.json": b"{}",
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

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"
        self.out, self.part = folder / "models/out", folder / "models/.out.part"
        self.processes: list[subprocess.Popen] = []
        self.register()

    def register(self, architecture: str = "esm", **keys: object) -> None:
        entry = TINY_ENTRY | {
            "architecture": architecture,
            "molecule": "protein" if architecture == "esm" else "dna",
        }
        (self.folder / "models.yaml").write_text(yaml.safe_dump({"tiny": entry | keys}))

    def options(self) -> list[str]:
        names = {"registry": "models.yaml", "lock": "lock.json", "out": "models/out"}
        paths = [part for key, name in names.items() for part in (f"--{key}", self.folder / name)]
        return ["--backend", "tiny", *map(str, paths)]

    def fetch(self, *options: str) -> None:
        fetch_model.main(fetch_model.arguments().parse_args([*self.options(), *options]))
        assert not self.part.exists()

    def refusal(self, *options: str) -> str:
        """The error, which must be one line and leave the model folder as it was."""
        before = self.model()
        with pytest.raises(InputError) as error:
            self.fetch(*options)
        assert self.model() == before
        assert "\n" not in str(error.value)
        return str(error.value)

    def start(self, root: str, **environment: str) -> subprocess.Popen:
        """The program in a process of its own, whose environment names the hub and the cache."""
        others = {key: text for key, text in os.environ.items() if not key.startswith("HF_")}
        ours = {"HF_HOME": str(self.cache), "HF_ENDPOINT": root} | environment
        process = subprocess.Popen(
            [sys.executable, fetch_model.__file__, *self.options()],
            env=others | ours,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def model(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.out.glob("*")}

    def tensors(self) -> dict[str, torch.Tensor]:
        return load_file(self.out / "model.safetensors")

    def description(self) -> dict:
        return json.loads(self.model()["model.json"])

    def lock(self) -> dict:
        return json.loads((self.folder / "lock.json").read_text())["tiny"]

    def unfinished(self) -> list[Path]:
        return list(self.part.glob("*/.*.part"))


def use(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    """Ask the hub at `root`; huggingface_hub reads the environment only when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", root)
    template = f"{root}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def machine(tmp_path, hub, monkeypatch) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    use(monkeypatch, hub.root)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(machine.cache / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(machine.cache / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setattr(our_hub, "_PAUSES", (0.01, 0.01))
    monkeypatch.setattr(our_hub, "fetch", partial(our_hub.fetch, pause=0.0005))
    yield machine
    for process in machine.processes:
        with process:
            process.kill()


def fill_cache(hub: Hub, *names: str) -> list[Path]:
    """Put files into the cache as another program does, and forget the requests for them."""
    paths = [Path(hf_hub_download(NAME, name)) for name in names]
    hub.requests.clear()
    return paths


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_a_model_is_fetched_without_any_code_and_without_a_copy_in_the_cache(machine, hub):
    machine.fetch()
    assert hub.files() == set(esm_files()) - set(OTHER)
    assert hub.ranges() == [None]
    assert_same(machine.tensors(), tensors_of("esm"))
    described = machine.description()
    assert (described["repository"], described["revision"]) == (NAME, FIRST)
    assert described["source_sha256"] == checksum(WEIGHTS)
    assert {key: described[key] for key in machine.lock()} == machine.lock()
    assert not machine.cache.exists()
    first = machine.model()
    machine.fetch()
    assert machine.model() == first


def test_downloads_are_removed_when_no_tensor_is_mapped_to_them(machine, monkeypatch):
    mapped = []

    def remove(folder: Path, **options: bool) -> None:
        mapped.append(str(folder) in Path("/proc/self/maps").read_text())
        shutil.rmtree(folder, **options)

    monkeypatch.setattr(our_hub, "shutil", SimpleNamespace(rmtree=remove))
    machine.fetch()
    assert mapped == [False]


def test_what_another_program_put_into_the_cache_is_not_fetched_again(machine, hub):
    fill_cache(hub, "config.json", "model.safetensors")
    machine.register(revision=FIRST)
    machine.fetch()
    assert hub.requests == []
    assert_same(machine.tensors(), tensors_of("esm"))


def dnabert_files(folder: Path) -> dict[str, bytes]:
    """A DNABERT repository; `folder` is for its tokenizer."""
    train_dna_tokenizer(["ACGTTGCAAT" * 50]).save(str(folder / "tokenizer.json"))
    tensors = tensors_of("dnabert")
    return {
        "config.json": json.dumps(CONFIGS["dnabert"]).encode(),
        "tokenizer.json": (folder / "tokenizer.json").read_bytes(),
        "pytorch_model.bin": pickled({f"bert.{name}": tensors[name] for name in tensors}),
    }


def test_a_pickled_checkpoint_becomes_safetensors(machine, hub, tmp_path):
    files = dnabert_files(tmp_path)
    content = files["pytorch_model.bin"]
    hub.publish(NAME, SECOND, OTHER | files)
    machine.register("dnabert", sha256=checksum(content), files=["pytorch_model.bin"])
    machine.fetch()
    assert hub.files() == set(files)
    assert_same(machine.tensors(), tensors_of("dnabert"))
    described = machine.description()
    assert (described["revision"], described["source_sha256"]) == (SECOND, checksum(content))


def test_only_what_the_cache_lacks_is_fetched(machine, hub, tmp_path):
    hub.publish(NAME, SECOND, OTHER | dnabert_files(tmp_path))
    machine.register("dnabert")
    [weights] = fill_cache(hub, "pytorch_model.bin")
    machine.fetch()
    assert hub.files() == {"config.json", "tokenizer.json"} and hub.ranges() == []
    assert_same(machine.tensors(), tensors_of("dnabert"))
    assert weights.exists()


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
    assert hub.files() == {"config.json", "vocab.txt", "tokenizer_config.json", *shards}
    assert_same(machine.tensors(), tensors)
    assert machine.lock()["source_sha256"] == pin


def test_a_connection_that_is_cut_is_taken_up_where_it_ended(machine, hub):
    hub.faults += [("/content/", cut_after(1000)), ("/content/", cut_after(500))]
    machine.fetch()
    assert hub.ranges() == [None, "bytes=1000-", "bytes=1500-"]
    assert_same(machine.tensors(), tensors_of("esm"))


def test_a_network_that_is_gone_is_told_and_the_next_try_asks_for_the_rest(machine, hub):
    hub.faults.append(("/content/", cut_after(HALF)))
    hub.faults += [("/content/", lambda handler: None)] * 8  # hangs up
    said = machine.refusal()
    assert re.search(rf"9 times in a row; check .*run again, which resumes at byte {HALF}\b", said)
    assert machine.model() == {}
    machine.fetch()
    assert hub.ranges() == [None, *[f"bytes={HALF}-"] * 9]
    assert_same(machine.tensors(), tensors_of("esm"))


def stalled(machine: Machine, hub: Hub) -> subprocess.Popen:
    """The program, with half of the weights on the disk and no more to come."""
    hub.faults.append(("/content/", stalls_after(HALF)))
    process = machine.start(hub.root)
    while not any(part.stat().st_size == HALF for part in machine.unfinished()):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    return process


def test_after_kill_9_only_the_rest_is_asked_for(machine, hub):
    process = stalled(machine, hub)
    process.kill()
    process.communicate()
    assert machine.model() == {} and not (machine.folder / "lock.json").exists()
    machine.fetch()
    assert hub.ranges() == [None, f"bytes={HALF}-"]
    assert_same(machine.tensors(), tensors_of("esm"))
    assert not machine.cache.exists()


def test_two_processes_do_not_fetch_one_model(machine, hub):
    first = stalled(machine, hub)
    assert f"{machine.part}: another run is using this folder" in machine.refusal()
    assert [part.stat().st_size for part in machine.unfinished()] == [HALF]
    hub.ended.set()
    _, told = first.communicate()
    assert first.returncode == 0, told
    assert hub.ranges() == [None, f"bytes={HALF}-"]
    assert_same(machine.tensors(), tensors_of("esm"))


def test_what_arrived_before_the_conversion_failed_is_not_fetched_again(machine, hub):
    machine.register(width=17)
    assert "hidden_size is 16" in machine.refusal()
    machine.register()
    machine.fetch()
    assert hub.ranges() == [None]


def test_a_wrong_byte_is_told_and_not_kept(machine, hub):
    hub.faults.append(("/content/", wrong_byte))
    said = machine.refusal()
    assert re.search(rf"has sha256 \w+, but {checksum(WEIGHTS)} is expected; run again", said)
    assert not (machine.folder / "lock.json").exists() and machine.unfinished() == []
    machine.fetch()
    assert hub.ranges() == [None, None]
    assert_same(machine.tensors(), tensors_of("esm"))


def test_other_weights_than_the_pinned_ones_are_refused(machine, hub):
    machine.register(sha256="0" * 64, files=["model.safetensors"])
    said = machine.refusal()
    assert f"sha256 {checksum(WEIGHTS)}, but {'0' * 64} is expected" in said
    assert not (machine.folder / "lock.json").exists()


def test_a_cache_that_rotted_is_told_and_mends_when_the_file_is_removed(machine, hub):
    machine.register(revision=FIRST, sha256=checksum(WEIGHTS), files=["model.safetensors"])
    [_, weights] = fill_cache(hub, "config.json", "model.safetensors")
    content = weights.resolve()
    content.write_bytes(WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]))
    said = machine.refusal()
    assert f"{content}: " in said and "remove this file" in said
    content.unlink()
    machine.fetch()
    assert_same(machine.tensors(), tensors_of("esm"))


def test_a_link_to_weights_that_the_cache_lost_is_replaced(machine, hub, tmp_path):
    hub.publish(NAME, SECOND, OTHER | dnabert_files(tmp_path))
    machine.register("dnabert", width=17)
    [weights] = fill_cache(hub, "pytorch_model.bin")
    assert "hidden_size is 16" in machine.refusal()
    weights.resolve().unlink()
    machine.register("dnabert")
    machine.fetch()
    assert hub.ranges() == [None]
    assert_same(machine.tensors(), tensors_of("dnabert"))


def test_a_hub_in_trouble_is_asked_again(machine, hub, caplog):
    hub.faults += [("/api/models", says(503)), ("/someone", says(503)), ("/content/", says(503))]
    machine.fetch()
    assert "trying again" in caplog.text
    assert_same(machine.tensors(), tensors_of("esm"))


def test_without_the_hub_the_cache_serves_and_else_an_error_says_what_to_do(
    machine, hub, monkeypatch, caplog
):
    fill_cache(hub, "config.json", "model.safetensors")
    use(monkeypatch, "http://127.0.0.1:1")
    machine.fetch()
    assert f"snapshots/{FIRST} from the cache" in caplog.text
    assert machine.description()["revision"] == FIRST
    machine.register(revision=SECOND)
    said = machine.refusal()
    assert f"tiny: cannot download {NAME} at {SECOND} from http://127.0.0.1:1: it cannot" in said
    assert "copy models/" in said and "models: {tiny: {local: FOLDER}}" in said
    assert not machine.part.exists()


def test_offline_the_cache_that_hf_home_names_must_have_all(machine, hub, monkeypatch):
    process = machine.start(hub.root, HF_HUB_OFFLINE="1")
    _, told = process.communicate()
    assert process.returncode == 1
    assert f"HF_HUB_OFFLINE is set and {machine.cache}/hub has not all" in told.splitlines()[-1]
    assert hub.requests == [] and machine.model() == {}
    [_, weights] = fill_cache(hub, "config.json", "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    machine.fetch()
    assert machine.description()["revision"] == FIRST
    weights.resolve().unlink()
    assert "HF_HUB_OFFLINE is set" in machine.refusal()
    assert hub.requests == []


def test_a_closed_repository_wants_a_token_which_stays_at_the_hub(machine, hub, monkeypatch):
    hub.token = "hf_secret"
    said = machine.refusal()
    assert f"401 for {hub.root}/api/models/{NAME}; " in said and "HF_TOKEN" in said
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    machine.fetch()
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
    machine.fetch()
    assert_same(machine.tensors(), tensors_of("esm"))
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
