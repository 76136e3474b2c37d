"""Bad input gives one clear sentence, an exit code and no partial file; other jobs continue."""

import gzip

GOOD = ">a\n" + "ATGGCTGCTGCTAAAGCTGCTGCAGGC" * 20 + "\n"


def assert_refused(project, sentence):
    done = project.snakemake()
    assert done.returncode != 0
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout
    assert not (project.folder / "results").exists()


def test_a_wrong_config_gives_one_sentence_before_any_job(fresh):
    fresh.configure(cutz={})
    assert_refused(fresh, 'config: key "cutz" is unknown; did you mean cuts?')


def test_a_key_given_twice_is_refused_before_any_job(fresh):
    with open(fresh.folder / "config.yaml", "a") as config:
        config.write("cuts:\n  w500: {}\n")
    lines = (fresh.folder / "config.yaml").read_text().splitlines()
    first, second = (n for n, line in enumerate(lines, start=1) if line == "cuts:")
    assert_refused(
        fresh, f'config.yaml line {second}: key "cuts" was given on line {first} already; remove'
    )


def test_a_bad_fasta_stops_only_its_sample(fresh):
    bad = {
        "empty": b"",
        "binary": bytes(range(256)) * 4,
        "cut": gzip.compress((GOOD * 50).encode(), mtime=0)[:-20],
        "twice": (GOOD + GOOD).encode(),
    }
    sheet = "sample\tfasta\ngood\tgood.fa\n"
    (fresh.folder / "good.fa").write_text(GOOD)
    for name, content in bad.items():
        (fresh.folder / f"{name}.fa").write_bytes(content)
        sheet += f"{name}\t{name}.fa\n"
    (fresh.folder / "samples.tsv").write_text(sheet)
    fresh.configure(fusions={}, experiments={}, predict={}, simulate=None, export=[])
    tables = [f"results/genomes/{name}.tsv" for name in ("good", *bad)]
    done = fresh.snakemake("--keep-going", *tables)
    assert done.returncode != 0
    assert "error: cut.fa" in done.stdout, "the log of a failed job belongs on the screen"
    assert (fresh.folder / "results/genomes/good.tsv").is_file()
    written = {
        path.name.split(".")[0] for path in (fresh.folder / "results").rglob("*") if path.is_file()
    }
    assert written == {"good"}
    for name in bad:
        [line] = (fresh.folder / f"logs/index/{name}.log").read_text().splitlines()[-1:]
        assert line.startswith(f"error: {name}.fa")


def test_a_file_in_place_of_the_results_folder_gives_one_sentence(fresh):
    (fresh.folder / "results").touch()
    done = fresh.snakemake()
    assert done.returncode != 0
    assert "results: this is a file, but the workflow needs a folder there; move" in done.stdout
    assert "Traceback" not in done.stdout
