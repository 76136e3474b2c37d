"""FASTA in every dress reads the same; whatever is wrong with it is told in one sentence."""

import bz2
import gzip
import lzma
from random import Random

import pytest
from backports import zstd

from seqloom.errors import InputError
from seqloom.seqs.reading import read_fasta

TEXT = b">a first record\nACGTN\nacgu\n>b|2:x/y\n\nRYKM\n"
EXPECTED = [("a", "a first record", b"ACGTNACGT"), ("b|2:x/y", "b|2:x/y", b"RYKM")]
LONG = b">long\n" + bytes(Random(1).choices(b"ACGT", k=200_000)) + b"\n"


def zst(data):
    """Packed with a checksum, as the zstd program does."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACKERS = (bytes, gzip.compress, bz2.compress, lzma.compress, zst)


def read(path, content, molecule="dna"):
    path.write_bytes(content)
    return [(r.name, r.header, r.sequence) for r in read_fasta([str(path)], molecule)]


def error(path, content, molecule="dna"):
    """The sentence, without the folder of the test."""
    with pytest.raises(InputError) as caught:
        read(path, content, molecule)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("suffix", ["fa", "fa.gz", "zst"])
@pytest.mark.parametrize("pack", PACKERS)
def test_the_content_and_not_the_suffix_says_how_a_file_is_packed(tmp_path, pack, suffix):
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


def test_a_record_without_sequence_is_a_record(tmp_path):
    assert read(tmp_path / "x.fa", b">a\n>b\n\n") == [("a", "a", b""), ("b", "b", b"")]


def test_headers_are_kept_in_any_script_but_for_tabs(tmp_path):
    text = '>a\tMüller "x"\nA\n'.encode()
    assert read(tmp_path / "x.fa", text) == [("a", 'a Müller "x"', b"A")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "x.fa: there is no sequence in this file; give a FASTA file"),
        (gzip.compress(b""), "x.fa: there is no sequence in this file; give a FASTA file"),
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
            b">a\nAC-GT\n",
            "x.fa line 2, record \"a\": '-' is not a dna letter; "
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
def test_bad_input_is_one_sentence(tmp_path, content, sentence):
    assert error(tmp_path / "x.fa", content) == sentence


def test_a_stop_inside_a_protein_is_an_error(tmp_path):
    sentence = 'x.fa line 3, record "q": a stop (*) inside the protein; cut it there or remove it'
    assert error(tmp_path / "x.fa", b">p\nMK\n>q\nM*K*\n", "protein") == sentence
    assert "is not a dna letter" in error(tmp_path / "x.fa", b">p\nACG*\n")


def test_a_name_may_be_used_once_in_all_files_of_a_sample(tmp_path):
    for name in "xy":
        (tmp_path / f"{name}.fa").write_bytes(b">a\nA\n")
    with pytest.raises(InputError) as caught:
        list(read_fasta([str(tmp_path / "x.fa"), str(tmp_path / "y.fa")], "dna"))
    assert f'y.fa line 1, record "a": {tmp_path}/x.fa line 1 has the same name' in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    for path in (tmp_path / "no.fa", tmp_path):
        with pytest.raises(InputError, match=r"there is no such file; correct the sample sheet$"):
            list(read_fasta([str(path)], "dna"))


@pytest.mark.parametrize("pack", PACKERS[1:])
def test_a_packed_file_that_is_cut_short_is_an_error(tmp_path, pack):
    packed = pack(LONG)
    for content in (packed[: len(packed) // 2], packed[:-1], packed[:7]):
        sentence = error(tmp_path / "x.fa", content)
        assert sentence.startswith("x.fa after line ")
        assert sentence.endswith("; is it cut short? copy it again")


@pytest.mark.parametrize("pack", PACKERS[1:])
def test_a_packed_file_that_is_damaged_is_an_error(tmp_path, pack):
    packed = pack(LONG)
    for start in range(20, len(packed), len(packed) // 10):
        damaged = bytearray(packed)
        damaged[start] ^= 0x5A
        # The letters may turn out wrong before the checksum does: either sentence will do.
        assert error(tmp_path / "x.fa", bytes(damaged)).startswith("x.fa ")
