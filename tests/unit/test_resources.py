"""Requests for memory, time and disk, from a sheet and a config alone."""

import pytest

from seqloom.config.resources import Needs
from seqloom.config.settings import load_settings
from seqloom.config.work import read_devices

CONFIG = {
    "samples": "s.tsv",
    "cuts": {"w300": {}, "long": {"window": 6000, "frames": "longest_orf"}},
    "fusions": {"two": ["dnabert_s", "fastesm2_650"], "demo": ["demo_dnabert_s"]},
    "experiments": {
        "e": {"cut": "w300", "fusion": "two"},
        "d": {"cut": "long", "fusion": "demo"},
    },
    "protein_backends": ["esm2_3b", "prot_t5_xl", "demo_esm2"],
    "residue_backends": ["demo_esm2"],
}


def needs_of(folder, monkeypatch, bases: int, **changes) -> Needs:
    """Of samples of so many letters."""
    monkeypatch.chdir(folder)
    (folder / "a.fa").write_text(">a\nACGT\n")
    rows = ("virus\tviral\tdna", "host\thost\tdna", "lake\t\tdna", "set\t\tprotein")
    lines = ["sample\tlabel\tmolecule\tfasta\tbases", *(f"{row}\ta.fa\t{bases}" for row in rows)]
    (folder / "s.tsv").write_text("\n".join(lines) + "\n")
    return Needs(load_settings(CONFIG | changes))


def all_needs(needs: Needs) -> dict:
    """One job of each rule."""
    return {
        "fetch_model": needs.fetch_model("dnabert_s"),
        "index": needs.index("lake"),
        "coding": needs.coding("virus"),
        "plan": needs.plan("set"),
        "frames": needs.frames("w300", "lake"),
        "proteins": needs.proteins("set"),
        "embed": needs.embed("fastesm2_650", "w300", "lake"),
        "residues": needs.residues("demo_esm2", "set"),
        "records": needs.records("set"),
        "fuse": needs.fuse("two", "w300", "lake"),
        "split": needs.split(),
        "train": needs.train("e"),
        "evaluate": needs.evaluate("e"),
        "baseline": needs.baseline("e"),
        "predict": needs.predict("e", "lake"),
        "export": needs.export("two", "w300", "lake"),
        "export_pt": needs.export_pt("esm2_3b", "set"),
        "export_residues": needs.export_residues("demo_esm2", "set"),
        "export_virnucpro": needs.export_virnucpro("two", "w300", "lake"),
        "validate": needs.validate("set"),
        "report": needs.report(),
    }


def test_requests_follow_the_size_of_the_input(tmp_path, monkeypatch):
    one = {"embed": {"shard_bases": 10**9}}
    small, large = (
        all_needs(needs_of(tmp_path, monkeypatch, bases, **one)) for bases in (10**4, 10**6)
    )
    for rule in small.keys() - {"fetch_model"}:
        assert large[rule].memory_mb > small[rule].memory_mb, rule
        assert large[rule].minutes >= small[rule].minutes, rule
    for rule in ("embed", "residues", "fuse", "export", "export_pt", "export_virnucpro"):
        assert large[rule].disk_mb > small[rule].disk_mb + 10, rule


def test_a_shard_asks_for_its_own_size_not_that_of_its_sample(tmp_path, monkeypatch):
    whole, part = (
        all_needs(needs_of(tmp_path, monkeypatch, 10**6, embed={"shard_bases": bases}))
        for bases in (10**9, 10**5)
    )
    for rule in ("frames", "proteins", "embed", "residues", "fuse", "export", "predict"):
        assert part[rule].memory_mb < whole[rule].memory_mb, rule


def test_time_to_embed_is_that_of_the_slowest_gpu_at_the_least_share_of_its_peak(
    tmp_path, monkeypatch
):
    needs = needs_of(tmp_path, monkeypatch, 10**8, residue_backends=[])
    times = {name: needs.embed(name, "whole", "set").minutes for name in needs.settings.backends}
    assert times["demo_esm2"] == 10, "the least that is asked for"
    assert times["esm2_3b"] > 2 * times["prot_t5_xl"] > 20
    gb10 = read_devices()["gb10"]
    operations = needs.work.operations("esm2_3b", "whole", "set")
    seconds = operations / (1e12 * gb10.peak["float16"] * gb10.share[0])
    assert 60 * times["esm2_3b"] == pytest.approx(seconds + gb10.start[0])


def test_attention_of_long_windows_is_counted(tmp_path, monkeypatch):
    needs = needs_of(tmp_path, monkeypatch, 10**6)
    short, long = (needs.embed("demo_dnabert_s", cut, "lake").memory_mb for cut in ("w300", "long"))
    assert long > short + 50, "a bias for 1,286 by 1,286 tokens and 12 heads, fewer rows"
    whole = needs.embed("prot_t5_xl", "whole", "set")
    assert whole.memory_mb > 8 * 1208 + 4 * 32 * 4096**2 / 1e6
