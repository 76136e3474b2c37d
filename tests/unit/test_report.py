import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from seqloom.calls.summary import CALLS as KINDS
from seqloom.files.tables import write_table

SCRIPT = Path(__file__).parents[2] / "workflow" / "scripts" / "report.py"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>a figure</text></svg>'
NASTY = "<script>alert(1)</script>&k99"
METRICS = {
    "n": 1200,
    "positives": 600,
    **dict.fromkeys(["accuracy", "precision", "recall", "f1", "brier", "ece"], 0.75),
    **dict.fromkeys(["mcc", "auroc", "average_precision"]),
}
METRICS["intervals"] = {name: [0.5, 0.875] for name in METRICS}
METRICS["note"] = "no interval: only 1 host group"
METRICS["confusion"] = {"viral_called_viral": 3, "viral_called_host": 2}
METRICS["confusion"] |= {"host_called_viral": 1, "host_called_host": 9}


def made(**versions):
    return {"provenance": {"versions": {"seqloom": "0.1.0"} | versions}}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_tsv(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(line.split(" ")) + "\n" for line in text.splitlines()))


def write_experiment(folder: Path, name: str, random: bool, warning=None, leak=""):
    evaluation, classifier = folder / "evaluation" / name, folder / "classifiers" / name
    metrics = {"random": random, "warning": warning, "split": name}
    metrics |= {"levels": dict.fromkeys(["frame", "window", "contig"], METRICS)}
    write_json(evaluation / "metrics.json", metrics | made())
    ends = " ".join(f"{x} {x}_low {x}_high" for x in ("recall", "specificity", "auroc"))
    write_tsv(
        evaluation / "strata.tsv",
        f"by stratum contigs viral groups {ends} note\n"
        "category viral 3 3 3 0.6250 0.5000 0.7500       \n"
        "group viral7 3 3 1 0.6250         alone\n",
    )
    for figure in ("roc.svg", "calibration.svg", "sweep.svg", "pca.svg"):
        (evaluation / figure).write_text(SVG)
    backend = {"backend": "esm", "width": 8, "weights_sha256": "ab" * 32, "revision": None}
    backend |= {"dtype": "float32", "pooling": "mean", "random": random}
    card = {"cut": "w300", "fusion": "both", "architecture": {"columns": 8}, "best_epoch": 2}
    write_json(
        classifier / "classifier.json", card | {"backends": [backend]} | made(torch="2.13.0")
    )
    history = "epoch lr train_loss validation_loss\n1 1 0.7 0.6\n2 1 0.5 0.3\n3 1 0.3 0.4\n"
    write_tsv(classifier / "history.tsv", history)
    columns = "part category contigs groups frames take share words not_auditable above_0.1"
    columns += " above_0.9 highest contig closest"
    audit = folder / "splits" / f"{name}.audit.tsv"
    write_tsv(
        audit,
        f"{columns} note\n"
        f"train viral 12 4 2400 1200 0.7500{' ' * 8}\n"
        f"equal|sequences  6 4{' ' * 11}EQUAL\n"
        "test|in|train  9     dna 2 1 0 0.0312 vir:v7 bac:b3 LEAK\n",
    )
    text = audit.read_text().replace("|", " ")
    audit.write_text(text.replace("EQUAL", "6 contigs have a twin").replace("LEAK", leak))


def write_prediction(folder: Path, calls: str, random: bool, warning=None):
    out = folder / "predictions" / "first" / "lake"
    columns = "contig length windows scored frames probability fdr call"
    write_tsv(out / "contigs.tsv", f"{columns} confidence reason\n{calls}")
    table = (out / "contigs.tsv").read_text().replace("not|scored", "not scored")
    (out / "contigs.tsv").write_text(table)
    write_tsv(out / "regions.tsv", f"{REGION_COLUMNS}\n{REGIONS}")
    rows = {
        "contig": ["host"] * 3 + ["dark"],
        "start": [0, 300, 600, 0],
        "end": [300, 600, 900, 40],
    }
    rows["probability"] = [0.1, 0.9, None, 0.5]
    write_table(out / "windows.parquet", pd.DataFrame(rows), {})
    counts = {call: calls.count(f" {call.replace(' ', '|')} ") for call in KINDS}
    summary = {"contigs": counts, "bases": counts, "regions": 25, "fdr": 0.125, "threshold": 0.5}
    summary |= {"prevalence": 0.5, "estimated_prevalence": 0.1, "fdr_at_estimate": 0.5}
    write_json(out / "summary.json", summary | {"random": random, "warning": warning} | made())


