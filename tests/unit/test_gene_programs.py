"""Programs that gene annotation asks for and this machine lacks: one sentence before any job."""

from pathlib import Path

import pytest
from busco_stand_in import write_busco

from seqloom.config.gene_paths import GenePaths
from seqloom.config.settings import load_settings
from seqloom.errors import InputError

SPECIES = {"yeast": "unicellular", "strep": "prokaryote", "mouse": "vertebrate"}
BOTH = ["augustus", "pyrodigal"]
MODELS = {"yeast": "saccharomyces", "mouse": "human"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.fa").write_text(">c\nACGT\n")
    Path("a.gff").write_text("c\tx\tgene\t1\t3\t.\t+\t.\tID=g\n")
    rows = [f"{name}\ta.fa\ta.gff\n" for name in SPECIES]
    Path("s.tsv").write_text("".join(["sample\tfasta\tannotation\n", *rows]))
    monkeypatch.setenv("PATH", str(write_busco(tmp_path)))
    program = tmp_path / "bin" / "augustus"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def load(**changes):
    section = {"species": SPECIES, "backend": "demo_dnabert_s"} | changes
    return load_settings({"samples": "s.tsv", "annotate": section})


def test_pyrodigal_reads_prokaryotes_and_augustus_the_others():
    paths = GenePaths(load(baselines=BOTH, augustus_species=MODELS))
    pairs = [("augustus", "mouse"), ("augustus", "yeast"), ("pyrodigal", "strep")]
    assert paths.gene_predictions() == pairs
    assert GenePaths(load()).gene_predictions() == pairs[2:]
    assert GenePaths(load(baselines=[])).gene_predictions() == []
    assert "results/annotate/proteins/annotation/mouse.faa" in GenePaths(load()).results()


def test_a_species_without_a_model_of_augustus_is_refused():
    with pytest.raises(InputError, match="augustus_species: there is no model for mouse; name one"):
        load(baselines=BOTH, augustus_species={"yeast": "saccharomyces"})


def test_programs_that_are_not_installed_are_refused(monkeypatch, tmp_path):
    busco = {"strep": str(tmp_path / "tiny_odb12")}
    assert load(busco=busco)["annotate"]["busco"] == busco
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="the program augustus is not installed; install it"):
        load(baselines=BOTH, augustus_species=MODELS)
    with pytest.raises(InputError, match="the program busco is not installed; install it"):
        load(busco=busco)
    # Where nothing asks for it, nothing is missing.
    load(baselines=BOTH, species={"strep": "prokaryote"})


def test_a_folder_that_is_no_lineage_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"busco\.strep: .* is not a folder with a dataset\.cfg"):
        load(busco={"strep": str(tmp_path / "bin")})
