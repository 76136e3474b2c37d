"""Requests for memory, time and disk, from a sheet and a config alone."""

import inspect

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
WINDOWS = {"cut": "w300", "sample": "lake", "shard": "1"}
WHOLE = {"cut": "w300", "sample": "lake"}
PROTEINS = {"sample": "set", "shard": "1"}


def needs_of(folder, monkeypatch, bases: int, **changes) -> Needs:
    """Of samples of so many letters."""
    monkeypatch.chdir(folder)
    (folder / "a.fa").write_text(">a\nACGT\n")
    rows = ("virus\tviral\tdna", "host\thost\tdna", "lake\t\tdna", "set\t\tprotein")
    lines = ["sample\tlabel\tmolecule\tfasta\tbases", *(f"{row}\ta.fa\t{bases}" for row in rows)]
    (folder / "s.tsv").write_text("\n".join(lines) + "\n")
    return Needs(load_settings(CONFIG | changes))


def requests_of(needs: Needs) -> dict[str, tuple[float, float, float]]:
    """Memory, minutes and disk of one job of each rule whose input counts."""
    methods = {
        "index": (needs.memory_to_index, {"sample": "lake"}),
        "coding": (needs.memory_to_read_annotation, {"sample": "virus"}),
        "plan": (needs.memory_to_plan, {"cut": "whole", "sample": "set"}),
        "frames": (needs.memory_to_cut, WINDOWS),
        "proteins": (needs.memory_to_take_proteins, PROTEINS),
        "embed_shard": (needs.memory_to_embed, {"backend": "fastesm2_650"} | WINDOWS),
        "count_kmers": (needs.memory_to_count_kmers, {"backend": "kmer4"} | WINDOWS),
        "embed_residues": (needs.memory_to_embed_residues, {"backend": "demo_esm2"} | PROTEINS),
        "records": (needs.memory_to_list_records, {"backend": "esm2_3b", "sample": "set"}),
        "fuse": (needs.memory_to_fuse, {"fusion": "two"} | WINDOWS),
        "split": (needs.memory_to_split, {"experiment": "e"}),
        "train_on_gpu": (needs.memory_to_train, {"experiment": "e"}),
        "evaluate_classifier": (needs.memory_to_evaluate, {"experiment": "e"}),
        "predict_sample": (needs.memory_to_predict, {"experiment": "e", "sample": "lake"}),
        "export_npy": (needs.memory_to_export, {"backend": "two"} | WHOLE),
        "export_uniprot": (needs.memory_to_export_uniprot, {"backend": "two"} | WHOLE),
        "export_pt": (needs.memory_to_export_pt, {"backend": "esm2_3b", "sample": "set"}),
        "export_residues": (
            needs.memory_to_export_residues,
            {"backend": "demo_esm2", "sample": "set"},
        ),
        "export_virnucpro": (needs.memory_to_export_virnucpro, {"fusion": "two"} | WHOLE),
        "validate_sample": (needs.memory_to_validate, {"sample": "set"}),
        "report": (needs.memory_to_report, {}),
    }
    return {
        rule: (
            memory(*(wildcards[name] for name in inspect.signature(memory).parameters)),
            needs.minutes(rule, wildcards),
            needs.disk_mb(rule, wildcards),
        )
        for rule, (memory, wildcards) in methods.items()
    }


def test_requests_follow_the_size_of_the_input(tmp_path, monkeypatch):
    one = {"embed": {"shard_bases": 10**9}}
    small, large = (
        requests_of(needs_of(tmp_path, monkeypatch, bases, **one)) for bases in (10**4, 10**6)
    )
    for rule, (memory, minutes, disk) in small.items():
        assert large[rule][0] > memory, rule
        assert large[rule][1] >= minutes and large[rule][2] >= disk, rule
    for rule in ("embed_shard", "embed_residues", "fuse", "export_npy", "export_virnucpro"):
        assert large[rule][2] > small[rule][2] + 10, rule


def test_a_shard_asks_for_its_own_size_not_that_of_its_sample(tmp_path, monkeypatch):
    whole, part = (
        requests_of(needs_of(tmp_path, monkeypatch, 10**6, embed={"shard_bases": bases}))
        for bases in (10**9, 10**5)
    )
    for rule in ("frames", "proteins", "embed_shard", "embed_residues", "fuse"):
        assert part[rule][0] < whole[rule][0] and part[rule][2] < whole[rule][2], rule
    for rule in ("export_npy", "predict_sample"):
        assert part[rule][0] < whole[rule][0] and part[rule][2] == whole[rule][2], rule


def test_time_to_embed_is_that_of_the_slowest_gpu_at_the_least_share_of_its_peak(
    tmp_path, monkeypatch
):
    needs = needs_of(tmp_path, monkeypatch, 10**8, residue_backends=[])
    times = {
        name: needs.minutes("embed_shard", {"backend": name, "cut": "whole", "sample": "set"})
        for name in needs.settings.backends
    }
    assert times["demo_esm2"] == 10, "the least that is asked for"
    assert times["esm2_3b"] > 2 * times["prot_t5_xl"] > 20
    gb10 = read_devices()["gb10"]
    operations = needs.work.operations("esm2_3b", "whole", "set")
    seconds = operations / (1e12 * gb10.peak["float16"] * gb10.share[0])
    assert 60 * times["esm2_3b"] == pytest.approx(seconds + gb10.start[0])


def test_the_bias_of_attention_is_counted(tmp_path, monkeypatch):
    needs = needs_of(tmp_path, monkeypatch, 10**6)
    short, long = (needs.memory_to_embed("demo_dnabert_s", cut, "lake") for cut in ("w300", "long"))
    assert long > short + 50, "a bias for 1,286 by 1,286 tokens and 12 heads, fewer rows"
    whole = needs.memory_to_embed("prot_t5_xl", "whole", "set")
    assert whole > 8 * 1208 + 4 * 32 * 4096**2 / 1e6
