"""The whole DAG before any result exists, for all targets."""

from pathlib import Path

from projects import CONFIG, job_counts

from seqloom.config.resources import Needs
from seqloom.config.settings import load_settings

# test_protein_set.py runs most of these.
NOT_IN_THE_CONFIG = {"download", "proteins", "export_hdf5", "export_uniprot", "export_pt"}
NOT_IN_THE_CONFIG |= {"records", "export_residues", "validate_sample", "validate"}
REPOSITORY = Path(__file__).parents[2]


def test_the_whole_dag_and_all_resources_are_known_before_any_file_exists(fresh):
    text = fresh.run("-n", "-p")
    planned = job_counts(text)
    for rule in (REPOSITORY / "rules").glob("*.smk"):
        names = [
            line.split()[1].rstrip(":")
            for line in rule.read_text().splitlines()
            if line.strip().startswith("rule ")
        ]
        missing = set(names) - set(planned) - NOT_IN_THE_CONFIG
        assert not missing, f"{rule.name}: {missing} not planned"
    # A plan that read results would fail at random while another run removes them.
    resources = [line for line in text.splitlines() if line.strip().startswith("resources:")]
    assert len(resources) == sum(planned.values()) + 1, "all jobs and `all`"
    for line in resources:
        assert "mem_mb=<TBD>" not in line and "runtime=<TBD>" not in line, line

    targets = ["embed", "train", "evaluate", "predict", "export"]
    together = fresh.planned(*targets, "report")
    assert [together.pop(target, 0) for target in targets] == [1] * len(targets)
    assert together == planned


def test_a_file_that_a_sample_cannot_have_is_refused(fresh):
    for sample, file in {
        "nobody": "genomes/nobody.fa.gz",
        "viral": "predictions/long/viral/contigs.tsv",
        "query": "coding/query.parquet",
        "bacteria": "shards/whole/bacteria/0001-of-0001.parquet",
    }.items():
        done = fresh.snakemake("-n", f"results/{file}")
        assert done.returncode == 1
        assert f"sample {sample}: no rule makes this file; correct the target" in done.stdout


def test_estimated_matrix_sizes_cover_the_real_ones(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    needs = Needs(load_settings(CONFIG))
    for file in (finished.folder / "results" / "embeddings").rglob("*.safetensors"):
        *_, backend, cut, sample, _ = file.parts
        foreseen = needs.shard_mb(backend, cut, sample)
        assert foreseen / 4 < file.stat().st_size / 1e6 < foreseen + 0.1, file
