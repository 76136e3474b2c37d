"""The inputs of the rules and the files of the targets, from a sheet and a config alone."""

from pathlib import Path

import pytest

from seqloom.config import gene_model_paths, gene_paths, paths
from seqloom.config.options import Options
from seqloom.config.paths import Paths
from seqloom.config.resources import Needs
from seqloom.config.settings import load_settings

SHEET = """\
sample	fasta	molecule	label	annotation	groups	bases
virus	v.fa	dna	viral	v.gff3	g.tsv	2500
host	h.fa	dna	host	h.gff3		900
lake	l.fa	dna				1500
set	p.faa	protein				400
"""
CONFIG = {
    "samples": "samples.tsv",
    "cuts": {
        "w300": {"window": 300},
        "old": {
            "window": 300,
            "scheme": "virnucpro",
            "frames": "virnucpro",
            "training": "virnucpro",
        },
    },
    "fusions": {"both": ["demo_dnabert_s", "demo_esm2"], "dna": ["demo_dnabert_s"]},
    "experiments": {
        "new": {"cut": "w300", "fusion": "both"},
        "legacy": {"cut": "old", "fusion": "dna"},
    },
    "protein_backends": ["demo_esm2"],
    "predict": {"experiments": ["new"]},
    "export": ["npy", "virnucpro"],
    "embed": {"shard_bases": 1000},
}


@pytest.fixture
def run(tmp_path, monkeypatch) -> Paths:
    monkeypatch.chdir(tmp_path)
    for name in ("v.fa", "h.fa", "l.fa", "p.faa", "v.gff3", "h.gff3", "g.tsv"):
        Path(name).write_text(">x\nA\n")
    Path("samples.tsv").write_text(SHEET)
    return Paths(load_settings(CONFIG))


def test_training_inputs_are_sorted_by_sample(run):
    inputs = run.train_inputs("new")
    assert inputs["split"] == "results/splits/new.parquet"
    shards = ["host/0001-of-0001", *(f"virus/000{i}-of-0003" for i in (1, 2, 3))]
    assert inputs["frames"] == [f"results/shards/w300/{shard}.parquet" for shard in shards]
    assert inputs["fused"] == [f"results/fused/both/w300/{s}.safetensors" for s in shards]


def test_k_mers_stand_beside_each_cut_on_the_split_of_its_first_experiment(run):
    assert run.settings.beside == {"kmer_w300": "new", "kmer_old": "legacy"}
    inputs = run.train_inputs("kmer_old")
    assert inputs["split"] == "results/splits/legacy.parquet"
    assert inputs["fused"][0] == "results/fused/kmer/old/host/0001-of-0001.safetensors"
    kmers = [path for path in run.all_results() if "kmer" in path]
    assert not any(word in path for path in kmers for word in ("splits", "export", "lake"))
    assert "results/classifiers/kmer_w300/classifier.json" in kmers
    assert "results/embeddings/kmer4/old/virus/0002-of-0003.safetensors" in kmers
    applied = Paths(load_settings(CONFIG | {"predict": {"experiments": ["kmer_w300"]}}))
    assert "results/embeddings/kmer4/w300/lake/0002-of-0002.safetensors" in applied.all_results()


def test_k_mers_are_left_out_or_replaced_by_the_config(run):
    own = {"cut": "w300", "fusion": "kmer", "train": {"optimizer": "adamw"}}
    for changes, beside in (
        ({"kmer": False}, {}),
        ({"experiments": {"mine": own}, "predict": {}}, {}),
        ({"experiments": CONFIG["experiments"] | {"kmer_w300": own}}, {"kmer_old": "legacy"}),
        ({"experiments": {}, "predict": {}}, {}),
    ):
        assert load_settings(CONFIG | changes).beside == beside, changes


def test_split_inputs_are_in_the_order_of_the_samples(run):
    inputs = run.split_inputs("legacy")
    assert inputs["contigs"] == [f"results/contigs/old/{name}.tsv" for name in ("host", "virus")]
    assert inputs["genomes"] == [f"results/genomes/{name}.fa.gz" for name in ("host", "virus")]
    assert inputs["groups"] == [], "files of the user are not inputs of rules"
    rows = Options(run.settings, run).samples_to_split()
    assert rows[1] == (
        '{"sample": "virus", "label": "viral", "category": "viral", "groups": "g.tsv"}'
    )


def test_prediction_uses_the_cut_and_fusion_of_the_experiment(run):
    inputs = run.predict_inputs("new", "lake")
    assert inputs["contigs"] == "results/contigs/w300/lake.tsv"
    names = ["0001-of-0002", "0002-of-0002"]
    assert inputs["fused"] == [f"results/fused/both/w300/lake/{n}.safetensors" for n in names]


