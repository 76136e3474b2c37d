"""The configuration: what it accepts, and one sentence for each mistake."""

import re
from pathlib import Path

import pytest
import yaml

from seqloom.config.contents import model_name
from seqloom.config.registry import REGISTRY, read_backend
from seqloom.config.schemas import read_yaml
from seqloom.config.settings import Settings, load_settings
from seqloom.errors import InputError

CONFIG = {
    "samples": "s.tsv",
    "cuts": {"w300": {"window": 300}},
    "fusions": {"both": ["demo_dnabert_s", "demo_esm2"], "dna": ["demo_dnabert_s"]},
    "experiments": {"main": {"cut": "w300", "fusion": "both"}},
}
LEGACY = {"scheme": "virnucpro", "frames": "virnucpro"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with a sheet of two labeled samples and a query."""
    monkeypatch.chdir(tmp_path)
    Path("a.fa").write_text(">a\nACGT\n")
    write_sheet("viral", "host", "")


def write_sheet(*labels: str) -> None:
    rows = [f"s{i}\ta.fa\t{label}\n" for i, label in enumerate(labels)]
    Path("s.tsv").write_text("sample\tfasta\tlabel\n" + "".join(rows))


def load(text: str = "", **changes: object) -> Settings:
    """The settings of CONFIG with changes, read from YAML as by Snakemake."""
    return load_settings(CONFIG | yaml.safe_load(yaml.safe_dump(changes) + text))


def experiment(**changes: object) -> dict:
    return {"main": CONFIG["experiments"]["main"] | changes}


@pytest.mark.parametrize("number", ["5e-4", "5E-4", "5.e-4", "'0.0005'", "0.0005"])
def test_numbers_may_be_written_in_any_usual_form(number):
    text = f"experiments: {{main: {{cut: w300, fusion: both, train: {{lr: {number}}}}}}}"
    train = load_settings(CONFIG | yaml.safe_load(text))["experiments"]["main"]["train"]
    assert train["lr"] == 0.0005


@pytest.mark.parametrize("labels", [["", ""], ["viral", ""]])
def test_frames_are_exported_without_labels_or_experiments(labels):
    write_sheet(*labels)
    cuts = {"w300": {}, "legacy": LEGACY, "one": LEGACY | {"max_per_window": 1}}
    settings = load(cuts=cuts, fusions={}, experiments={}, export=["virnucpro"])
    assert settings.legacy_cuts() == settings.used_cuts() == ["legacy"]


def test_residues_of_a_shard_must_fit_into_memory():
    with open("p.faa", "wb") as file:
        file.truncate(30_000_000)
    Path("s.tsv").write_text("sample\tfasta\tmolecule\nset\tp.faa\tprotein\n")
    own = {"samples": "s.tsv", "residue_backends": ["prot_t5_xl"]}
    with pytest.raises(InputError, match=r"123 GB .* set `embed: {shard_bases: (\d+)}`") as error:
        load_settings(own)
    enough = int(re.search(r"shard_bases: (\d+)", str(error.value))[1])
    load_settings(own | {"embed": {"shard_bases": enough}})
    with pytest.raises(InputError, match="residue_backends"):
        load_settings(own | {"embed": {"shard_bases": enough * 2}})


def test_used_cuts_are_those_of_experiments_unless_frames_are_exported():
    cuts = {"other": {}, "legacy": LEGACY, "w300": {}}
    assert load(cuts=cuts).used_cuts() == ["w300"]
    assert load(cuts=cuts, export=["virnucpro"]).used_cuts() == ["w300", "legacy"]


OWN = {"molecule": "protein", "width": 8, "parameters": 1, "pooling": "mean_residues"}
OWN |= {"max_length": 99}
OWN_FOLDER = OWN | {"local": "nowhere"}
OWN |= {"repository": "someone/something"}


def test_a_backend_of_the_config_has_a_model_of_its_own():
    used = {"fusions": {"f": ["mine"]}, "experiments": {}}
    settings = load(backends={"mine": OWN}, **used)
    mine = settings.backends["mine"]
    assert (mine.architecture, mine.width, mine.dtype) == ("transformers", 8, "float32")
    for change in ({"width": 9}, {"molecule": "dna"}, {"reading": {"spaces": True}}):
        changed = load(backends={"mine": OWN | change}, **used)
        assert model_name(changed, "mine") != model_name(settings, "mine")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cutz": {}}, 'key "cutz" is unknown; did you mean cuts?'),
        ({"Cuts": {}}, 'key "Cuts" is unknown; did you mean cuts?'),
        ({"simulate": {}}, "simulate: 'seed' is missing; add it"),
        (
            {"experiments": ["main"]},
            "experiments: ['main'] is not a group of keys; write its keys ",
        ),
        ({"backends": {"esm2_8m": OWN}}, 'backends: "esm2_8m" is a backend of models.yaml; choose'),
        ({"backends": {"a/b": OWN}}, 'backends: "a/b" is not allowed here; make the name of'),
        ({"backends": {"mine": OWN | {"local": "x"}}}, "backends.mine: give either repository or "),
        (
            {"backends": {"mine": {**OWN, "widht": 3}}},
            'backends.mine: key "widht" is unknown; did you mean width?',
        ),
        (
            {"backends": {"mine": OWN_FOLDER}},
            "backends.mine.local: nowhere is not a folder with a config.json; give the full path",
        ),
        (
            {"backends": {"mine": OWN}, "models": {"mine": {"sha256": "0" * 64}}},
            "models.mine: it is one of `backends`; give local or sha256 there",
        ),
        (
            {"backends": {"mine": OWN}, "fusions": {"mine": ["mine"]}, "experiments": {}},
            'fusions: "mine" is the name of a backend; give the fusion another',
        ),
        (
            {"cuts": "w300"},
            "cuts: 'w300' is not a group of keys; write its keys below it, further ",
        ),
        ({"cuts": {"w300": None}}, "cuts.w300: it is empty; write {} for the defaults"),
        ({"cuts": {300: {}}}, "cuts: the name 300 is read as a number; put letters into it, such "),
        (
            {"cuts": {"w 300": {}}},
            'cuts: "w 300" is not allowed here; make the name of letters, digits and _, such as w3',
        ),
        ({"cuts": {"whole": {}}}, 'cuts: the name "whole" is reserved; choose another'),
        (
            {"cuts": {"w300": {"windw": 3}}},
            'cuts.w300: key "windw" is unknown; did you mean window?',
        ),
        (
            {"cuts": {"w300": {"window": 3}}},
            "cuts.w300.window: 3 is less than the minimum of 30; give 30 or more",
        ),
        (
            {"cuts": {"w300": {"window": "300 bp"}}},
            "cuts.w300.window: '300 bp' is not a whole number; write it in digits",
        ),
        (
            {"cuts": {"w300": {"frames": "orf"}}},
            'cuts.w300.frames: "orf" does not exist; choose one of open, longest_orf, virnucpro',
        ),
        (
            {"fusions": {"both": "demo_esm2"}},
            "fusions.both: 'demo_esm2' is not a list; put it in br",
        ),
        ({"fusions": {"both": []}}, "fusions.both: it is empty; add an entry"),
        (
            {"fusions": {"both": ["demo_esm2", "demo_esm2"]}},
            "fusions.both: ['demo_esm2', 'demo_esm2'] has an entry twice; remove one",
        ),
        (
            {"experiments": {"main": {"cut": "w300"}}},
            "experiments.main: 'fusion' is missing; add it",
        ),
        (
            {"experiments": experiment(cut="w400")},
            'experiments.main.cut: "w400" does not exist; did you mean w300?',
        ),
        (
            {"experiments": experiment(split={"fractions": [0.8, 0.2]})},
            "experiments.main.split.fractions: [0.8, 0.2] has 2 entries; give 3",
        ),
        (
            {"experiments": experiment(split={"fractions": [0.8, 0.2, 0.1]})},
            "experiments.main.split.fractions do not sum to 1; correct them",
        ),
        (
            {"experiments": experiment(train={"lr": "low"})},
            "experiments.main.train.lr: 'low' is not a number; write 0.0001 or 1e-4",
        ),
        (
            {"experiments": experiment(train={"lr": 0})},
            "experiments.main.train.lr: 0 is less than or equal to the minimum of 0; give mor",
        ),
        (
            {"export": ["csv"]},
            'export.0: "csv" does not exist; choose one of npy, pt, hdf5, uniprot, virnucpro',
        ),
        ({"export": ["pt"]}, "export: pt is for protein samples; add one to the sheet and its bac"),
        ({"export": "npy"}, "export: 'npy' is not a list; put it in brackets, such as [a, b]"),
        (
            {"export": ["virnucpro"], "experiments": experiment(fusion="dna")},
            "export: virnucpro needs a cut with the scheme and frames of virnucpro, or an exper",
        ),
        (
            {"predict": {"experiments": ["mian"]}},
            'predict.experiments: "mian" is not an experiment; did you mean main?',
        ),
        (
            {"predict": {"threshold": 0.2}},
            "predict.host_threshold: 0.3 is above predict.threshold 0.2; lower it",
        ),
        (
            {"predict": {"experiments": "main"}},
            "predict.experiments: 'main' is not a list; put it in brackets, such as [a, b]",
        ),
        (
            {"protein_backends": ["demo_dnabert_s"]},
            'protein_backends: "demo_dnabert_s" reads DNA; give a protein backend',
        ),
        (
            {"protein_backends": ["demo_esm2", "both"]},
            'protein_backends: both: "demo_dnabert_s" reads DNA; give a protein backend',
        ),
        (
            {"fusions": CONFIG["fusions"] | {"esm1b": ["demo_esm2"]}},
            'fusions: "esm1b" is the name of a backend; give the fusion another',
        ),
        (
            {"models": {"dnabert_s": {"local": "~/weights"}}},
            "models.dnabert_s.local: ~/weights is not a folder; give the full path (without ~) of ",
        ),
        (
            {"models": {"dnabert_s": {"local": "a.fa"}}},
            "models.dnabert_s.local: a.fa is not a folder; give the full path",
        ),
        (
            {"models": {"dnabert_s": {"sha256": "F3CF"}}},
            'models.dnabert_s.sha256: "F3CF" is not allowed here; give 64 of the digits 0-9 and ',
        ),
        (
            {"models": {"demo_esm2": {}}},
            "models.demo_esm2: a demo model cannot be read from elsewhere; remove it",
        ),
        (
            {"embed": {"dtype": None}},
            "embed.dtype: it is empty; give a value, or remove the key",
        ),
        ({"cuts": {"w300": {"window": None}}}, "cuts.w300.window: it is empty; give a value"),
        ({"samples": 5}, "samples: 5 is not text; put it in quotes"),
        (
            {"refseq": {"list": "s.tsv", "mirror": "mirror.example"}},
            'refseq.mirror: "mirror.example" is not allowed here; give an address, such as https://mir',
        ),
        ({"refseq": {}}, "refseq: 'list' is missing; add it"),
    ],
)
def test_a_wrong_config_gives_one_sentence(changes, sentence):
    with pytest.raises(InputError) as error:
        load(**changes)
    assert str(error.value).startswith(f"config: {sentence}")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"samples": "."},
            ".: the sample sheet is a folder; name a file in it (`samples` in the c",
        ),
        (
            {"refseq": {"list": "no"}},
            "no: the list of files does not exist; correct the path (`ref",
        ),
        (
            {"refseq": {"list": "."}},
            ".: the list of files is a folder; name a file in it (`refseq:",
        ),
        ({"refseq": {"list": "list"}}, 'list line 1: column "md55" is unknown; did you mean md5?'),
        (
            {"fusions": {"both": ["dnabert_t"], "dna": []}},
            "config: fusions.dna: it is empty",
        ),
        ({"fusions": {"both": ["dnabert_t"]}}, f'{REGISTRY}: there is no backend "dnabert_t"; '),
        (
            {"cuts": {"w300": {"training": "coding"}}},
            "s.tsv: sample s0 needs an annotation, because cut w300 takes coding frames only; "
            "fill the column, or set cuts.w300.training: all",
        ),
        (
            {
                "cuts": {"w300": {}, "legacy": LEGACY | {"training": "virnucpro"}},
                "export": ["virnucpro"],
            },
            "s.tsv: sample s0 needs an annotation, because cut legacy takes coding frames only",
        ),
    ],
)
def test_a_config_that_does_not_match_its_files_gives_one_sentence(changes, sentence):
    Path("list").write_text(f"url\tmd55\nhttps://x.example/x.fa\t{'0' * 32}\n")
    with pytest.raises(InputError) as error:
        load(**changes)
    assert str(error.value).startswith(sentence)


def test_an_experiment_needs_both_labels():
    write_sheet("viral", "")
    with pytest.raises(
        InputError, match=r"^s\.tsv: experiment main needs samples of both labels, "
    ):
        load()


@pytest.mark.parametrize(
    ("window", "fusion", "sentence"),
    [
        (6141, "both", "6141 bp are too long for demo_esm2, which reads windows up to 6138 bp"),
        (
            100000,
            "both",
            "100000 bp are too long for demo_esm2, which reads windows up to 6138 bp",
        ),
        (
            12000,
            "dna",
            "12000 bp are too long for demo_dnabert_s, which reads windows up to 8991 bp",
        ),
    ],
)
def test_windows_that_a_backend_cannot_read_are_refused(window, fusion, sentence):
    changes = {"cuts": {"w": {"window": window}}, "experiments": experiment(cut="w", fusion=fusion)}
    advice = "; make them shorter, or set `embed: {too_long: split}`"
    with pytest.raises(InputError) as error:
        load(**changes)
    assert str(error.value) == f"config: cuts.w.window: {sentence}{advice}"
    load(**changes, embed={"too_long": "split"})
    changes["cuts"]["w"]["frames"] = "longest_orf"
    load(**changes)


def test_windows_that_a_backend_may_read_are_not_refused():
    for window, fusion in ((6138, "both"), (9000, "dna")):
        load(cuts={"w": {"window": window}}, experiments=experiment(cut="w", fusion=fusion))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", 'x.yaml line 3: key "a" was given on line 1 already; remove one of'),
        ("a:\n- b: {c: 1,\n  c: 2}\n", 'x.yaml line 3: key "c" was given on line 2 already'),
        ("a: [1\nb: 2\n", "x.yaml line 2: this is not YAML ("),
        ("a: 1\n\tb: 2\n", "x.yaml line 2: this is not YAML ("),
    ],
)
def test_wrong_yaml_gives_one_sentence(text, sentence):
    Path("x.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        read_yaml("x.yaml")
    assert str(error.value).startswith(sentence)


def test_a_key_from_an_anchor_may_be_overridden():
    Path("x.yaml").write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\n")
    assert read_yaml("x.yaml")["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("{widht: 3}", 'key "widht" is unknown; did you mean width?'),
        ("{architecture: esm, molecule: protein}", "'width' is missing; add it"),
    ],
)
def test_a_wrong_registry_entry_gives_one_sentence(entry, sentence):
    Path("models.yaml").write_text(f"mine: {entry}\n")
    with pytest.raises(InputError) as error:
        read_backend("models.yaml", "mine")
    assert str(error.value) == f'models.yaml: backend "mine": {sentence}'


def test_a_backend_given_twice_is_refused():
    Path("models.yaml").write_text(REGISTRY.read_text() + "\nesm2_8m:\n  width: 1\n")
    with pytest.raises(InputError, match=r'key "esm2_8m" was given on line \d+ already'):
        read_backend("models.yaml", "demo_esm2")


def test_a_recipe_gives_the_keys_that_the_config_leaves_out():
    train = load(experiments=experiment(train={"recipe": "virnucpro", "hidden": 9}))["experiments"]
    published = {"optimizer": "sgd", "lr": 0.0002, "batch_size": 32, "max_epochs": 200}
    assert train["main"]["train"].items() >= (published | {"patience": 5, "hidden": 9}).items()
    train = load(experiments=experiment(train={"lr": 0.1}))["experiments"]["main"]["train"]
    assert (train["optimizer"], train["lr"]) == ("adamw", 0.1)
