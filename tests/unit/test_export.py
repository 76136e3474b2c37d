import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
import torch
from export_data import FLAT, IDS, write_frames, write_matrices

import export as script
from seqloom.embedding.export import (
    card,
    open_shards,
    write_hdf5,
    write_npy,
    write_pt,
    write_uniprot,
)
from seqloom.embedding.virnucpro import write_virnucpro
from seqloom.errors import InputError
from seqloom.seqs.shards import SCHEMA, write_shard


@pytest.fixture
def legacy(tmp_path):
    frames = write_frames(tmp_path)
    dna, dna_rows = write_matrices(tmp_path, "dna", 3)
    protein, protein_rows = write_matrices(tmp_path, "protein", 5, "float16")
    backends = json.dumps([{"backend": "dna"}, {"backend": "protein"}])
    fused, fused_rows = write_matrices(tmp_path, "fused", 8, backends=backends)
    return {
        "paths": [tmp_path / f"x_{name}.pt" for name in ("DNABERT_S", "ESM", "merged")],
        "shards": [open_shards(frames, paths) for paths in (dna, protein, fused)],
        "rows": [dna_rows, protein_rows, fused_rows],
        "files": {"frames": frames, "dna": dna, "protein": protein, "fused": fused},
    }


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_npy_holds_every_row_of_every_shard_in_order(tmp_path, dtype):
    paths, rows = write_matrices(tmp_path, "dna", 3, dtype)
    shards = open_shards(write_frames(tmp_path), paths)
    write_npy(tmp_path / "s.npy", tmp_path / "s.ids.txt", shards)
    matrix = np.load(tmp_path / "s.npy")
    assert matrix.dtype == dtype
    np.testing.assert_array_equal(matrix, rows)
    assert (tmp_path / "s.ids.txt").read_text().splitlines() == FLAT


def test_a_sample_without_a_frame_gives_an_empty_matrix(tmp_path):
    paths, _ = write_matrices(tmp_path, "dna", 3, ids=[[None]])
    shards = open_shards(write_frames(tmp_path, [[None]]), paths)
    write_npy(tmp_path / "s.npy", tmp_path / "s.ids.txt", shards)
    write_hdf5(tmp_path / "s.h5", shards, {})
    assert np.load(tmp_path / "s.npy").shape == (0, 3)
    assert (tmp_path / "s.ids.txt").read_text() == ""
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["embedding"].shape == (0, 3) and file["ids"].shape == (0,)


def test_hdf5_holds_ids_rows_and_what_made_them(tmp_path):
    facts = {"weights_sha256": "ab", "random": "false"}
    paths, rows = write_matrices(tmp_path, "dna", 3, **facts)
    shards = open_shards(write_frames(tmp_path), paths)
    write_hdf5(tmp_path / "s.h5", shards, {"rule": "export"})
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["ids"].asstr()[:].tolist() == FLAT
        np.testing.assert_array_equal(file["embedding"], rows)
        assert json.loads(file.attrs["provenance"]) == {"rule": "export"}
        assert file.attrs["backend"] == "dna" and file.attrs["weights_sha256"] == "ab"
        assert not file.attrs["random"], "the text `false` would be true"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_pt_is_one_tensor_that_is_loaded_in_one_line(tmp_path, dtype):
    paths, rows = write_matrices(tmp_path, "dna", 3, dtype)
    shards = open_shards(write_frames(tmp_path), paths)
    write_pt(tmp_path / "s.pt", tmp_path / "s.ids.txt", shards)
    tensor = torch.load(tmp_path / "s.pt", weights_only=True)
    assert type(tensor) is torch.Tensor and tensor.dtype == getattr(torch, dtype)
    np.testing.assert_array_equal(tensor.numpy(), rows)
    assert (tmp_path / "s.ids.txt").read_text().splitlines() == FLAT


MEMORY = """
import re, sys
from pathlib import Path
import torch
from seqloom.embedding.export import open_shards, write_pt
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
shards = open_shards(sys.argv[1].split(), sys.argv[2].split())
before = peak()
write_pt(Path(sys.argv[3]), Path(sys.argv[3] + ".ids"), shards)
print(peak() - before)
"""


def test_pt_holds_the_matrix_once_in_memory(tmp_path):
    ids = [[f"{shard}_{row}" for row in range(1000)] for shard in range(16)]
    tables = write_frames(tmp_path, ids)
    paths, rows = write_matrices(tmp_path, "dna", 1500, ids=ids)
    words = [" ".join(tables), " ".join(paths), str(tmp_path / "s.pt")]
    command = [sys.executable, "-c", MEMORY, *words]
    where = {"PYTHONPATH": str(Path(script.__file__).parent)}
    done = subprocess.run(command, env=where, capture_output=True, text=True, check=True)
    kilobytes, matrix = int(done.stdout), rows.nbytes / 1024
    assert matrix < kilobytes < 1.5 * matrix