def test_coding_sequences_are_inputs_where_labeled_samples_train_on_them(run):
    assert run.coding("old", "virus") == ["results/coding/virus.parquet"]
    assert run.coding("old", "lake") == run.coding("w300", "virus") == []


def test_a_backend_reads_sequences_of_its_molecule(run):
    assert run.sequences("demo_esm2").endswith("{shard}.faa")
    assert run.sequences("demo_dnabert_s").endswith("{shard}.fna")
    assert [path.split("/")[2] for path in run.fusion_inputs("both")] == CONFIG["fusions"]["both"]


def test_all_results_include_the_files_of_every_target_once(run):
    whole = run.all_results()
    parts = (run.all_embeddings, run.all_fused, run.classifiers, run.evaluations)
    asked = [path for part in (*parts, run.predictions, run.exports) for path in part()]
    assert set(asked) < set(whole)
    assert len(set(asked)) == len(asked)
    assert not any("{" in path for path in whole)
    assert "results/shards/whole/set/0002-of-0002.faa" in whole, "a residue counts as three bases"
    assert "results/export/npy/demo_esm2/whole/set.npy" in whole
    assert "results/export/virnucpro/old/lake.identified_protein.fa" in whole
    assert "results/export/virnucpro/both/w300/virus_merged.pt" in whole
    assert not any("/whole/lake" in path or "/w300/set" in path for path in whole)


def test_the_fusion_of_a_protein_sample_brings_its_backends(run):
    two = {"fusions": CONFIG["fusions"] | {"two": ["esm1b", "demo_esm2"]}}
    run = Paths(load_settings(CONFIG | two | {"protein_backends": ["demo_esm2", "two"]}))
    files = [path for path in run.all_results() if path.endswith("e/set/0001-of-0002.safetensors")]
    assert files == [
        *(
            f"results/embeddings/{b}/whole/set/0001-of-0002.safetensors"
            for b in ("demo_esm2", "esm1b")
        ),
        "results/fused/two/whole/set/0001-of-0002.safetensors",
    ]
    assert run.matrix_inputs("two", "whole", "set")["embeddings"][:1] == files[2:]
    needs = Needs(run.settings)
    two, one = (needs.memory_to_export(name, "whole", "set") for name in ("two", "esm1b"))
    assert two - 500 == pytest.approx(2 * (one - 500))
    npy = [path for path in run.exports() if path.endswith("whole/set.npy")]
    assert npy == [
        f"results/export/npy/{name}/whole/set.npy" for name in ("demo_esm2", "esm1b", "two")
    ]


def test_tensors_are_of_protein_samples_and_named_as_the_config_says(run):
    asked = {"export": ["pt"], "protein_backends": ["five"], "fusions": {"five": ["esm1b"]}}
    asked |= {"experiments": {}, "predict": {}}
    for names, stem in (("seqloom", "set.{}"), ("published", "set_embeddings_{}")):
        run = Paths(load_settings(CONFIG | asked | {"export_names": names}))
        assert run.exports() == [
            f"results/export/pt/{stem.format(backend)}{end}"
            for backend in ("esm1b", "five")
            for end in (".pt", ".ids.txt", ".json")
        ]


def test_all_patterns_differ(run):
    both = vars(paths) | vars(gene_paths) | {"GENE_PIECES": gene_model_paths.GENE_PIECES}
    named = [
        item
        for name, item in both.items()
        if name.isupper() and name not in ("WHOLE", "WEIGHTS", "STAGES")
    ]
    values = [p for item in named for p in (item.values() if isinstance(item, dict) else [item])]
    aliases = [*paths.GENOME.values(), *paths.PROTEINS.values()]
    assert len(values) - len(paths.GENOME) == len(set(values))
    assert set(aliases) <= set(values)


def test_predictions_follow_the_config(run):
    settings = load_settings(CONFIG | {"predict": {"experiments": ["new"], "max_fdr": 0.05}})
    words = Options(settings, Paths(settings)).rule_of_calls()
    assert "--max-fdr 0.05" in words and "--region-length 20000 --region-share 0.02" in words
    folder = "results/predictions/new/lake"
    legacy = {f"{folder}/prediction_results{end}" for end in (".txt", "_highestscore.csv")}
    assert legacy < set(run.predictions())
    settings = load_settings(CONFIG | {"export": ["npy"]})
    assert legacy.isdisjoint(Paths(settings).predictions())
