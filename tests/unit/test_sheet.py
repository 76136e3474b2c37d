"""The sample sheet: the files its cells name, and one sentence for each mistake."""

import os
from pathlib import Path

import pytest

from seqloom.config.sheet import Sample, read_sheet
from seqloom.errors import InputError
from seqloom.files.downloads import Download


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with a few files of 10 bytes."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.fa", "a.gff3", "g/Z.FNA", "g/b.fna.gz", "g/a10.fa", "g/a9.fa.zst", "g/x.txt"):
        write(name)
    write("g/._a9.fa")


def write(name: str, text: str = "0123456789") -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)


def read(text: str, downloads: dict[str, Download] | None = None) -> dict[str, Sample]:
    write("s.tsv", text)
    return read_sheet("s.tsv", downloads or {})


def fasta(cell: str, downloads: dict[str, Download] | None = None) -> tuple[str, ...]:
    return read(f"sample\tfasta\nx\t{cell}\n", downloads)["x"].fasta


def fault(text: str) -> str:
    with pytest.raises(InputError) as error:
        read(text)
    return str(error.value)


IN_FOLDER = ("g/Z.FNA", "g/a10.fa", "g/a9.fa.zst", "g/b.fna.gz")


@pytest.mark.parametrize("cell", ["g", "g/"])
def test_a_folder_names_its_fasta_files_sorted_by_name(cell):
    assert fasta(cell) == IN_FOLDER


def test_a_pattern_names_the_files_it_matches_sorted_by_name():
    assert fasta("g/*.f*") == ("g/a10.fa", "g/a9.fa.zst", "g/b.fna.gz")
    assert fasta("*/a?.fa*") == ("g/a9.fa.zst",)


def test_a_list_names_its_paths_in_order():
    write("names.txt", "\ufeff# genomes\r\n\r\ng/b.fna.gz\r\n  a.fa\r\n")
    assert fasta("@names.txt") == ("g/b.fna.gz", "a.fa")


def test_a_cell_may_mix_all_kinds():
    write("names.txt", "a.fa\n")
    assert fasta("g/b*; @names.txt;g/a10.fa") == ("g/b.fna.gz", "a.fa", "g/a10.fa")


def test_a_file_name_may_look_like_a_pattern():
    write("a[1].fa")
    assert fasta("a[1].fa") == ("a[1].fa",)


def test_annotation_cells_work_like_fasta_cells():
    for name in ("n/b.gff.gz", "n/a.GFF3", "n/a.fna"):
        write(name)
    sheet = read("sample\tfasta\tannotation\nx\ta.fa\tn\n")
    assert sheet["x"].annotation == ("n/a.GFF3", "n/b.gff.gz")


def test_bases_are_estimated_from_all_files():
    assert read("sample\tfasta\nx\tg\n")["x"].bases == 10 + 10 + 35 + 35


def test_each_file_of_a_folder_needs_one_stat(monkeypatch):
    Path("many").mkdir()
    for number in range(1000):
        Path(f"many/{number}.fna").touch()
    looked, stat = [], os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: looked.append(path) or stat(path, **more))
    assert len(fasta("many")) == 1000
    assert sum(str(path).startswith("many/") for path in looked) == 1000


LISTED = {
    f"resources/refseq/{name}": Download(f"https://x.example/{name}", 10, None, None)
    for name in ("c.fna.gz", "a.fna.gz", "a.gff.gz")
}


@pytest.mark.parametrize(
    "cell", ["resources/refseq", "resources/refseq/", "resources/refseq/*.fn*"]
)
@pytest.mark.parametrize("are_there", [False, True])
def test_listed_downloads_are_found_whether_they_exist_or_not(cell, are_there):
    if are_there:
        Path("resources/refseq").mkdir(parents=True)
        for name in ("a.fna.gz", "of_an_older_list.fna.gz"):
            write(f"resources/refseq/{name}")
    assert fasta(cell, LISTED) == ("resources/refseq/a.fna.gz", "resources/refseq/c.fna.gz")


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("no.fa", "no.fa does not exist; correct the path"),
        ("~/no.fa", "~/no.fa does not exist (~ and $ are not expanded); give the full path"),
        ("resources/refseq/", "resources/refseq/ does not exist; correct the path"),
        ("no/*.fa", "no file matches no/*.fa; correct the pattern"),
        (
            "e",
            "e/ has no file that ends in .fa, .fna, .fasta, .fas, .ffn, .faa, plain or compressed",
        ),
        ("p", "p/ has files of genomes and of proteins; give a pattern for one kind, such as "),
        ("d*", "d.fa is a folder; name a file in it"),
        ("a.fa;g/*;a.fa", "a.fa is named twice; remove one"),
        ("a.fa; {b}.fa", "{b}.fa has braces, which Snakemake takes for wildcards; rename it"),
        ("@no.txt", "no.txt does not exist; correct the path"),
        ("@g", "g is a folder; name a file in it"),
        ("@empty.txt", "empty.txt lists no file; write one path per line"),
        (";", "fasta names no file; give one"),
        ('"a.fa"', 'fasta: "a.fa" is in quotes; save the sheet without them'),
    ],
)
def test_a_wrong_cell_gives_one_sentence(cell, sentence):
    for name in ("p/x.fna", "p/x.faa.gz", "e/readme", "d.fa/x"):
        write(name)
    write("empty.txt", "# none\n")
    assert fault(f"sample\tfasta\nx\t{cell}\n").startswith(f"s.tsv line 2: {sentence}")


