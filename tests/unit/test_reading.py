"""FASTA of any layout and compression reads the same; an error is one sentence."""

import bz2
import gzip
import lzma
import re
import tempfile
from pathlib import Path
from random import Random

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from seqloom.errors import InputError
from seqloom.seqs import reading
from seqloom.seqs.bgzip import bgzip
from seqloom.seqs.reading import read_fasta
from seqloom.seqs.storing import write_sample

TEXT = b">a first record\nACGTN\nacgu\n>b|2:x/y\n\nRYKM\n"
EXPECTED = [("a", "a first record", b"ACGTNACGT"), ("b|2:x/y", "b|2:x/y", b"RYKM")]
LONG = b">long\n" + bytes(Random(1).choices(b"ACGT", k=200_000)) + b"\n"


def zst(data):
    """Compressed with a checksum, as by the zstd program."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACKERS = (bytes, gzip.compress, bz2.compress, lzma.compress, zst)


def read(path, content, molecule="dna"):
    path.write_bytes(content)
    found = read_fasta([str(path)], molecule)
    return [(title.name, title.header, b"".join(pieces)) for title, pieces in found]


def error(path, content, molecule="dna"):
    """The message of the error, without the folder of the test."""
    with pytest.raises(InputError) as caught:
        read(path, content, molecule)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("suffix", ["fa", "fa.gz", "zst"])
@pytest.mark.parametrize("pack", PACKERS)
def test_the_compression_is_found_from_the_content_not_the_suffix(tmp_path, pack, suffix):
    assert read(tmp_path / f"x.{suffix}", pack(TEXT)) == EXPECTED


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace(b"\n", b"\r\n"),
        TEXT.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + TEXT,
        b"\n" + TEXT.replace(b">a", b">  a").replace(b"RYKM\n", b"  RY  \nKM"),
        TEXT.lower().replace(b"acgtn", b"AC\ngTn"),
    ],
)
def test_line_ends_case_wrapping_and_blanks_do_not_matter(tmp_path, text):
    assert read(tmp_path / "x.fa", text) == EXPECTED


def test_gzip_members_one_after_the_other_are_one_file(tmp_path):
    assert read(tmp_path / "x.gz", gzip.compress(TEXT[:20]) + gzip.compress(TEXT[20:])) == EXPECTED


def test_proteins_keep_their_letters_and_lose_the_stop_at_the_end(tmp_path):
    text = b">p\nmacdefghiklnpqrs\ntvwyxuzobj*\n>q\nMK\n*\n>r\n*\n"
    sequences = [sequence for _, _, sequence in read(tmp_path / "x.faa", text, "protein")]
    assert sequences == [b"MACDEFGHIKLNPQRSTVWYXUZOBJ", b"MK", b""]


def test_gaps_become_unknown_letters_with_a_warning(tmp_path, caplog):
    assert read(tmp_path / "x.fa", b">a\nAC--G\n-T\n>b\n-\n") == [
        ("a", "a", b"ACNNGNT"),
        ("b", "b", b"N"),
    ]
    assert read(tmp_path / "x.faa", b">p\nM-K*\n", "protein") == [("p", "p", b"MXK")]
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/x.fa: 4 gaps (-) are read as unknown letters",
        f"{tmp_path}/x.faa: 1 gaps (-) are read as unknown letters",
    ]


TEXTS = st.lists(
    st.sampled_from([b">a", b">b x", b">", b"AC", b"g", b"N-u", b"", b" ", b"A>C", b"!", b"\t"]),
    max_size=12,
)


@given(TEXTS, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans(), st.integers(1, 30))
def test_the_size_of_blocks_changes_nothing(lines, end, finished, block):
    text = end.join([*lines, b""] if finished else lines)

    def outcome():
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(text)
            try:
                return read(Path(file.name), text)
            except InputError as error:
                # How much of a line is shown may depend on where a block ends.
                return re.sub(r"with '.*'", "with", str(error).replace(file.name, ""))

    whole = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_BLOCK", block)
        assert outcome() == whole
    assert whole == slow_outcome(lines)


def slow_outcome(lines):
    """The records, or the error, by a plain loop over lines."""
    found, where = [], {}
    for number, line in enumerate(lines, start=1):
        line = line.decode().strip()
        name = found[-1][0] if found else ""
        if line.startswith(">"):
            header = line[1:].strip()
            if not header:
                return f' line {number}: nothing stands after ">"; name the record'
            name = header.split()[0]
            if name in where:
                return (
                    f' line {number}, record "{name}":  line {where[name]} has the same name; '
                    "rename one of them"
                )
            where[name] = number
            found.append((name, header, b""))
        elif line and not found:
            return f' line {number}: FASTA begins with ">", this with; give a FASTA file'
        else:
            for letter in line.replace(" ", "").upper():
                if letter not in "ACGTU-N":
                    return (
                        f" line {number}, record \"{name}\": '{letter}' is not a dna letter; "
                        "correct the file, or the molecule of the sample"
                    )
                read_as = {"U": "T", "-": "N"}.get(letter, letter).encode()
                found[-1] = (*found[-1][:2], found[-1][2] + read_as)
    has_letters = any(sequence for _, _, sequence in found)
    return found if has_letters else ": there is no sequence in this file; give a FASTA file"


def test_a_record_without_sequence_among_others_is_a_record(tmp_path):
    text = b">a\n>b\nAC\n>c\n\n"
    assert read(tmp_path / "x.fa", text) == [("a", "a", b""), ("b", "b", b"AC"), ("c", "c", b"")]


def test_headers_may_have_any_letters_and_tabs_become_spaces(tmp_path):
    text = '>a\tMüller "x"\nA\n'.encode()
    assert read(tmp_path / "x.fa", text) == [("a", 'a Müller "x"', b"A")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "x.fa: there is no sequence in this file; give a FASTA file"),
        (gzip.compress(b""), "x.fa: there is no sequence in this file; give a FASTA file"),
        (b">a\n>b\n\n", "x.fa: there is no sequence in this file; give a FASTA file"),
        (
            b"\n@read\nACGT\n+\nIIII\n",
            "x.fa line 2: FASTA begins with \">\", this with '@read'; give a FASTA file",
        ),
        (
            b"\x7fELF\0\0\xff>",
            "x.fa line 1: FASTA begins with \">\", this with '\\x7fELF\\x00\\x00\\ufffd>'; "
            "give a FASTA file",
        ),
        (b">a\nA\n>\nA\n", 'x.fa line 3: nothing stands after ">"; name the record'),
        (
            b">a\nA\n>p x\nACGT\nMKLV\n",
            "x.fa line 5, record \"p\": 'L' is not a dna letter; "
            "correct the file, or the molecule of the sample",
        ),
        (
            b">a\nAC.GT\n",
            "x.fa line 2, record \"a\": '.' is not a dna letter; "
            "correct the file, or the molecule of the sample",
        ),
        (
            b">a\nAC\0GT\n",
            "x.fa line 2, record \"a\": '\\x00' is not a dna letter; "
            "correct the file, or the molecule of the sample",
        ),
        (
            ">Müller\nA\n".encode(),
            'x.fa line 1, record "Müller": the name has letters that are not ASCII; rename it',
        ),
        (
            b">a\nA\n>b\n>a again\nC\n",
            'x.fa line 4, record "a": x.fa line 1 has the same name; rename one of them',
        ),
    ],
)
def test_bad_input_gives_one_sentence(tmp_path, content, sentence):
    assert error(tmp_path / "x.fa", content) == sentence


def test_a_stop_inside_a_protein_is_an_error(tmp_path):
    sentence = 'x.fa line 3, record "q": a stop (*) inside the protein; cut it there or remove it'
    assert error(tmp_path / "x.fa", b">p\nMK\n>q\nM*K*\n", "protein") == sentence
    assert "is not a dna letter" in error(tmp_path / "x.fa", b">p\nACG*\n")


@given(
    st.dictionaries(st.text("abc|", min_size=1), st.text("ACGTNacgtu"), min_size=2, max_size=8),
    st.data(),
)
def test_files_one_after_the_other_are_one_file(contigs, data):
    # A file without a single letter is refused.
    records = [f">{name}\nA{text}" for name, text in contigs.items()]
    cut = data.draw(st.integers(1, len(records) - 1))
    parts = ["\n".join(part) for part in (records, records[:cut], records[cut:])]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("whole", "first", "second")]
        for path, text in zip(paths, parts, strict=True):
            path.write_text(text + "\n")
        whole, both = (
            [(title.header, b"".join(pieces)) for title, pieces in read_fasta(files, "dna")]
            for files in (map(str, paths[:1]), map(str, paths[1:]))
        )
    assert whole == both
    assert [name for name, _ in whole] == list(contigs)


def test_a_name_may_be_used_once_in_all_files_of_a_sample(tmp_path):
    for name in "xy":
        (tmp_path / f"{name}.fa").write_bytes(b">a\nA\n")
    with pytest.raises(InputError) as caught:
        list(read_fasta([str(tmp_path / "x.fa"), str(tmp_path / "y.fa")], "dna"))
    assert f'y.fa line 1, record "a": {tmp_path}/x.fa line 1 has the same name' in str(caught.value)


def test_a_missing_file_gives_one_sentence(tmp_path):
    for path in (tmp_path / "no.fa", tmp_path):
        with pytest.raises(InputError, match=r"there is no such file; correct the sample sheet$"):
            list(read_fasta([str(path)], "dna"))


@pytest.mark.parametrize("pack", PACKERS[1:])
def test_a_truncated_compressed_file_is_an_error(tmp_path, pack):
    packed = pack(LONG)
    for content in (packed[: len(packed) // 2], packed[:-1], packed[:7]):
        sentence = error(tmp_path / "x.fa", content)
        assert sentence.startswith("x.fa after line ")
        assert sentence.endswith("; is it cut short? copy it again")


@pytest.mark.parametrize("pack", PACKERS[1:])
def test_a_damaged_compressed_file_is_an_error(tmp_path, pack):
    packed = pack(LONG)
    for start in range(20, len(packed), len(packed) // 10):
        damaged = bytearray(packed)
        damaged[start] ^= 0x5A
        # A wrong letter may be found before the wrong checksum, so either error is right.
        assert error(tmp_path / "x.fa", bytes(damaged)).startswith("x.fa ")


def test_bgzip_cut_where_a_block_ends_is_an_error(tmp_path):
    with bgzip(tmp_path / "whole.gz") as write:
        write(b">a\n" + b"ACGT" * 40_000 + b"\n")
    whole = (tmp_path / "whole.gz").read_bytes()
    assert read(tmp_path / "x.fa", whole) == [("a", "a", b"ACGT" * 40_000)]
    sentence = error(tmp_path / "x.fa", whole[: whole.index(whole[:4], 1)])
    assert sentence == (
        "x.fa after line 0: reading fails (the last block of bgzip is missing); "
        "is it cut short? copy it again"
    )


def test_nucleotides_among_proteins_are_an_error(tmp_path):
    (tmp_path / "x.faa").write_bytes(b">short\nGATTACA\n>long\n" + b"GATTACAN" * 20)
    paths = [tmp_path / name for name in ("g.gz", "g.fai", "g.gzi", "g.tsv")]
    with pytest.raises(InputError, match='line 3, record "long": this is a nucleotide sequence'):
        write_sample(read_fasta([str(tmp_path / "x.faa")], "protein"), "protein", *paths)