REGION_COLUMNS = (
    "region contig start end length windows viral_windows probability score edge left_flank "
    "right_flank"
)
REGIONS = (
    f"{NASTY}:1-900 {NASTY} 0 900 900 3 3 0.8750 1.0000 both 0 0\n"
    "host:301-600 host 300 600 300 1 1 0.9000 0.7500 none 300 300\n"
)
CALLS = (
    f"{NASTY} 900 3 3 3 0.8750 0.1250 viral medium all\n"
    "dark 40 1 0 0   not|scored  why\n"
    "host 900 3 3 0 0.1000  host high none\n"
)


@pytest.fixture
def results(tmp_path):
    write_json(
        tmp_path / "genomes" / "lake.json",
        {"sample": "lake", "molecule": "dna", "contigs": 3, "bases": 12_345_678} | made(),
    )
    return tmp_path


def report(folder: Path, *arguments) -> tuple[str, str]:
    """The page and its headline."""
    command = [sys.executable, SCRIPT, "--title", "A & B", "--genomes", "genomes/lake.json"]
    command += [*arguments, "--out", "report.html", "--summary", "summary.txt"]
    command += ["--calls", "calls.tsv", "--multiqc", "seqloom_mqc.tsv"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return (folder / "report.html").read_text(), (folder / "summary.txt").read_text()


def full_report(folder: Path, random=False, warning=None, leak="") -> tuple[str, str]:
    write_experiment(folder, "first", random, warning)
    write_experiment(folder, "second", random, leak=leak)
    write_prediction(folder, CALLS, random, warning)
    names = ["average_precision", "f1", "mcc", "accuracy", "brier", "ece"]
    row = {f"{name}{end}": 0.5 for name in names for end in ("", "_low", "_high")}
    row |= {"fusion": "both", "cut": "w300", "level": "contig", "n": 40, "note": ""}
    row |= {"viral_groups": 5, "host_groups": 4, "reference": None}
    row |= {"auroc": 0.9375, "auroc_low": 0.875, "auroc_high": 1.0}
    small = row | {"note": "no better than chance", "auroc": 0.55, "verdict": "open"}
    small |= {"reference": "first", "change": -0.041, "change_low": -0.1, "change_high": 0.02}
    rows = [row | {"experiment": "first"}, small | {"experiment": "kmer_w300"}]
    write_json(folder / "comparison" / "comparison.json", {"rows": rows})
    (folder / "comparison" / "comparison.svg").write_text(SVG)
    return report(
        folder,
        *("--evaluations", "evaluation/first", "evaluation/second"),
        *("--classifiers", "classifiers/second", "classifiers/first"),
        *("--audits", "splits/second.audit.tsv", "splits/first.audit.tsv"),
        *("--comparison", "comparison/comparison.json", "--figure", "comparison/comparison.svg"),
        *("--predictions", "predictions/first/lake"),
        *("--settings", json.dumps({"cuts": {"w300": {"window": 300}}, "samples": "s.tsv"})),
    )


class Page(HTMLParser):
    """Text, tags and attributes of a page; fails on tags that do not nest."""

    VOID = ("meta", "img", "line", "rect", "circle", "polyline", "link")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], set(), [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def test_the_page_fetches_nothing(results):
    html, _ = full_report(results)
    page = Page(html)
    assert not page.tags & {"script", "link", "iframe", "object", "embed", "base"}
    for name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            assert value.startswith(("data:", "#")), (name, value)
    assert not re.search(r"https?://|@import|url\(", html)
    # The comparison, and four figures for each of two experiments.
    assert html.count('src="data:image/svg+xml;base64,') == 9


def test_all_links_have_targets(results):
    page = Page(full_report(results)[0])
    ids = {value for name, value in page.attributes if name == "id"}
    links = {value[1:] for name, value in page.attributes if name == "href"}
    assert links == {"samples", "comparison", "experiments", "calls", "made"} and links <= ids


@pytest.mark.parametrize("random", [True, False])
def test_the_banner_is_shown_only_for_random_weights(results, random):
    html, headline = full_report(results, random)
    assert ('class="banner"' in html) == random
    assert ("plumbing, not biology" in html) == random
    assert ("plumbing, not biology" in headline) == random


def test_a_prediction_with_random_weights_shows_the_banner(results):
    write_prediction(results, CALLS, random=True)
    assert 'class="banner"' in report(results, "--predictions", "predictions/first/lake")[0]


def test_warnings_come_before_all_numbers(results):
    nothing = "the classifier learned nothing: validation loss 0.7101 is no better than chance"
    html, headline = full_report(results, warning=nothing, leak="one group lies in another")
    told = [
        f"first: {nothing}.",
        "second: one group lies in another.",
    ]
    assert headline.splitlines()[:3] == ["A & B", *(f"  Warning: {line}" for line in told)]
    text = Page(html).text
    assert 0 < text.index(told[0]) < text.index(told[1]) < text.index("samples 3 records")
    assert html.count('class="banner"') == 2


def test_the_warning_of_a_prediction_is_shown(results):
    write_prediction(results, "dark 40 1 1 0   not|scored  why\n", False, warning="nothing")
    _, headline = report(results, "--predictions", "predictions/first/lake")
    assert headline.splitlines()[1] == "  Warning: first: nothing."


def test_names_are_escaped(results):
    html, _ = full_report(results)
    assert "<script" not in html and "<title>A &amp; B</title>" in html
    assert NASTY in Page(html).text


def test_the_page_shows_all_results(results):
    html, headline = full_report(results)
    text = Page(html).text
    for part in (
        "12,345,678",
        "first both w300 40 5 + 4 0.938 0.875 to 1.000",
        "open AUROC -4.1 % (-10.0 % to +2.0 %) of first no better than chance",
        "Of 5 viral contigs 3 are called viral, of 10 host contigs 9 are called host.",
        "best epoch 2 of 3",
        "category viral 3 3 0.625 0.500 to 0.750",
        "test in train dna 9 2 1 0 3.1 % vir:v7 bac:b3",
        "Equal sequences: 6 contigs have a twin.",
        "train viral 12 4 2,400 1,200 75.0 %",
        "Called viral (probability of at least 0.5): 1, of which 12.5 % are expected to be wrong, "
        "if 50.0 % of all contigs are viral. The scores themselves suggest 10.0 %, with 50.0 % of "
        "the calls wrong.",
        "viral 0.875 12.5 % medium 900 all",
        "dark not scored - - 40 why",
        "the 2 longest of 25 regions, whole contigs last",
        "host:301-600 300 1 1 0.900 0.750 none 300 300",
        "torch 2.13.0",
        "window: 300",
    ):
        assert part in text, part
    # The track of the host: a window up, one down, one without a frame; in thirds of 1000.
    assert 'd="M500.0 40v-32.0"' in html and 'd="M166.7 40v32.0"' in html
    assert '<rect class="region" x="333.3" y="0" width="333.3" height="80"/>' in html
    # Viral first, then host, then contigs that could not be read.
    assert text.index(NASTY) < text.index("host host") < text.index("dark not scored")
    assert headline.splitlines() == [
        "A & B",
        "  samples: 1, bases and residues: 12,345,678",
        "AUROC by contig, on contigs that no training has seen",
        "  first (both)                  0.938 (40 contigs; 95 %: 0.875 to 1.000)",
        "  kmer_w300 (both)              0.550 (40 contigs; no better than chance)",
        "Calls",
        "  contigs of lake by first: 1 viral, 1 host, 0 uncertain, 1 not scored",
        "Report: report.html",
    ]


def test_a_run_that_only_embeds_has_a_page(results):
    html, headline = report(results)
    page = Page(html)
    assert "lake" in page.text and headline.startswith("A & B\n")
    links = {value for name, value in page.attributes if name == "href"}
    assert links == {"#samples", "#made"}


def test_the_most_viral_of_many_contigs_are_shown(results):
    rows = [f"c{i} 300 1 1 1 0.{5000 + i} 0.1 viral low yes\n" for i in range(60)]
    write_prediction(results, "".join(rows), random=False)
    text = Page(report(results, "--predictions", "predictions/first/lake")[0]).text
    assert "first 50 of 60 contigs" in text
    assert "c59 viral" in text and "c10 viral" in text and "c9 viral" not in text


def test_an_experiment_without_its_audit_is_an_error(results):
    write_experiment(results, "first", random=False)
    command = [sys.executable, SCRIPT, "--title", "t", "--genomes", "genomes/lake.json"]
    command += ["--evaluations", "evaluation/first", "--classifiers", "classifiers/first"]
    command += ["--out", "report.html", "--summary", "summary.txt"]
    command += ["--calls", "calls.tsv", "--multiqc", "seqloom_mqc.tsv"]
    done = subprocess.run(command, cwd=results, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == 'error: --audits: nothing for experiment "first"; add it\n'
    assert not (results / "report.html").exists()


def test_the_same_run_gives_the_same_bytes(results):
    assert full_report(results) == full_report(results)


RECORDS = {
    "t5/train.tsv": [
        "5 ok 1 float16 ",
        "9 ok 3 float16 ",
        "9 ok 1 bfloat16 why",
        "9 failed 0  why",
    ],
    "t5/test.tsv": ["5 ok 1 float16 ", "3 ambiguous 0  why"],
    "esm/train.tsv": ["5 ok 1 float32 "],
}


@pytest.mark.parametrize("random", [True, False])
def test_protein_sets_are_counted_by_sample_and_backend(results, random):
    for name, rows in RECORDS.items():
        lines = "".join(f"p{number} {row}\n" for number, row in enumerate(rows))
        write_tsv(results / "records" / name, "id residues status pieces dtype reason\n" + lines)
    card = {"width": 8, "weights_sha256": "ab" * 32, "revision": None, "pooling": "mean"}
    for name in ("t5", "esm"):
        model = {"backend": name, "dtype": "bfloat16", "random": random}
        write_json(results / name / "model.json", card | model | made(tokenizers="0.1"))
    html, headline = report(
        results,
        *("--records", *(f"records/{name}" for name in RECORDS)),
        *("--models", "t5/model.json", "esm/model.json"),
    )
    text = Page(html).text
    for part in (
        "train t5 4 3 1 1 1 0 train esm 1 1 0 0 0 0 test t5 2 1 0 0 0 1",
        "t5 8 mean float16 abab",
        "esm 8 mean float32 abab",
        "tokenizers 0.1",
    ):
        assert part in text, part
    told = ["  Random weights: these numbers show the plumbing, not biology."] if random else []
    assert headline.splitlines()[2:-1] == [
        *told,
        "Protein sets",
        "  train by t5: 3 of 4 records embedded, 1 in pieces, 1 read again in a wider dtype, "
        "1 failed",
        "  train by esm: 1 of 1 records embedded",
        "  test by t5: 1 of 2 records embedded, 1 without a known residue",
    ]


def test_predictions_are_rows_of_a_table_and_of_one_for_multiqc(results):
    full_report(results)
    head, row = (results / "calls.tsv").read_text().splitlines()
    told = dict(zip(head.split("\t"), row.split("\t"), strict=True))
    assert told == {
        **{"sample": "lake", "experiment": "first", "contigs": "3", "viral": "1", "host": "1"},
        **{"uncertain": "0", "not scored": "1"},
        **{"bases": "3", "viral_bases": "1", "regions": "25", "fdr": "0.125"},
        "warning": "",
    }
    *settings, head, row = (results / "seqloom_mqc.tsv").read_text().splitlines()
    assert "# plot_type: table" in settings and all(line.startswith("# ") for line in settings)
    assert head.startswith("Sample\tcontigs\t") and row.startswith("lake first\t3\t1\t1\t0\t1\t")
