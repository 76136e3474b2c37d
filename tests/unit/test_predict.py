import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from seqs_data import contig_frame, stored, write_frame

import predict as script
import train
from seqloom import CLASSIFIER_FORMAT
from seqloom.errors import InputError
from seqloom.files.json_files import write_json
from seqloom.files.provenance import as_strings
from seqloom.files.tables import read_table_metadata, write_table
from seqloom.files.tensors import write_tensors
from seqloom.learn.classifier import Network, write_weights
from seqloom.learn.scores import IDENTITY
from seqloom.learn.split import PARTS

CUT = {"window": 30, "scheme": "even", "training": "all"}
BACKEND = {"backend": "toy", "width": 4, "weights_sha256": "ab", "random": True}
BACKEND |= {"pooling": "mean", "dtype": "float32", "revision": None}
# Contig, window, and the first column of its frames: right of 0 is viral. One list a shard.
SHARDS = [
    [("vir", 1, [2.0, 3.0]), ("vir", 2, []), ("vir", 3, [2.0]), ("bac", 1, [-2.0])],
    [("bac", 2, [-1.0, -3.0]), ("dark", 1, [])],
]
RECORDS = {"vir": 90, "n": 0, "bac": 60, "dark": 30}
COUNTS = {"viral": 1, "host": 1, "uncertain": 0, "not scored": 2}
KEPT = {"kept_windows": [3, 0, 2, 1], "kept_frames": [3, 0, 3, 0]}
FILES = ["contigs.tsv", "regions.bed", "regions.fna.gz", "regions.gff3", "regions.tsv"]
FILES += ["summary.json", "viral.fna.gz"]


def write_classifier(folder):
    torch.manual_seed(0)
    network = Network(4, 8, 0.5).eval()
    with torch.no_grad():  # log-odds of 2 * relu(x) - 2 * relu(-x), x the first column
        network.layers[0].weight.zero_()
        network.layers[0].weight[0, 0], network.layers[0].weight[1, 0] = 1.0, -1.0
        network.layers[-1].weight.zero_()
        network.layers[-1].weight[1, 0], network.layers[-1].weight[0, 1] = 2.0, 2.0
    folder.mkdir()
    write_weights(folder / "classifier.safetensors", network, {})
    write_json(
        folder / "classifier.json",
        {
            "format": CLASSIFIER_FORMAT,
            "experiment": "toy",
            "architecture": {"columns": 4, "hidden": 8, "dropout": 0.5},
            "cut": "w30",
            "cut_settings": CUT,
            "fusion": "toys",
            "backends": [BACKEND],
            "calibration": {"frame": IDENTITY, "contig": IDENTITY},
            "rollup": "mean",
            "false_calls": {"windows": [1], "log_odds": [0.0, 4.2], "ratio": [[0.5, 0.01]]},
            "validation": {"loss": 0.2, "chance": 0.6931, "error": 0.01, "groups": 20},
            "train": {part: {"host_contigs": 40, "viral_contigs": 40} for part in PARTS},
        },
    )


def write_shard(folder, number, windows):
    table, values = [], []
    for contig, window, frames in windows:
        place = {"contig": contig, "window": window, "start": 30 * window - 30, "end": 30 * window}
        status = "ok" if frames else "no_open_frame"
        for name, value in enumerate(frames or [None]):
            row = None if value is None else len(values)
            values += [] if value is None else [value]
            frame_id = f"{contig}_chunk_{window}F{name}"
            table.append(place | {"row": row, "id": frame_id, "status": status})
    metadata = {"sample": "lake", "cut": "w30", "shard": f"{number:04}-of-0002"}
    metadata |= {"rows": len(values), "faa_sha256": f"faa {number}", "cut_settings": CUT}
    frames = pd.DataFrame(table).astype({"row": "Int32"})
    write_table(folder / f"{number}.parquet", frames, as_strings(metadata))
    matrix = np.zeros((len(values), 4), np.float32)
    matrix[:, 0] = values
    metadata |= {"fusion": "toys", "backends": [BACKEND]}
    write_tensors(folder / f"{number}.safetensors", {"embedding": matrix}, as_strings(metadata))


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_classifier(tmp_path / "toy")
    for number, windows in enumerate(SHARDS, start=1):
        write_shard(tmp_path, number, windows)
    write_contigs(RECORDS)
    return tmp_path


