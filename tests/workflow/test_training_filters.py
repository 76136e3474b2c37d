"""Training on coding frames, and the FASTA files of VirNucPro, through Snakemake."""

import gzip
import shutil

import pyarrow.parquet as pq
import pytest
from Bio import SeqIO
from projects import Project, make_project
from virnucpro_reference import identified

LABELED, ALL = ("viral", "bacteria"), ("viral", "bacteria", "query")
BASES = {"viral": 69372, "bacteria": 61310, "query": 25624}
ORF = {"window": 150, "frames": "longest_orf"}
LEGACY = {"window": 300, "scheme": "virnucpro", "frames": "virnucpro"}
CUTS = {
    "legacy": LEGACY | {"training": "virnucpro"},
    "coding": ORF | {"training": "coding"},
    "plain": ORF,
}
EXPERIMENTS = {name: {"cut": name, "fusion": "dna"} for name in CUTS}


def sheet(kind: str) -> str:
    """The demo with annotations of one kind or without; the query has genetic code 4."""
    rows = ["sample\tfasta\tlabel\tannotation\tgenetic_code\tbases"]
    for name, bases in BASES.items():
        label = {"viral": "viral", "bacteria": "host"}.get(name, "")
        annotation = f"resources/demo/{name}.{kind}.gz" if label and kind else ""
        code = 11 if label else 4
        rows.append(f"{name}\tresources/demo/{name}.fa.gz\t{label}\t{annotation}\t{code}\t{bases}")
    return "\n".join(rows) + "\n"


def configure(project: Project, kind: str, **cuts: dict[str, object]) -> None:
    (project.folder / "samples.tsv").write_text(sheet(kind))
    project.configure(
        cuts=CUTS | cuts,
        fusions={"dna": ["demo_dnabert_s"]},
        experiments=EXPERIMENTS,
        predict={"experiments": []},
        export=["virnucpro"],
        embed={"shard_bases": 40000},
    )


def identified_files(sample: str) -> list[str]:
    stem = f"results/export/virnucpro/legacy/{sample}.identified"
    return [f"{stem}_nucleotide.fa", f"{stem}_protein.fa"]


def shards(cut: str, sample: str) -> list[str]:
    count = -(-BASES[sample] // 40000)
    return [
        f"results/shards/{cut}/{sample}/{number:04}-of-{count:04}.parquet"
        for number in range(1, count + 1)
    ]


def plan(project: Project, cut: str, sample: str):
    return pq.read_table(project.folder / f"results/plans/{cut}/{sample}.parquet")["window"]


def rows(project: Project, cut: str, sample: str):
    """The rows of all shards."""
    tables = [pq.read_table(project.folder / path) for path in shards(cut, sample)]
    return [row for table in tables for row in table.drop_columns("row").to_pylist()]


def demo_records(project: Project, file: str, kind: str):
    with gzip.open(project.folder / "resources/demo" / file, "rt") as text:
        return list(SeqIO.parse(text, kind))


def coding_sequences(project: Project, sample: str):
    """(contig, CDS) of the GenBank file."""
    for record in demo_records(project, f"{sample}.gbff.gz", "genbank"):
        for feature in record.features:
            if feature.type == "CDS":
                yield record.id, feature


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Frames of three cuts and the legacy FASTA, annotated by GenBank; tests must not change it."""
    project = make_project(tmp_path_factory.mktemp("trained") / "project")
    configure(project, "gbff")
    targets = [path for name in ALL for path in (*identified_files(name), *shards("coding", name))]
    project.run(*targets, *(f"results/plans/plain/{name}.parquet" for name in ALL))
    return project


@pytest.fixture
def changed(trained: Project, tmp_path) -> Project:
    shutil.copytree(trained.folder, tmp_path / "project", copy_function=shutil.copy2)
    return Project(tmp_path / "project")


@pytest.mark.parametrize("sample", ALL)
def test_identified_fasta_equals_that_of_virnucpro(trained, sample):
    records = demo_records(trained, f"{sample}.fa.gz", "fasta")
    translations = None
    if sample in LABELED:
        translations = {record.id: [] for record in records}
        for contig, cds in coding_sequences(trained, sample):
            translations[contig] += cds.qualifiers["translation"]
    texts = [(trained.folder / path).read_text() for path in identified_files(sample)]
    assert texts[0].count(">") > 30
    assert tuple(texts) == identified([(r.id, str(r.seq)) for r in records], 300, translations)


@pytest.mark.parametrize("sample", LABELED)
def test_labeled_samples_train_on_coding_frames_only(trained, sample):
    found = rows(trained, "coding", sample)
    assert {row["status"] for row in found} >= {"ok", "not_coding"}
    genes = [(contig, cds.location) for contig, cds in coding_sequences(trained, sample)]
    used = [row for row in found if row["status"] == "ok"]
    for row in used:
        assert any(
            contig == row["contig"]
            and place.strand == (1 if row["strand"] == "+" else -1)
            and place.start <= row["frame_start"] < row["frame_end"] <= place.end
            and (row["frame_start"] - place.start) % 3 == 0
            for contig, place in genes
        ), row
    before = [value for value in plan(trained, "plain", sample).to_pylist() if value < 0xC0]
    assert 100 < len(used) < len(before)


def test_a_query_gives_all_its_frames(trained):
    assert plan(trained, "coding", "query") == plan(trained, "plain", "query")
    found = rows(trained, "coding", "query")
    assert "not_coding" not in {row["status"] for row in found}
    assert sum(row["status"] == "ok" for row in found) > 100


def test_an_annotation_of_another_kind_is_read_again(changed):
    configure(changed, "gff3")
    targets = [path for name in LABELED for path in shards("coding", name)]
    assert changed.planned(*targets) == {"coding": 2, "plan": 2, "frames": 4}


def test_the_filter_of_virnucpro_refuses_an_annotation_without_translations(changed):
    configure(changed, "gff3")
    done = changed.snakemake(identified_files("viral")[0])
    assert done.returncode != 0
    sentence = "VirNucPro's filter needs translations, and this annotation has none; give a GBFF\n"
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout
    log = (changed.folder / "logs/plan/legacy/viral.log").read_text()
    assert log.startswith('error: annotation of contig "vir1a": ')
    assert log.endswith(sentence)
    assert not (changed.folder / "results/plans/legacy/viral.parquet").exists()


def test_another_training_filter_does_not_index_again(changed):
    files = [path for name in ALL for path in identified_files(name)]
    assert changed.planned(*files) == {}
    configure(changed, "gbff", legacy=LEGACY)
    assert changed.planned(*files) == {"plan": 3, "frames": 5, "export_identified": 3}


def test_coding_sequences_are_read_only_when_needed(changed):
    shutil.rmtree(changed.folder / "results/coding")
    plans = [f"results/plans/plain/{name}.parquet" for name in ALL]
    assert changed.planned(*plans) == {}
    configure(changed, "gbff", plain=ORF | {"training": "coding"})
    assert changed.planned(*plans) == {"coding": 2, "plan": 3}
