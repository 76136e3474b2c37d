"""Genomes of a user without the demo, with random models or exported as frames."""

CONTIG = ">{name}\n" + "ATGGCTGCTGCTAAAGCTGCTGCAGGC" * 20 + "\n"
LEGACY = {"window": 300, "scheme": "virnucpro", "frames": "virnucpro"}
NO_LABELS = {"experiments": {}, "predict": {}, "simulate": None}


def write_genomes(project):
    (project.folder / "genomes").mkdir()
    for name in "cab":
        (project.folder / f"genomes/{name}.fna").write_text(CONTIG.format(name=name))
    (project.folder / "samples.tsv").write_text("sample\tfasta\nlake\tgenomes\n")


def test_frames_are_exported_without_labels_models_or_experiments(fresh):
    write_genomes(fresh)
    fresh.configure(cuts={"legacy": LEGACY}, fusions={}, export=["virnucpro"], **NO_LABELS)
    jobs = {"index": 1, "plan": 1, "frames": 1, "export_identified": 1}
    assert fresh.planned("export") == jobs | {"export": 1}
    fresh.run("export")
    folder = fresh.folder / "results/export/virnucpro/legacy"
    for kind in ("nucleotide", "protein"):
        lines = (folder / f"lake.identified_{kind}.fa").read_text().splitlines()
        contigs = dict.fromkeys(line[1] for line in lines if line.startswith(">"))
        assert list(contigs) == ["a", "b", "c"]
    # The target `all` also asks for the intermediate files.
    assert fresh.planned() == {"report": 1}


def test_demo_models_need_no_demo_genomes(fresh):
    write_genomes(fresh)
    (fresh.folder / "samples.tsv").write_text(
        "sample\tfasta\tlabel\nlake\tgenomes\t\nv\tgenomes/a.fna\tviral\nh\tgenomes/b.fna\thost\n"
    )
    fresh.configure(cuts={"w300": {}, "w150": {}}, simulate=None, export=[])
    planned = fresh.planned()
    assert planned["fetch_model"] == 2 and "simulate" not in planned
