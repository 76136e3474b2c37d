"""One clear sentence, exit code not 0, nothing half written; the rest of the run goes on."""

import gzip

import pytest
from conftest import SAMPLES

ESM2_8M = "24c5fa474c48"  # as the registry has it
GOOD = ">a\n" + "ATGGCTGCTGCTAAAGCTGCTGCAGGC" * 20 + "\n"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cutz": {}}, 'config: key "cutz" is unknown; did you mean cuts?'),
        ({"cuts": {300: {"window": 300}}}, "config: cuts: the name 300 is read as a number"),
        ({"cuts": {"w300": {"windw": 300}}}, 'config: cuts.w300: key "windw" is unknown'),
        (
            {"cuts": {"w300": {"window": 3}}},
            "config: cuts.w300.window: 3 is less than the minimum of 30",
        ),
        (
            {"cuts": {"w300": {"frames": "orf"}}},
            'config: cuts.w300.frames: "orf" does not exist; choose one of open, longest_orf, virn',
        ),
        (
            {"cuts": {"w300": {"training": "cds"}}},
            'config: cuts.w300.training: "cds" does not exist; choose one of all, coding',
        ),
        (
            {"export": ["csv"]},
            'config: export.0: "csv" does not exist; choose one of npy, hdf5, virnucpro',
        ),
        (
            {"fusions": {"both": ["dnabert_t"]}},
            'there is no backend "dnabert_t"; there are',
        ),
        ({"fusions": {"both": ["prot_t5_xl"]}}, 'backend "prot_t5_xl" is not built yet; ready are'),
        (
            {"predict": {"experiments": ["x"]}},
            'config: predict.experiments: "x" is not an experiment',
        ),
        ({"samples": "no.tsv"}, "no.tsv: the sample sheet does not exist"),
        (
            {"experiments": {"e": {"cut": "w400", "fusion": "both"}}},
            'config: experiments.e.cut: "w400" does not exist; did you mean w300?',
        ),
        (
            {"experiments": {"e": {"cut": "w300", "fusion": "dna"}}, "predict": None},
            "config: export: virnucpro needs an experiment that fuses a DNA and a protein backend, "
            "or one whose cut has the scheme and frames of virnucpro",
        ),
        ({"models": {"dnabert": {"local": "."}}}, 'there is no backend "dnabert"; there are'),
        (
            {"models": {"dnabert_s": {"local": "nowhere"}}},
            "config: models.dnabert_s.local: nowhere is not a folder",
        ),
    ],
)
def test_a_wrong_config_is_one_sentence_before_any_job(fresh, changes, sentence):
    fresh.configure(**changes)
    done = fresh.snakemake()
    assert done.returncode != 0
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout
    assert not (fresh.folder / "results").exists()


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        (
            SAMPLES + SAMPLES.splitlines()[1] + "\n",
            'samples.tsv line 5: sample "viral" is listed twice',
        ),
        (
            SAMPLES.replace("host", "hots"),
            'samples.tsv line 3: label: "hots" does not exist; choose one of',
        ),
        (
            SAMPLES.replace("resources/demo/bacteria.gbff.gz", ""),
            "samples.tsv: sample bacteria needs an annotation, for experiment short trains on "
            "coding frames; fill the column, or set cuts.w150.training: all",
        ),
        (
            SAMPLES.replace("resources/demo/bacteria.gbff.gz", "b.gff3"),
            "samples.tsv line 3: b.gff3 does not exist; correct the path",
        ),
        ("sample\tfasta\nx\t;\n", "samples.tsv line 2: fasta names no file; give one"),
        ("sample\tfasta\nx\t{y}.fa\n", "samples.tsv line 2: {y}.fa has braces"),
        (
            "sample\tfasta\tbases\nx\ty.fa\t1e6\n",
            "samples.tsv line 2: bases: '1e6' is not a whole number; write it in digits",
        ),
        (SAMPLES.replace("\thost\t", "\t\t"), "none is host; fill the column label"),
        ("sample\tfasta\nx\tmissing.fa\n", "samples.tsv line 2: missing.fa does not exist"),
        ("sample\tfasta\n", "samples.tsv: the sample sheet has no rows"),
        (
            SAMPLES.replace("category", "categry"),
            'key "categry" is unknown; did you mean category?',
        ),
        ("sample\tfasta\n\nx\n", "samples.tsv line 3: 'fasta' is missing; add it"),
        ("sample\tfasta\nx\ty\tz\n", "samples.tsv line 2: 3 cells, but the header has 2"),
        ("sample\tfasta\tfasta\n", "samples.tsv line 1: a column is named twice"),
    ],
)
def test_a_wrong_sheet_is_one_sentence_before_any_job(fresh, sheet, sentence):
    (fresh.folder / "samples.tsv").write_text(sheet)
    done = fresh.snakemake()
    assert done.returncode != 0
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout


def test_bad_fasta_stops_its_sample_and_no_other(fresh):
    bad = {
        "empty": b"",
        "binary": bytes(range(256)) * 4,
        "cut": gzip.compress((GOOD * 50).encode(), mtime=0)[:-20],
        "twice": (GOOD + GOOD).encode(),
    }
    sheet = "sample\tfasta\ngood\tgood.fa\n"
    (fresh.folder / "good.fa").write_text(GOOD)
    for name, content in bad.items():
        (fresh.folder / f"{name}.fa").write_bytes(content)
        sheet += f"{name}\t{name}.fa\n"
    (fresh.folder / "samples.tsv").write_text(sheet)
    fresh.configure(fusions={}, experiments={}, predict={}, simulate=None, export=[])
    tables = [f"results/genomes/{name}.tsv" for name in ("good", *bad)]
    done = fresh.snakemake("--keep-going", *tables)
    assert done.returncode != 0
    assert "error: cut.fa" in done.stdout, "the log of a failed job belongs on the screen"
    assert (fresh.folder / "results/genomes/good.tsv").is_file()
    written = {
        path.name.split(".")[0] for path in (fresh.folder / "results").rglob("*") if path.is_file()
    }
    assert written == {"good"}
    for name in bad:
        [line] = (fresh.folder / f"logs/index/{name}.log").read_text().splitlines()[-1:]
        assert line.startswith(f"error: {name}.fa")


def test_a_model_folder_without_weights_is_one_sentence(fresh):
    (fresh.folder / "weights").mkdir()
    (fresh.folder / "weights/config.json").write_text("{}")
    fresh.configure(models={"esm2_8m": {"local": "weights"}}, protein_backends=["esm2_8m"])
    done = fresh.snakemake(f"models/esm2_8m/{ESM2_8M}/model.safetensors")
    assert done.returncode != 0
    assert "error: weights" in done.stdout
    assert not list((fresh.folder / "models").rglob("*.json"))


def test_a_file_in_place_of_the_results_is_one_sentence(fresh):
    (fresh.folder / "results").touch()
    done = fresh.snakemake()
    assert done.returncode != 0
    assert "results: a file lies where the workflow writes to a folder; move it" in done.stdout
    assert "Traceback" not in done.stdout
