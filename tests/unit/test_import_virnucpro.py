"""Payloads of VirNucPro are read back as embeddings, and anything that does not fit is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from export_data import FLAT, write_frames, write_matrices

import fuse
import import_virnucpro as script
from seqloom.embedding.export import open_shards
from seqloom.embedding.virnucpro import write_virnucpro
from seqloom.errors import InputError
from seqloom.files.tensors import read_metadata, read_tensor, write_tensors

NAMES = ("demo_dnabert_s", "demo_esm2")
ENDS = ("_DNABERT_S.pt", "_ESM.pt", "_merged.pt")


@pytest.fixture(autouse=True)
def payloads(tmp_path, monkeypatch) -> list[Path]:
    """The current folder has tables 0001 and 0002 and the payloads of both; the matrices are
    `dna`, `protein` and both side by side."""
    monkeypatch.chdir(tmp_path)
    tables = write_frames(Path())
    dna, left = write_matrices(Path(), "dna", 768)
    protein, right = write_matrices(Path(), "protein", 1280)
    backends = json.dumps([{"backend": "dna"}, {"backend": "protein"}])
    fused, _ = write_matrices(Path(), "fused", 2048, backends=backends)
    for file in fused:
        number = int(file[-13])
        rows = slice(0, 2) if number == 1 else slice(2, 4)
        write_fused(file, np.concatenate([left[rows], right[rows]], axis=1))
    paths = [Path(f"x{end}") for end in ENDS]
    write_virnucpro(paths, *(open_shards(tables, files) for files in (dna, protein, fused)), None)
    return paths


def write_fused(file: str, rows: np.ndarray) -> None:
    write_tensors(file, {"embedding": rows}, read_metadata(file))


def take(*payloads: Path | str, backends=NAMES, tables=("0001-of-0002", "0002-of-0002")) -> None:
    words = ["--payloads", *map(str, payloads), "--backends", *backends]
    words += ["--frames", *(f"{table}.parquet" for table in tables)]
    script.main(script.arguments().parse_args(words))


def imported(backend: str, number: int) -> str:
    return f"results/embeddings/{backend}/w300/s/000{number}-of-0002.safetensors"


def test_what_was_exported_comes_back_bit_by_bit(payloads):
    for backend, kind, payload in zip(NAMES, ("dna", "protein"), payloads, strict=False):
        take(payload, backends=[backend])
        for number in (1, 2):
            exported = read_tensor(f"{kind}{number}.safetensors", "embedding")
            matrix = read_tensor(imported(backend, number), "embedding")
            assert matrix.tobytes() == exported.tobytes() and matrix.dtype == exported.dtype


def test_a_merged_payload_gives_both_embeddings(payloads):
    take(payloads[0], backends=NAMES[:1])
    apart = Path(imported(NAMES[0], 1)).read_bytes()
    take(payloads[2])
    again = read_tensor(imported(NAMES[0], 1), "embedding")
    assert again.tobytes() == read_tensor("dna1.safetensors", "embedding").tobytes()
    assert Path(imported(NAMES[0], 1)).read_bytes() != apart, "made from another file"
    both = [imported(name, 2) for name in NAMES]
    words = ["--fusion", "both", "--frames", "0002-of-0002.parquet", "--embeddings", *both]
    fuse.main(fuse.arguments().parse_args([*words, "--out", "fused.safetensors"]))
    fused = read_tensor("fused.safetensors", "embedding")
    np.testing.assert_array_equal(fused, read_tensor("fused2.safetensors", "embedding"))
    made_by = json.loads(read_metadata("fused.safetensors")["backends"])
    assert {backend["weights_sha256"] for backend in made_by} == {"imported"}


def test_rows_are_found_by_id_in_any_number_of_files_and_order(payloads):
    whole = torch.load(payloads[2], weights_only=True)
    for name, rows in (("first.pt", [3, 0]), ("second.pt", [2, 1])):
        part = {"ids": [whole["ids"][i] for i in rows], "data": whole["data"][rows]}
        torch.save(part | {"labels": [1]}, name)
    take("first.pt", "second.pt")
    for number in (1, 2):
        matrix = read_tensor(imported("demo_esm2", number), "embedding")
        np.testing.assert_array_equal(
            matrix, read_tensor(f"protein{number}.safetensors", "embedding")
        )


def test_an_imported_embedding_says_so(payloads):
    take(payloads[1], backends=["demo_esm2"])
    metadata = read_metadata(imported("demo_esm2", 1))
    assert {key for key, value in metadata.items() if value == "imported"} == {
        *("weights_sha256", "config_sha256", "tokenizer_sha256"),
        *("dtype", "engine_version", "device"),
    }
    assert metadata["backend"] == "demo_esm2" and metadata["pooling"] == "mean_residues"
    assert metadata["redone"] == metadata["failures"] == "{}"
    origin = json.loads(metadata["provenance"])
    assert origin["rule"] == "import_virnucpro"
    assert origin["inputs"]["payload_1"]["file"] == "x_ESM.pt"


def change(payload: Path, **values) -> None:
    torch.save(torch.load(payload, weights_only=True) | values, payload)


class Code:
    def __reduce__(self):
        return os.mkdir, ("harm",)


def test_what_does_not_fit_is_refused_in_one_sentence(payloads):
    cases = [
        (lambda: take(payloads[2], tables=["0001-of-0002"]), 'id "b_chunk_1F3" .2 of 4. of the pa'),
        (lambda: take(payloads[2], payloads[2]), 'id "a_chunk_1F1" is in the payloads twice'),
        (lambda: take(*payloads[1:]), "payloads of several kinds or widths"),
        (lambda: take(payloads[2], backends=NAMES[::-1]), "_merged.pt with 2048 columns is not of"),
        (lambda: take(payloads[1], backends=["esm1b", "esm1b"]), "_ESM.pt with 1280 columns is no"),
        (lambda: take(payloads[1], backends=["esm2_8m"]), "is not of esm2_8m .protein, 320.; name"),
        (
            lambda: take(payloads[0], backends=["demo_esm2"]),
            "_DNABERT_S.pt with 768 columns is not",
        ),
    ]
    cases += [
        (lambda: take(payloads[1], tables=["3"]), "3.parquet: there is no such file; correct")
    ]
    for act, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            act()
    assert not Path("results").exists()


def test_ids_that_are_not_those_of_the_tables_are_refused(payloads):
    change(payloads[2], ids=[*FLAT[:3], "z_chunk_1F1"])
    with pytest.raises(InputError, match=r'0002.*: id "ü_chunk_9R1" \(1 of 2\) is not in the pay'):
        take(payloads[2])


def test_a_payload_whose_parts_disagree_is_refused(payloads):
    """As VirNucPro wrote where a partner was missing."""
    change(payloads[2], ids=[*FLAT, "z"])
    with pytest.raises(InputError, match=r"x_merged.pt: 5 ids, but 4 rows"):
        take(payloads[2])
    change(payloads[0], nucleotide=FLAT[::-1])
    with pytest.raises(InputError, match=r"x_DNABERT_S.pt: its rows are labeled otherwise than"):
        take(payloads[0], backends=NAMES[:1])


def test_other_files_are_refused_and_their_code_is_not_run(payloads):
    torch.save({"ids": FLAT, "data": Code()}, payloads[2])
    payloads[1].write_bytes(payloads[0].read_bytes()[:1000])
    payloads[0].write_text("no payload")
    for payload in payloads[:2]:
        with pytest.raises(InputError, match=f"{payload}: cannot be read as a payload of VirNuc"):
            take(payload)
    words = ["--payloads", payloads[2], "--backends", *NAMES, "--frames", "0001-of-0002.parquet"]
    done = subprocess.run([sys.executable, script.__file__, *words], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"error: {payloads[2]}: cannot be read as a payload of VirNucPro" in done.stderr
    assert not Path("harm").exists() and not Path("results").exists()