def test_uniprot_has_a_dataset_per_record_named_by_its_id(tmp_path):
    paths, rows = write_matrices(tmp_path, "dna", 3, "float16", weights_sha256="ab")
    shards = open_shards(write_frames(tmp_path), paths)
    write_uniprot(tmp_path / "s.h5", shards, {"rule": "export"})
    with h5py.File(tmp_path / "s.h5") as file:
        assert sorted(file) == sorted(FLAT)
        for name, row in zip(FLAT, rows, strict=True):
            assert file[name].dtype == np.float16
            np.testing.assert_array_equal(file[name][:], row)
        assert json.loads(file.attrs["provenance"]) == {"rule": "export"}
        assert file.attrs["weights_sha256"] == "ab"


@pytest.mark.parametrize("name", ["a/b", "."])
def test_an_id_that_hdf5_reads_as_a_folder_is_refused(tmp_path, name):
    paths, _ = write_matrices(tmp_path, "dna", 3, ids=[["a", name]])
    shards = open_shards(write_frames(tmp_path, [["a", name]]), paths)
    with pytest.raises(InputError, match=f'record "{name}": HDF5 reads a / in a name as a folder'):
        write_uniprot(tmp_path / "s.h5", shards, {})


def test_virnucpro_payloads_are_the_legacy_ones(legacy):
    write_virnucpro(legacy["paths"], *legacy["shards"], "viral")
    dna, protein, merged = (torch.load(p, weights_only=True) for p in legacy["paths"])
    dna_rows, protein_rows, fused_rows = legacy["rows"]

    assert list(dna) == ["nucleotide", "data"]
    assert dna["nucleotide"] == [entry["label"] for entry in dna["data"]] == FLAT
    assert list(dna["data"][0]) == ["label", "mean_representation"]
    assert all(type(x) is float for x in dna["data"][0]["mean_representation"])
    vectors = np.float32([entry["mean_representation"] for entry in dna["data"]])
    np.testing.assert_array_equal(vectors, dna_rows)

    assert list(protein) == ["proteins", "data"] and protein["proteins"] == FLAT
    assert [(row.dtype, row.shape) for row in protein["data"]] == [(torch.float32, (5,))] * 4
    np.testing.assert_array_equal(torch.stack(protein["data"]), protein_rows.astype("float32"))

    assert list(merged) == ["ids", "data", "labels"]
    assert merged["ids"] == FLAT and merged["labels"] == [1]
    assert merged["data"].dtype == torch.float32
    np.testing.assert_array_equal(merged["data"], fused_rows)


def test_host_is_label_0_and_a_query_has_no_labels(legacy):
    for label, expected in [("host", [0]), (None, None)]:
        write_virnucpro(legacy["paths"], *legacy["shards"], label)
        assert torch.load(legacy["paths"][2], weights_only=True).get("labels") == expected


def test_a_fusion_in_another_order_is_refused(legacy):
    dna, protein, fused = legacy["shards"]
    with pytest.raises(InputError, match=r"fuses dna \+ protein, not protein \+ dna"):
        write_virnucpro(legacy["paths"], protein, dna, fused, None)


def test_a_row_without_a_partner_is_refused(tmp_path):
    paths, _ = write_matrices(tmp_path, "dna", 3, ids=[IDS[0], ["b_chunk_1F3"]])
    with pytest.raises(InputError, match=r"dna2.safetensors: rows is 1, but 2 in .*0002-of-0002"):
        open_shards(write_frames(tmp_path), paths)


def test_shards_paired_wrongly_are_refused(tmp_path):
    paths, _ = write_matrices(tmp_path, "dna", 3)
    with pytest.raises(InputError, match=r"dna2.safetensors: shard is 0002-of-0002, but 0001-of"):
        open_shards(write_frames(tmp_path), paths[::-1])
    with pytest.raises(InputError, match="2 frame tables, 1 matrices"):
        open_shards(write_frames(tmp_path), paths[:1])


def test_shards_of_two_models_are_refused(tmp_path):
    old, _ = write_matrices(tmp_path, "dna", 3, weights_sha256="old")
    new = tmp_path / "new"
    new.mkdir()
    paths, _ = write_matrices(new, "dna", 3, weights_sha256="new")
    with pytest.raises(InputError, match="its weights_sha256 is not that of"):
        open_shards(write_frames(tmp_path), [old[0], paths[1]])


def test_shards_of_two_processors_are_one_matrix_whose_card_names_neither(tmp_path):
    """Their vectors differ in the last bits only."""
    one, _ = write_matrices(tmp_path, "dna", 3, device="cpu", processor="AVX2")
    (tmp_path / "b").mkdir()
    two, _ = write_matrices(tmp_path / "b", "dna", 3, device="cpu", processor="AVX512 avx512_bf16")
    shards = open_shards(write_frames(tmp_path), [one[0], two[1]])
    assert card(shards, {}).keys() == {"backend", "sample", "cut", "cut_settings", "provenance"}