def write_contigs(names):
    """The genome and the table of these contigs."""
    stored(Path(), {name: b"A" * RECORDS[name] for name in names})
    kept = pd.DataFrame(KEPT, index=list(RECORDS)).loc[list(names)].reset_index(drop=True)
    contigs = contig_frame("g.tsv").assign(windows=kept["kept_windows"], **kept)
    contigs.loc[contigs["contig"] == "dark", ["status", "reason"]] = [
        "no_frame",
        "no open frame in 1 window",
    ]
    write_frame("contigs.tsv", contigs)


def arguments(out="out", shards=(1, 2)):
    command = ["--classifier", "toy", "--sample", "lake", "--out", out]
    command += ["--contigs", "contigs.tsv", "--genome", "g.fa.gz"]
    command += ["--frames", *(f"{n}.parquet" for n in shards)]
    return [*command, "--fused", *(f"{n}.safetensors" for n in shards)]


def predict(**changes):
    script.main(script.arguments().parse_args(arguments(**changes)))


def refused(message, **changes):
    with pytest.raises(InputError, match=message):
        predict(**changes)
    assert not Path("out").exists()


def test_a_sample_from_its_shards_to_its_calls(lake):
    predict()
    out = lake / "out"
    assert sorted(path.name for path in out.iterdir()) == [*FILES, "windows.parquet"]

    calls = pd.read_csv(out / "contigs.tsv", sep="\t", index_col="contig")
    assert calls.index.tolist() == list(RECORDS)
    assert calls["call"].tolist() == ["viral", "not scored", "host", "not scored"]
    # Log-odds of the network: 5 (less the norm's epsilon) and 4 in the windows of vir.
    assert calls.loc["vir", "probability"] == pytest.approx(1 / (1 + np.exp(-4.5)), abs=1e-4)
    assert calls.loc["bac", "probability"] == pytest.approx(1 / (1 + np.exp(4)), abs=1e-4)
    assert calls.loc["dark", "reason"] == "no open frame in 1 window"
    assert calls.loc["vir", ["header", "gc", "n_fraction"]].tolist() == ["vir and more", 0, 0]
    assert calls["window_summary"].fillna("").tolist() == ["1V1n1V", "", "2H", "1n"]
    assert calls["frames"].tolist() == [3, 0, 3, 0]

    windows = pd.read_parquet(out / "windows.parquet")
    assert windows["frames"].tolist() == [2, 0, 1, 1, 2, 0]
    assert windows["logit"].isna().tolist() == [False, True, False, False, False, True]
    assert read_table_metadata(out / "windows.parquet")["experiment"] == "toy"

    assert (out / "regions.bed").read_text().split("\t")[:4] == ["vir", "0", "90", "vir:1-90"]
    regions = pd.read_csv(out / "regions.tsv", sep="\t")
    assert regions[["region", "windows", "edge"]].to_numpy().tolist() == [["vir:1-90", 2, "both"]]
    assert calls["regions"].fillna("").tolist() == ["1-90", "", "", ""]
    fasta = gzip.decompress((out / "regions.fna.gz").read_bytes()).decode()
    assert fasta == f">vir:1-90\n{'A' * 80}\n{'A' * 10}\n"
    fasta = gzip.decompress((out / "viral.fna.gz").read_bytes()).decode()
    assert fasta == f">vir and more\n{'A' * 80}\n{'A' * 10}\n"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["contigs"] == COUNTS
    assert summary["random"] is True and summary["sample"] == "lake"
    assert summary["provenance"]["inputs"]["fused"]["file"] == "*.safetensors"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"validation": {"loss": 0.7101, "chance": 0.6931, "error": 0.01, "groups": 20}},
            "validation loss 0.7101 is no better than chance (0.6931)",
        ),
        (
            {"calibration": {"frame": IDENTITY, "contig": IDENTITY | {"slope": 0.0}}},
            "in validation, viral contigs score no higher than host contigs",
        ),
    ],
)
def test_a_classifier_that_learned_nothing_calls_nothing(lake, changes, why):
    card = json.loads((lake / "toy" / "classifier.json").read_text())
    write_json(lake / "toy" / "classifier.json", card | changes)
    predict()
    why = f"the classifier learned nothing: {why}"
    out = lake / "out"
    calls = contig_frame(out / "contigs.tsv")
    assert calls["call"].tolist() == ["not scored"] * 4
    assert calls["reason"].tolist() == [why, "no sequence", why, "no open frame in 1 window"]
    assert calls["window_summary"].tolist() == ["3n", "", "2n", "1n"]
    assert calls[["probability", "fdr"]].isna().all(axis=None)
    windows = pd.read_parquet(out / "windows.parquet")
    assert windows["probability"].isna().all() and windows["logit"].notna().sum() == 4
    assert (out / "regions.bed").read_text() == ""
    assert gzip.decompress((out / "viral.fna.gz").read_bytes()) == b""
    summary = json.loads((out / "summary.json").read_text())
    assert summary["contigs"] == COUNTS | {"viral": 0, "host": 0, "not scored": 4}
    assert (summary["fdr"], summary["regions"]) == (None, 0)
    assert summary["warning"] == (
        f"{why}; it cannot tell viral from host sequences, so it calls no contig"
    )