def test_a_wrong_line_of_a_list_is_named():
    write("names.txt", "# two\n\na.fa\nno.fa\n")
    text = "names.txt line 4: no.fa does not exist; correct the path"
    assert fault("sample\tfasta\nx\t@names.txt\n") == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "sample,fasta\nx,a.fa\n",
            " line 1: the columns are separated by commas; use tabs",
        ),
        (
            "sample;fasta\nx;a.fa\n",
            " line 1: the columns are separated by semicolons; use tabs",
        ),
        (
            "sample  fasta\nx  a.fa\n",
            " line 1: the columns are separated by spaces; use tabs",
        ),
        (
            "sample\tfasta label\nx\ta.fa\n",
            " line 1: the columns are separated by spaces; use tabs",
        ),
        ("sample\tfasta\nx a.fa\n", " line 2: this line has no tab; separate its cells by tabs"),
        ('"sample"\t"fasta"\n', " line 1: the cells are in quotes; save the table without them"),
        ("\nsample\tfasta\t\tlabel\n", " line 2: column 3 has no name; name it or remove it"),
        ("sample\tfasta\tfasta\n", ' line 1: column "fasta" is named twice; remove one'),
        ("sample\tfasta\tLable\n", ' line 1: column "Lable" is unknown; did you mean label?'),
        ("sample\tFASTA\n", ' line 1: column "FASTA" is unknown; did you mean fasta?'),
        (
            "sample\nx\n",
            " line 1: the column fasta is missing; the first line must name sample, fas",
        ),
        ("x\ta.fa\n", ' line 1: column "x" is unknown; known are sample, fasta, molecule, label, '),
        ("sample\tfasta\n\nx\n", " line 3: 'fasta' is missing; add it"),
        (
            "sample\tfasta\nx\ta.fa\tz\n",
            " line 2: 3 cells, but the header has 2; remove the surplus",
        ),
        (
            "sample\tfasta\nx\u2028y\ta.fa\nmy z\ta.fa\n",
            ' line 2: sample: "x\u2028y" is not allowed here',
        ),
        (
            "sample\tfasta\nmy lake\ta.fa\n",
            ' line 2: sample: "my lake" is not allowed here; make the name of letters, digits and '
            "_ . -, beginning with none of . and -, such as lake_1",
        ),
        (
            "sample\tfasta\nLake\ta.fa\nlake\ta.fa\n",
            ' line 3: sample "lake" is already listed on line 2 as "Lake"; rename one, not only '
            "in upper and lower case",
        ),
        (
            "sample\tfasta\tlabel\nx\ta.fa\tViral\n",
            ' line 2: label: "Viral" does not exist; choose one of viral, host',
        ),
        (
            "sample\tfasta\tlabel\tmolecule\nx\ta.fa\tviral\tprotein\n",
            " line 2: a protein sample cannot have a label; classifiers train on DNA",
        ),
        (
            "sample\tfasta\tgroups\nx\ta.fa\ta.fa\n",
            " line 2: groups need a label or an annotation; fill one of these, or empty this cell",
        ),
        (
            "sample\tfasta\tlabel\tgroups\nx\ta.fa\tviral\tg\n",
            " line 2: g is a folder; name a file in it",
        ),
        (
            "sample\tfasta\tbases\nx\ta.fa\t1e6\n",
            " line 2: bases: '1e6' is not a whole number; write it in digits",
        ),
        (
            "sample\tfasta\tmax_frames\nx\ta.fa\t0\n",
            " line 2: max_frames: 0 is less than the minimum of 1; give 1 or more",
        ),
        (
            "sample\tfasta\tgenetic_code\nx\ta.fa\t7\n",
            ' line 2: genetic_code: "7" does not exist; choose one of 1, 2, 3, 4, 5, 6, 9, ',
        ),
        ("", ": the sample sheet has no rows; add one line per sample"),
        ("sample\tfasta\n", ": the sample sheet has no rows; add one line per sample"),
    ],
)
def test_a_wrong_sheet_gives_one_sentence(text, sentence):
    assert fault(text).startswith(f"s.tsv{sentence}")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("no.tsv", "no.tsv: the sample sheet does not exist; correct the path (`samples` in "),
        ("g", "g: the sample sheet is a folder; name a file in it (`samples` in the config)"),
        ("latin", "latin: this is not UTF-8 text; save it as plain text in UTF-8 (a "),
    ],
)
def test_an_unreadable_sheet_gives_one_sentence(path, sentence):
    Path("latin").write_bytes("sample\tfasta\nK\xf6ln\ta.fa\n".encode("latin-1"))
    with pytest.raises(InputError) as error:
        read_sheet(path, {})
    assert str(error.value).startswith(sentence)


def test_a_sheet_from_windows_and_excel_is_read():
    text = "\ufeffsample\tfasta\tlabel\tbases\t\t\r\nx\ta.fa\tviral \t0012\t\r\n\t\t\t\r\n"
    sample = read(text)["x"]
    assert (sample.label, sample.bases) == ("viral", 12)