def test_the_script_writes_the_same_bytes_twice(tmp_path, legacy):
    files = legacy["files"]
    pair = ["--frames", *files["frames"], "--embeddings", *files["dna"]]
    triple = [word for name, paths in files.items() for word in (f"--{name}", *paths)]
    contents = []
    for run in ("first", "second"):
        folder = tmp_path / run
        for arguments in (
            ["npy", *pair, "--out", folder / "s.npy"],
            ["pt", *pair, "--out", folder / "s.b.pt"],
            ["hdf5", *pair, "--out", folder / "s.h5"],
            ["uniprot", *pair, "--out", folder / "s.uniprot.h5"],
            ["virnucpro", *triple, "--label", "host", "--out", folder / "s.x"],
        ):
            words = [str(word) for word in arguments]
            if run == "first":
                script.main(script.arguments().parse_args(words))
            else:
                subprocess.run([sys.executable, script.__file__, *words], check=True)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    names = ["s.npy", "s.ids.txt", "s.json", "s.h5", "s.uniprot.h5", "s.x.json"]
    names += ["s.b.pt", "s.b.ids.txt", "s.b.json"]
    names += ["s.x_DNABERT_S.pt", "s.x_ESM.pt", "s.x_merged.pt"]
    assert sorted(contents[0]) == sorted(names)
    assert contents[0] == contents[1]
    matrix, payloads = (json.loads(contents[0][name]) for name in ("s.json", "s.x.json"))
    assert (matrix["backend"], matrix["cut_settings"]) == ("dna", {"window": 300})
    assert set(matrix["provenance"]["inputs"]) == {"frames", "embeddings"}
    assert payloads["backends"] == [{"backend": "dna"}, {"backend": "protein"}]
    assert payloads["provenance"]["settings"] == {"label": "host"}


def write_fasta_shards(folder: Path) -> list[str]:
    """Shards as the workflow writes them; the one in the middle has no frame."""
    paths, columns = [], SCHEMA.remove(0)
    for number, names in enumerate([["a_chunk_1F1", "a_chunk_1R2"], [], ["ü_chunk_9R1"]], start=1):
        shard = f"{number:04}-of-0003"
        rows = [dict.fromkeys(columns.names) | {"id": name, "status": "ok"} for name in names]
        rows.append(dict.fromkeys(columns.names) | {"id": "b", "status": "no_open_frame"})
        fasta = {
            suffix: "".join(f">{name}\n{letter * 300}\n" for name in names).encode()
            for suffix, letter in ((".fna", "ACG"[number - 1]), (".faa", "MKX"[number - 1]))
        }
        metadata = {"sample": "s", "cut": "v300", "cut_settings": {"window": 300}, "shard": shard}
        part = (pa.Table.from_pylist(rows, columns), fasta)
        write_shard(str(folder / shard), (".fna", ".faa"), [part], metadata)
        paths.append(str(folder / f"{shard}.parquet"))
    return paths


def test_identified_joins_the_fasta_files_of_all_shards_in_order(tmp_path):
    shards = write_fasta_shards(tmp_path)
    (tmp_path / "shards.txt").write_text("\n".join(shards))
    for frames, name in ((shards, "s"), ([f"@{tmp_path}/shards.txt"], "again/s")):
        words = ["identified", "--frames", *frames, "--out", str(tmp_path / "out" / name)]
        subprocess.run([sys.executable, script.__file__, *words], check=True)
    names = ("s.identified.json", "s.identified_nucleotide.fa", "s.identified_protein.fa")
    files = {path.name: path for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert sorted(files) == list(names)
    dna, protein = (
        [f">a_chunk_1F1\n{first}\n>a_chunk_1R2\n{first}\n", f">ü_chunk_9R1\n{last}\n"]
        for first, last in (("A" * 300, "G" * 300), ("M" * 300, "X" * 300))
    )
    assert files["s.identified_nucleotide.fa"].read_text() == "".join(dna)
    assert files["s.identified_protein.fa"].read_text() == "".join(protein)
    facts = json.loads(files["s.identified.json"].read_text())
    assert (facts["sample"], facts["cut"], facts["cut_settings"]) == ("s", "v300", {"window": 300})
    assert set(facts["provenance"]["inputs"]) == {"frames"}
    for name in names:
        assert files[name].read_bytes() == (tmp_path / "out" / "again" / name).read_bytes()


def test_identified_without_a_sequence_file_leaves_nothing(tmp_path):
    frames = write_fasta_shards(tmp_path)
    (tmp_path / "0003-of-0003.faa").unlink()
    words = ["identified", "--frames", *frames, "--out", str(tmp_path / "out" / "s")]
    done = subprocess.run([sys.executable, script.__file__, *words], capture_output=True)
    assert done.returncode != 0
    assert not list((tmp_path / "out").iterdir())


def test_nothing_is_left_when_the_input_is_bad(tmp_path, legacy):
    files = legacy["files"]
    out = tmp_path / "out" / "s.npy"
    lists = ["--frames", *files["frames"], "--embeddings", *files["dna"][::-1]]
    done = subprocess.run(
        [sys.executable, script.__file__, "npy", *lists, "--out", out],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ") and "Traceback" not in done.stderr
    assert not out.parent.exists()