def learn_from(lake, signal):
    """The description and the model card of a classifier that train.py trains on 24 contigs."""
    rng = np.random.default_rng(0)
    names = [f"t{i}" for i in range(24)]
    labels = ["viral" if i % 2 else "host" for i in range(24)]
    shift = {n: signal * (label == "viral") for n, label in zip(names, labels, strict=True)}
    windows = [(n, w, rng.normal(shift[n], 1, 2).tolist()) for n in names for w in range(1, 11)]
    write_shard(lake, 3, windows)
    split = pd.DataFrame({"sample": "lake", "contig": names, "label": labels, "category": labels})
    split["group"] = split["contig"]
    split["part"] = [("train", "validation", "test")[i % 6 // 2] for i in range(24)]
    write_table(lake / "split.parquet", split.assign(frames=20, take=20), {"seed": "1"})
    shutil.rmtree(lake / "toy")
    command = ["--experiment", "toy", "--split", "split.parquet", "--out", "toy"]
    command += ["--frames", "3.parquet", "--fused", "3.safetensors", "--hidden", "8"]
    command += ["--lr", "0.01", "--batch-size", "32", "--max-epochs", "20"]
    train.main(train.arguments().parse_args(command))
    made = Path("toy")
    return json.loads((made / "classifier.json").read_text()), (made / "model_card.md").read_text()


def test_a_classifier_of_noise_calls_nothing_and_its_warning_comes_first(lake, caplog):
    description, card = learn_from(lake, signal=0)
    validation = description["validation"]
    assert validation["chance"] == pytest.approx(np.log(2))
    assert validation["loss"] > validation["chance"]
    predict()
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["contigs"] == COUNTS | {"viral": 0, "host": 0, "not scored": 4}
    assert summary["warning"].startswith("the classifier learned nothing: validation loss 0.")
    assert card.splitlines()[2] == f"**Warning: {summary['warning']}.**"
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told == [summary["warning"]] * 2  # by train.py and by predict.py


def test_a_classifier_of_a_weak_signal_makes_calls(lake):
    description, card = learn_from(lake, signal=0.5)
    assert 0.6 < description["validation"]["loss"] < description["validation"]["chance"]
    predict()
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["contigs"]["not scored"] == COUNTS["not scored"]
    assert "fewer than 10 contigs of a label (4 host in validation" in summary["warning"]
    assert f"**Warning: {summary['warning']}.**" in card and "learned nothing" not in card
    calls = contig_frame("out/contigs.tsv")
    assert set(calls["confidence"]) == {"low", ""}


def test_the_row_of_a_contig_does_not_depend_on_the_others(lake):
    predict()
    whole = (lake / "out" / "contigs.tsv").read_text().splitlines()
    rows = dict(zip(RECORDS, whole[1:], strict=True))
    shards = [window for shard in SHARDS for window in shard]
    for number, names in enumerate((["dark", "bac", "n", "vir"], ["vir"], ["bac", "n"]), start=3):
        chosen = [window for name in names for window in shards if window[0] == name]
        write_shard(lake, number, chosen)
        write_contigs(names)
        predict(out=f"out{number}", shards=[number])
        part = (lake / f"out{number}" / "contigs.tsv").read_text().splitlines()
        assert part[1:] == [rows[name] for name in names]


def test_a_second_prediction_gives_the_same_bytes(lake):
    predict(out="one")
    # Another process, so that a dependence on the order of a hash table would show.
    command = [sys.executable, script.__file__, *arguments(out="two")]
    subprocess.run(command, cwd=lake, check=True)
    for path in (lake / "one").iterdir():
        assert path.read_bytes() == (lake / "two" / path.name).read_bytes(), path.name


def test_viral_contigs_are_written_up_to_a_false_discovery_rate(lake):
    fdr = pd.read_csv(called(lake, "all") / "contigs.tsv", sep="\t")["fdr"][0]
    for most, count in ((fdr + 0.001, 1), (fdr / 2, 0)):
        out = called(lake, f"up to {count}", "--max-fdr", str(most))
        fasta = gzip.decompress((out / "viral.fna.gz").read_bytes())
        assert fasta.count(b">") == count
        assert json.loads((out / "summary.json").read_text())["contigs"]["viral"] == 1


def test_the_files_of_virnucpro_have_all_frames_and_windows(lake):
    out = called(lake, "out", "--legacy")
    frames = (out / "prediction_results.txt").read_text().splitlines()
    assert [line.split("\t")[:2] for line in frames[1:4]] == [
        ["vir_chunk_1F0", "virus"],
        ["vir_chunk_1F1", "virus"],
        ["vir_chunk_3F0", "virus"],
    ]
    windows = (out / "prediction_results_highestscore.csv").read_text()
    assert windows == (
        "Modified_ID\tIs_Virus\nbac_chunk_1\tFalse\nbac_chunk_2\tFalse\n"
        "vir_chunk_1\tTrue\nvir_chunk_3\tTrue\n"
    )


def called(lake, out, *options):
    script.main(script.arguments().parse_args([*arguments(out=out), *options]))
    return lake / out


def test_a_missing_shard_is_refused(lake):
    message = (
        'contigs.tsv: contig "bac" has 3 frames in 2 windows to read, but the shards have 1 in 1'
    )
    refused(message, shards=[1])


def test_a_shard_given_twice_is_refused(lake):
    refused('contig "bac" has 3 frames', shards=[1, 2, 2])


def test_a_classifier_of_an_earlier_version_is_refused(lake):
    card = json.loads((lake / "toy" / "classifier.json").read_text())
    del card["format"]
    write_json(lake / "toy" / "classifier.json", card)
    refused("an earlier version of seqloom wrote this classifier, .*; train again")


def test_matrices_other_than_trained_on_are_refused(lake):
    card = json.loads((lake / "toy" / "classifier.json").read_text())
    card["backends"][0]["weights_sha256"] = "cd"
    write_json(lake / "toy" / "classifier.json", card)
    refused("weights_sha256 of toy is ab")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contig": ["sea", "n", "bac", "dark"]}, 'contig "sea" has 3 frames in 3 windows to read'),
        ({"contig": ["vir", "n", "bac", "sea"]}, 'contig "dark" has 0 frames in 0 windows to read'),
        ({"kept_windows": [3, 1, 2, 1]}, 'contig "n" has 0 frames in 1 windows to read'),
    ],
)
def test_contigs_of_another_sample_or_plan_are_refused(lake, changes, message):
    write_frame("contigs.tsv", contig_frame("contigs.tsv").assign(**changes))
    refused(f"contigs.tsv: {message}, but the shards have")


