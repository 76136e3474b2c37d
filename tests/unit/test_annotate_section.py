"""The section `annotate` of the config: what it accepts, and one sentence for each mistake."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from seqloom.config.gene_model import tile_of
from seqloom.config.gene_paths import GenePaths
from seqloom.config.held_out import HeldOut, held_out
from seqloom.config.resources import Needs
from seqloom.config.settings import load_settings
from seqloom.errors import InputError

SPECIES = {"yeast": "unicellular", "strep.1": "prokaryote"}
SECTION = {"species": SPECIES, "backend": "demo_dnabert_s"}
GENE = "c\tx\tgene\t1\t3\t.\t+\t.\tID=g\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.fa").write_text(">c\nACGT\n")
    Path("a.gff").write_text(GENE)
    Path("s.tsv").write_text(
        "sample\tfasta\tmolecule\tannotation\n"
        "yeast\ta.fa\t\ta.gff\nstrep.1\ta.fa\t\ta.gff\nbare\ta.fa\t\t\nset\ta.fa\tprotein\t\n"
    )


def load(**changes):
    return load_settings({"samples": "s.tsv", "annotate": SECTION | changes})


def raw_folder(*names: str) -> str:
    for name in names:
        folder = Path("raw", name)
        folder.mkdir(parents=True)
        (folder / "fna.gz").write_bytes(b"x")
        (folder / "gff.gz").write_bytes(b"x")
    return "raw"


def test_places_are_species_contigs_and_stretches_and_bases_count_from_one():
    places = held_out({"validation": ["yeast/chr:I.1"], "test": ["strep.1/c:5-9", "bare"]})
    assert places == [
        HeldOut("validation", "yeast", "chr:I.1"),
        HeldOut("test", "strep.1", "c", 4, 9),
        HeldOut("test", "bare"),
    ]


def test_without_the_section_nothing_is_annotated():
    settings = load_settings({"samples": "s.tsv"})
    assert GenePaths(settings).results() == []
    assert not settings.backends
    results = GenePaths(load()).results()
    assert "results/annotate/genes/strep.1.json" in results
    assert "results/annotate/baked/set/strep.1" in results


def test_folders_of_species_need_no_sheet_and_prokaryotes_have_code_11():
    section = {"species": {"Homo.sapiens": "vertebrate", "E.coli": "prokaryote"}}
    section |= {
        "raw": raw_folder("Homo.sapiens", "E.coli", "Not.used"),
        "backend": "demo_dnabert_s",
    }
    samples = load_settings({"annotate": section}).samples
    assert {name: sample.genetic_code for name, sample in samples.items()} == {
        "Homo.sapiens": 1,
        "E.coli": 11,
    }
    assert samples["E.coli"].annotation == ("raw/E.coli/gff.gz",)
    both = load_settings({"samples": "s.tsv", "annotate": section}).samples
    assert {"yeast", "E.coli"} < both.keys()


def test_a_folder_without_an_annotation_is_an_error():
    section = {"species": {"E.coli": "prokaryote"}, "raw": raw_folder("E.coli")}
    Path("raw/E.coli/gff.gz").unlink()
    with pytest.raises(InputError, match=r"raw/E\.coli/gff\.gz does not exist"):
        load_settings({"annotate": section})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"species": {}}, "annotate: species: it is empty; add an entry"),
        ({"species": {"yeast": "fungus"}}, '"fungus" does not exist; choose one of prokaryote, '),
        ({"species": {"yaest": "plant"}}, 'there is no sample "yaest"; did you mean yeast?'),
        ({"species": {"bare": "plant"}}, "sample bare needs DNA and an annotation to be in "),
        ({"species": {"set": "plant"}}, "sample set needs DNA and an annotation to be in "),
        ({"validation": ["yaest"]}, 'annotate.validation: "yaest" is not in species; did you '),
        ({"test": ["yeast/c:9-3"]}, "annotate.test: yeast/c: a stretch is first-last, counted "),
        ({"test": ["yeast/c:0-3"]}, "annotate.test: yeast/c: a stretch is first-last, counted "),
        ({"test": ["/c"]}, 'test.0: "/c" is not allowed here; write sample, sample/contig or '),
        (
            {"validation": ["yeast"], "test": ["yeast/c"]},
            "annotate.test: a place of yeast overlaps another that is held out; keep one",
        ),
        (
            {"test": ["yeast/c:1-5", "yeast/c:5-9"]},
            "annotate.test: a place of yeast overlaps another that is held out; keep one",
        ),
        ({"biotypes": ["CDS", "cds"]}, "biotypes: two differ only in upper and lower case; keep"),
        ({"windows": {"sliding": [10, 20]}}, "the step is longer than the window; lower it"),
        ({"windows": {"limits": {"plant": 9}}}, "limits.plant: 9 is less than the minimum of 100"),
        ({"busco": {"yaest": "x"}}, 'annotate.busco: "yaest" is not in species; did you mean '),
        ({"run": "a.b"}, 'annotate: run: "a.b" is not allowed here; make the name of letters'),
        ({"backend": "dnabert"}, 'there is no backend "dnabert"; choose one of '),
        ({"backend": "demo_esm2"}, 'annotate.backend: "demo_esm2" is not DNABERT; choose one, '),
    ],
)
def test_a_mistake_is_one_sentence(changes, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        load(**changes)


TRAINED = {"model": {}, "validation": ["yeast"]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"model": {"from": "dnabert2"}},
            "from: dnabert2 has the weights of the backend dnabert_2, ",
        ),
        (
            {"backend": "dnabert_s", "model": {"from": "dnabert_s", "layers": 4}},
            "model.layers: a model from dnabert_s has that of the backend; remove it, or start ",
        ),
        ({"model": {"width": 100}}, "model.heads: 12 heads do not divide the width 100; choose "),
        ({"model": {"top_k": 2}}, "top_k: a step cannot go through 2 experts of 1; lower it, or "),
        ({"model": {"sparse_block": 24}}, '"24" does not exist; choose one of 16, 32, 64, 128'),
        ({"validation": []}, "annotate.validation: nothing is held out, but the best model is "),
        ({"test": ["strep.1"]}, "all are held out for validation or test, and nothing is left to "),
        ({"model": None, "grpo": {}}, "annotate.grpo: there is no model to refine; add `model: "),
        (
            {"grpo": {}, "predict": {"heads": ["segment"]}},
            "predict.heads: grpo refines the pointer, which is not among them; add pointer, or ",
        ),
        (
            {"predict": {"overlap": 9000}},
            "overlap: 9000 bases are not less than the window of 9000",
        ),
        (
            {"model": None, "predict": {"samples": {"bare": "plant"}}},
            "predict.samples: there is no model to find their genes; add `model: {}`",
        ),
        ({"predict": {"samples": {"bear": "plant"}}}, 'no sample "bear"; did you mean bare?'),
        ({"predict": {"samples": {"yeast": "plant"}}}, "samples: yeast is in annotate.species, "),
        ({"predict": {"samples": {"set": "plant"}}}, "set is in annotate.predict.samples, but not"),
        (
            {"predict": {"samples": {"bare": "plant"}, "overlap": 9000, "window": 9000}},
            "overlap: 9000 bases are not less than the window of 9000",
        ),
        ({"grpo": {"group": 1}}, "grpo.group: 1 is less than the minimum of 2; give 2 or more"),
    ],
)
def test_a_mistake_about_the_model_is_one_sentence(changes, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        load(**TRAINED | changes)


def test_what_is_trained_and_predicted_follows_from_the_sections():
    paths = GenePaths(load(**TRAINED, grpo={}, predict={"job_bases": 1000, "heads": ["pointer"]}))
    assert paths.programs() == ["genet5_sft", "genet5_grpo"]
    assert len(paths.pieces("genet5_sft", "yeast")) == 1
    samples = paths.settings.samples
    samples["yeast"] = replace(samples["yeast"], bases_cell=2500)
    assert paths.pieces("genet5_grpo", "yeast")[2].endswith("yeast/0003-of-0003.json")
    assert "results/annotate/genet5/set/grpo/best/model.safetensors" in paths.results()
    assert GenePaths(load(validation=["yeast"])).programs() == []


def test_samples_without_an_annotation_are_predicted_by_our_programs_alone():
    paths = GenePaths(load(**TRAINED, predict={"samples": {"bare": "vertebrate"}}))
    found = {path for path in paths.results() if "bare" in path}
    kinds = [".gff3", ".json", ".gtf", ".bed", ".proteins.faa", ".exons.fna", ".introns.fna"]
    assert found == {
        f"results/annotate/predictions/{program}/bare{kind}"
        for program in ("genet5_sft", "genet5_segment")
        for kind in kinds
    }
    assert tile_of(paths.settings["annotate"], "bare") == (90_000, 22_500)


def test_jobs_of_the_model_ask_for_what_it_needs():
    def asked(**changes) -> tuple[float, float, float]:
        settings = load(**TRAINED | changes)
        yeast = settings.samples["yeast"]
        settings.samples["yeast"] = replace(yeast, bases_cell=10**9)
        needs = Needs(settings)
        part = {"program": "genet5_sft", "sample": "yeast", "shard": "0001-of-0001"}
        minutes = needs.minutes("predict_genet5", part)
        return needs.memory_to_train_genet5(), needs.memory_to_predict_genet5(), minutes

    training, predicting, minutes = asked()
    assert training > predicting > 1000
    assert asked(model={"width": 1536})[0] > 2 * training - 3000
    assert asked(sft={"tokens_per_batch": 32768})[0] > 1.3 * training
    longer = {"limits": {"unicellular": 90_000}}
    assert asked(windows=longer)[1] > predicting
    few = asked(predict={"job_bases": 10**9})
    assert few[1] == predicting and few[2] > 50 * minutes


def test_stretches_that_touch_do_not_overlap():
    load(test=["yeast/c:1-4", "strep.1/c:1-5"], validation=["yeast/c:5-9", "yeast/d"])


def test_raw_genomes_are_not_given_to_classifiers_and_have_names_of_their_own():
    experiments = {"cuts": {"w": {}}, "fusions": {"f": ["demo_dnabert_s"]}}
    experiments["experiments"] = {"e": {"cut": "w", "fusion": "f"}}
    rows = "virus\ta.fa\tviral\nhost\ta.fa\thost\n"
    Path("labeled.tsv").write_text("sample\tfasta\tlabel\n" + rows)
    section = {"species": {"Virus": "prokaryote"}, "raw": raw_folder("Virus")}
    config = {"samples": "labeled.tsv", "annotate": section}
    with pytest.raises(InputError, match='raw: "Virus" is also the sample "virus" of the '):
        load_settings(config)
    Path("labeled.tsv").write_text("sample\tfasta\tlabel\n" + rows.replace("virus", "phage"))
    with pytest.raises(InputError, match=r"annotate\.raw: the experiments would embed these"):
        load_settings(config | experiments)
