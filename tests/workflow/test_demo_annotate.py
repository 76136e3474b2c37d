"""The demo of gene annotation but for its model (see test_genet5_rules.py): scores and the page."""

import csv
import os
import re
from html.parser import HTMLParser

import pytest
import yaml
from busco_stand_in import write_busco
from projects import REPOSITORY, Project, make_project

DEMO = yaml.safe_load((REPOSITORY / "config" / "demo_annotate.yaml").read_text())
NOT_ASKED = {"cuts": {}, "fusions": {}, "experiments": {}, "predict": {}, "export": []}
FOLDER = "results/annotate"


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Project:
    """The finished demo, with the completeness of the bacterium; tests must not change it."""
    folder = tmp_path_factory.mktemp("demo")
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{write_busco(folder)}:{path}"
    project = make_project(folder / "project")
    section = DEMO["annotate"] | {"busco": {"bacterium": str(folder / "tiny_odb12")}}
    section |= {"model": None, "grpo": None}
    project.configure(**NOT_ASKED | DEMO | {"annotate": section})
    project.run("annotate")
    yield project
    os.environ["PATH"] = path


def scores_of(project: Project) -> dict[tuple[str, ...], dict[str, str]]:
    with open(project.folder / FOLDER / "scores.tsv", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {(row["program"], row["part"], row["level"]): row for row in rows}


def test_pyrodigal_finds_the_planted_genes_in_every_part(demo):
    scores = scores_of(demo)
    counts = {}
    for part in ("all", "validation", "test"):
        assert float(scores["pyrodigal", part, "gene_end"]["recall"]) > 0.9
        assert float(scores["pyrodigal", part, "gene"]["f1"]) > 0.8
        counts[part] = int(scores["pyrodigal", part, "gene"]["annotated"])
    assert counts["all"] == 380 and counts["validation"] > 30 and counts["test"] > 30


def test_proteins_of_the_annotation_and_of_pyrodigal_are_there_and_checked(demo):
    texts = {
        program: (demo.folder / FOLDER / f"proteins/{program}/bacterium.faa").read_text()
        for program in ("annotation", "pyrodigal")
    }
    proteins = {program: set(text.splitlines()[1::2]) for program, text in texts.items()}
    assert len(proteins["annotation"] & proteins["pyrodigal"]) > 300
    assert not any("*" in protein for protein in proteins["annotation"])
    for program in proteins:
        assert scores_of(demo)[program, "all", "busco"]["found"] == "6"


class Page(HTMLParser):
    """Collects the text, the links and ids, and what is opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.text, self.links, self.ids = [], [], set(), set()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.links.add(values.get("href", ""))
        self.ids.add(f"#{values.get('id')}")
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass  # of pictures

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_shows_scores_oddities_rules_and_a_locus(demo):
    html = (demo.folder / FOLDER / "report.html").read_text()
    page = Page()
    page.feed(html)
    text = " ".join(" ".join(page.text).split())
    assert not page.open and page.links - {""} <= page.ids
    assert not re.search(r"(src|href)=.(https?:|//)", html)
    f1 = float(scores_of(demo)["pyrodigal", "all", "gene"]["f1"])
    for shown in (f"{f1:.3f}", "380", "CDS without transcript line", "splice_sites", "tiny_odb12"):
        assert shown in text
    assert "bacterium by pyrodigal" in text and html.count("<polygon") > 4


def test_the_headline_fits_a_screen_and_a_second_run_plans_nothing(demo):
    lines = (demo.folder / FOLDER / "report.txt").read_text().splitlines()
    assert lines[0] == DEMO["title"] and lines[-1] == "Report: results/annotate/report.html"
    assert len(lines) < 25 and max(map(len, lines)) < 100
    assert demo.planned("annotate") == {}