def test_a_contig_without_read_windows_has_a_reason(lake):
    write_shard(lake, 1, SHARDS[0][:3])
    write_shard(lake, 2, [("dark", 1, [])])
    kept = {"kept_windows": [3, 0, 0, 1], "kept_frames": [3, 0, 0, 0]}
    write_frame("contigs.tsv", contig_frame("contigs.tsv").assign(**kept))
    predict()
    calls = contig_frame("out/contigs.tsv").set_index("contig")
    assert calls["reason"].to_dict() == {
        "vir": "2 of 2 scored windows viral",
        "n": "no sequence",
        "bac": "none of 2 windows with a frame was read (max_frames)",
        "dark": "no open frame in 1 window",
    }


def test_a_sample_without_frames(lake):
    write_shard(lake, 1, [("vir", n, []) for n in (1, 2, 3)] + [("bac", 1, [])])
    write_shard(lake, 2, [("bac", 2, []), ("dark", 1, [])])
    write_frame("contigs.tsv", contig_frame("contigs.tsv").assign(kept_frames=0))
    predict()
    calls = pd.read_csv(lake / "out" / "contigs.tsv", sep="\t")
    assert calls["call"].tolist() == ["not scored"] * 4
    assert json.loads((lake / "out" / "summary.json").read_text())["fdr"] is None
    assert gzip.decompress((lake / "out" / "viral.fna.gz").read_bytes()) == b""
