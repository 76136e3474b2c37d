"""Lists that are too long for a command line."""

import os

import pandas as pd
from seqs_data import contig_frame, letters, stored, write_frame

SAMPLES = 5000
CONFIG = """\
samples: samples.tsv
cuts: {w300: {window: 300}}
fusions: {dna: [dnabert_s]}
experiments: {e: {cut: w300, fusion: dna}}
"""


def test_a_split_of_five_thousand_samples_runs(fresh):
    results = fresh.folder / "results"
    kinds = [make_kind(fresh.folder / f"kind{number}", number) for number in range(6)]
    for name in ("genomes", "contigs/w300"):
        (results / name).mkdir(parents=True)
    rows = []
    for number in range(SAMPLES):
        sample, (genome, table) = f"sample_with_a_long_name_{number}", kinds[number % 6]
        os.link(genome, results / f"genomes/{sample}.fa.gz")
        for end in (".fai", ".gzi"):
            os.link(f"{genome}{end}", results / f"genomes/{sample}.fa.gz{end}")
        os.link(table, results / f"contigs/w300/{sample}.tsv")
        rows.append(f"{sample}\tx.fa\t{('viral', 'host')[number % 2]}\n")
    (fresh.folder / "x.fa").write_text(">x\nACGT\n")
    (fresh.folder / "samples.tsv").write_text(f"sample\tfasta\tlabel\n{''.join(rows)}")
    (fresh.folder / "config.yaml").write_text(CONFIG)
    fresh.run("results/splits/e.parquet", "--allowed-rules", "split")
    split = pd.read_parquet(results / "splits/e.parquet")
    assert len(split) == SAMPLES
    assert split["group"].nunique() == 6
    assert set(split["part"]) == {"train", "validation", "test"}


def test_a_job_on_a_cluster_looks_at_the_files_of_its_sample_only(fresh):
    (fresh.folder / "here.fa").write_text(">x\nACGT\n")
    (fresh.folder / "samples.tsv").write_text("sample\tfasta\nhere\there.fa\naway\taway.fa\n")
    (fresh.folder / "config.yaml").write_text(CONFIG.partition("fusions")[0])
    job = ["--mode", "remote", "--cores", "1", "--allowed-rules", "index"]
    fresh.run(*job, "--target-jobs", "index:sample=here")
    assert (fresh.folder / "results/genomes/here.fa.gz").is_file()


def make_kind(folder, number):
    """A genome of one contig, and its table of contigs."""
    folder.mkdir()
    genome, _, _, records = stored(folder, {"c": letters(number, 900)})
    counts = dict.fromkeys(["windows", "frames", "kept_windows", "kept_frames"], 3)
    table = folder / "contigs.tsv"
    write_frame(table, contig_frame(records).assign(**counts))
    return genome, table
