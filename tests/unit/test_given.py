"""A finished classifier, as a folder or packed, takes the place of a sheet and experiments."""

import json
import zipfile
from pathlib import Path

import pytest
from test_predict import lake as classified  # noqa: F401

import embed
import pack_classifier
import predict as script
from seqloom import CLASSIFIER_FORMAT, ENGINE_VERSION
from seqloom.config.given import name_of
from seqloom.config.options import Options
from seqloom.config.paths import Paths
from seqloom.config.settings import load_settings
from seqloom.errors import InputError
from seqloom.files.json_files import read_json, write_json

BACKENDS = [
    {"backend": "demo_dnabert_s", "dtype": "float32", "weights_sha256": "ab" * 32},
    {"backend": "demo_esm2", "dtype": "bfloat16", "weights_sha256": "cd" * 32},
]
CARD = {
    "format": CLASSIFIER_FORMAT,
    "experiment": "main",
    "cut": "w500",
    "cut_settings": {"window": 500, "scheme": "even", "training": "coding"},
    "fusion": "both",
    "backends": [b | {"engine_version": str(ENGINE_VERSION), "store": "float16"} for b in BACKENDS],
}
# What lies in config.yaml has no effect.
BESIDE = {
    "samples": "no such sheet.tsv",
    "cuts": {"w300": {"window": 300}},
    "fusions": {"dna": ["dnabert_s"]},
    "experiments": {"main": {"cut": "w300", "fusion": "dna"}},
    "predict": {"experiments": ["main"], "threshold": 0.8},
}
GIVEN = {"contigs": "in/my lake.fna.gz", "classifier": "far/virus classifier"}


def pack(folder, out):
    words = ["--classifier", str(folder), "--out", str(out)]
    pack_classifier.main(pack_classifier.arguments().parse_args(words))


@pytest.fixture
def far(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path(GIVEN["contigs"]).write_text(">a\nACGT\n")
    folder = Path(GIVEN["classifier"])
    write_classifier_files(folder)
    return folder


def write_classifier_files(folder):
    folder.mkdir(parents=True)
    write_json(folder / "classifier.json", CARD)
    (folder / "classifier.safetensors").write_bytes(b"weights")


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_run_follows_from_contigs_and_a_classifier(far, is_packed):
    path = GIVEN["classifier"]
    if is_packed:
        pack(far, "far/virus classifier.seqloom.zip")
        path += ".seqloom.zip"
    settings = load_settings(BESIDE | GIVEN | {"classifier": path})
    paths, options = Paths(settings), Options(settings, Paths(settings))
    assert settings.queries() == ["my_lake"] and settings.labeled() == []
    assert settings["cuts"]["w500"]["window"] == 500 and list(settings["cuts"]) == ["w500"]
    assert settings["embed"]["store"] == "float16" and settings["predict"]["threshold"] == 0.8
    assert paths.predictions()[0] == "results/predictions/virus_classifier/my_lake/contigs.tsv"
    assert paths.classifiers() == paths.evaluations() == []
    inputs = paths.predict_inputs("virus_classifier", "my_lake")
    files = [f"{path}/classifier.json", f"{path}/classifier.safetensors"]
    assert inputs["classifier"] == ([path] if is_packed else files)
    assert paths.classifier("virus_classifier") == path
    assert options.embed("w500", "demo_esm2") == (
        f"--dtype bfloat16 --store float16 --too-long refuse --weights-sha256 {'cd' * 32}"
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/my.fa.gz", "my"),
        ("a.b.fasta", "a.b"),
        ("my.seqloom.zip", "my"),
        ("a.fa;b.fa", "a"),
        ("folder/", "folder"),
        ("..fa", "contigs"),
    ],
)
def test_runs_are_named_by_their_files(path, name):
    assert name_of(path) == name


def refused(sentence, **changes):
    with pytest.raises(InputError) as error:
        load_settings(GIVEN | changes)
    assert sentence in str(error.value)


def test_what_is_missing_is_named(far):
    refused("config: contigs is missing beside classifier; give both", contigs=None)
    refused("config: classifier is missing beside contigs; give both", classifier=None)
    refused("config: classifier: nowhere does not exist; correct the path", classifier="nowhere")
    refused("config: classifier: in has no classifier.json", classifier="in")
    refused("config: contigs: none.fa does not exist", contigs="none.fa")


def test_a_classifier_of_other_backends_or_another_engine_is_refused(far):
    card = json.loads(json.dumps(CARD))
    card["backends"][1]["backend"] = "prot_bert"
    write_json(far / "classifier.json", card)
    refused("was trained on prot_bert, which is not a backend of models.yaml; add it to `backends`")
    own = {"molecule": "protein", "width": 8, "parameters": 1, "pooling": "mean_residues"}
    own |= {"max_length": 512, "repository": "x/y"}
    assert load_settings(GIVEN | {"backends": {"prot_bert": own}}).backends["prot_bert"].is_own
    card["backends"][0]["engine_version"] = "1"
    write_json(far / "classifier.json", card)
    refused("was trained on embeddings of engine version 1, and demo_dnabert_s would be read by")
    write_json(far / "classifier.json", card | {"format": CLASSIFIER_FORMAT - 1})
    refused("an earlier version of seqloom wrote far/virus classifier, which is read differently")


def test_a_damaged_packed_classifier_is_refused(far):
    pack(far, "my.zip")
    pack(far, "again.zip")
    packed = Path("my.zip").read_bytes()
    assert packed == Path("again.zip").read_bytes()
    damaged = "my.zip: it is no packed classifier, or damaged"
    Path("my.zip").write_bytes(packed[:-9])
    refused(damaged, classifier="my.zip")
    Path("my.zip").write_bytes(packed.replace(b"w500", b"w600"))
    refused(damaged, classifier="my.zip")
    # Another file under the old checksum, as a zip program would write it.
    with zipfile.ZipFile("my.zip", "w") as file, zipfile.ZipFile("again.zip") as old:
        file.writestr("classifier.json", old.read("classifier.json") + b" ")
        file.writestr("checksums.json", old.read("checksums.json"))
    refused(f"{damaged} (classifier.json differs from its checksum)", classifier="my.zip")
    with pytest.raises(InputError, match=r"in has no classifier\.json"):
        pack("in", "out.zip")


def test_weights_that_a_classifier_does_not_know_are_refused():
    model = {"backend": "esm2_8m", "weights_sha256": "ab"}
    embed.check_weights(model, None)
    embed.check_weights(model, "ab")
    with pytest.raises(InputError, match="esm2_8m: the weights in models/ have SHA-256 ab, but"):
        embed.check_weights(model, "cd")


def test_a_packed_classifier_makes_the_same_calls(classified):  # noqa: F811
    pack("toy", "toy.zip")
    words = ["--sample", "lake", "--contigs", "contigs.tsv", "--genome", "g.fa.gz"]
    words += ["--frames", "1.parquet", "2.parquet", "--fused", "1.safetensors", "2.safetensors"]
    for path, out in (("toy", "one"), ("toy.zip", "two")):
        command = [*words, "--classifier", path, "--out", out]
        script.main(script.arguments().parse_args(command))
    for name in ("contigs.tsv", "regions.tsv", "viral.fna.gz"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()
    read = read_json("two/summary.json")["provenance"]["inputs"]
    assert read["classifier"]["file"] == "toy.zip"
