"""Each thing that may be wrong with a finished set is put there, found and named."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from export_data import FLAT, write_frames, write_matrices
from models_data import write_tiny_model
from seqs_data import letters

import embed
import index
import plan
import proteins
import validate as script
from seqloom.config.registry import Backend
from seqloom.embedding.export import Shard, open_shards
from seqloom.embedding.payload_checks import payload_checks, payload_files
from seqloom.embedding.validation import ProteinSet, protein_checks
from seqloom.embedding.virnucpro import write_virnucpro
from seqloom.errors import InputError
from seqloom.files.tensors import read_metadata, read_tensor, write_tensors

# P3 is P0 again, in the other shard; P1 and P2 are equal in one; `unclear` has no row.
TEXTS = [letters(seed, 20 + seed, b"ACDEFGHIKLMNPQRSTVWY").decode() for seed in range(3)]
RECORDS = {"P0": 0, "P1": 1, "P2": 1, "P3": 0, "P4": 2}
SHARDS = ("0001-of-0002", "0002-of-0002")


def run(module, *words: object) -> None:
    module.main(module.arguments().parse_args(list(map(str, words))))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder with a protein set of two shards and its embeddings by two models."""
    folder = tmp_path_factory.mktemp("set")
    fasta = "".join(f">{name}\n{TEXTS[number]}\n" for name, number in RECORDS.items())
    (folder / "p.faa").write_text(f"{fasta}>unclear\nXXX\n")
    write_tiny_model(folder / "one", "protein")
    write_other_model(folder / "two")
    genome, records = folder / "p.fa.gz", folder / "p.tsv"
    words = ["--fasta", folder / "p.faa", "--genome", genome, "--records", records]
    run(index, "--sample", "p", "--molecule", "protein", *words)
    files = ["--contigs", folder / "contigs.tsv", "--out", folder / "plan.parquet"]
    run(plan, "--records", records, "--genome", genome, "--whole", *files)
    for shard in SHARDS:
        words = ["--genome", genome, "--plan", folder / "plan.parquet", "--sample", "p"]
        run(proteins, *words, "--shard", shard, "--out", folder / shard)
        for model in ("one", "two"):
            out = folder / f"{model}{shard}.safetensors"
            run(embed, "--model", folder / model, "--shard", folder / shard, "--out", out)
    return folder


def write_other_model(folder: Path) -> None:
    """A model of the same width, with other weights."""
    # Not at the top: the library of the hub reads the environment when it is imported.
    from seqloom.models.fetch import demo_source, write_model

    demo = {"seed": 4, "num_hidden_layers": 1, "intermediate_size": 16}
    names = {"architecture": "esm", "molecule": "protein", "pooling": "mean_residues"}
    numbers = {"width": 1280, "max_length": 50, "parameters": 1}
    backend = Backend(name="other", dtype="float16", demo=demo, **names, **numbers)
    write_model(backend, demo_source(backend), folder, folder / "lock", False)


@pytest.fixture
def files(whole, tmp_path) -> ProteinSet:
    """The set in a folder of its own, for tests that change it."""
    for path in whole.iterdir():
        target = tmp_path / path.name
        target.symlink_to(path) if path.is_dir() else target.write_bytes(path.read_bytes())
    return ProteinSet(
        tmp_path / "contigs.tsv",
        tmp_path / "p.fa.gz",
        [tmp_path / f"{shard}.parquet" for shard in SHARDS],
        [tmp_path / "one", tmp_path / "two"],
        [[tmp_path / f"{m}{shard}.safetensors" for shard in SHARDS] for m in ("one", "two")],
    )


def failed(files: ProteinSet, records: int = 16) -> dict[tuple[str, str], str]:
    """The failed checks: (check, backend) -> what is wrong."""
    checks = list(protein_checks(files, records, 1, 1))
    return {(check.check, check.subject): check.problem for check in checks if check.problem}


def change(path: Path, act) -> None:
    """Change a matrix as a program would, checksums included."""
    matrix, pieces = (read_tensor(path, name) for name in ("embedding", "pieces"))
    changed = act(matrix.copy())
    tensors = {"embedding": changed, "pieces": pieces[: len(changed)]}
    write_tensors(path, tensors, read_metadata(path))


def put(row: int, column: int, value: float):
    def act(matrix: np.ndarray) -> np.ndarray:
        matrix[row, column] = value
        return matrix

    return act


def test_a_sound_set_passes_every_check(files):
    assert failed(files) == {}
    checks = list(protein_checks(files, 16, 1, 1))
    assert [check.check for check in checks[1:7]] == [
        *("files", "shape", "finite", "equal sequences", "own values", "recomputed")
    ]
    assert checks[2].detail == "5 x 1280" and checks[6].detail == "5 records, one at a time"
    assert checks[4].detail == "4 records with a sequence of others"


def test_each_matrix_is_read_once(files, monkeypatch):
    read, paths = Shard.read, []
    monkeypatch.setattr(Shard, "read", lambda shard: paths.append(shard.path) or read(shard))
    list(protein_checks(files, 16, 1, 1))
    assert sorted(paths) == sorted([*files.embeddings[0], *files.embeddings[1]])


def test_a_record_that_failed_is_counted_and_the_others_are_checked(files):
    [shard, _] = files.embeddings[0]
    tensors = {name: read_tensor(shard, name) for name in ("embedding", "pieces")}
    tensors["embedding"][0], tensors["pieces"][0] = np.nan, 0
    write_tensors(shard, tensors, read_metadata(shard) | {"failures": '{"0": "too long"}'})
    assert failed(files) == {}
    checks = list(protein_checks(files, 16, 1, 1))
    assert checks[2].detail == "4 x 1280; failed records: 1"
    assert checks[4].detail == "2 records with a sequence of others"
    assert checks[6].detail == "4 records, one at a time"
    change(files.embeddings[0][1], put(0, 3, 9))
    assert ("recomputed", "tiny_protein") in failed(files)


def test_a_corrupt_value_is_found_by_embedding_the_record_again(files):
    change(files.embeddings[0][1], put(1, 7, 3.0))
    [(key, problem)] = failed(files).items()
    assert key == ("recomputed", "tiny_protein") and problem.startswith('"P4" is ')
    assert failed(files, records=1) == {}, "one random record does not find it"


def test_swapped_rows_are_found(files):
    change(files.embeddings[1][1], lambda matrix: matrix[::-1])
    found = failed(files)
    assert ("recomputed", "other") in found
    assert found["equal sequences", "other"].startswith('"P0" and "P3" have equal sequences, but')


@pytest.mark.parametrize(
    ("shard", "row", "least", "pair"),
    # In one shard to the last bit, between two by the tolerance.
    [(0, 2, 1e-6, '"P1" and "P2"'), (1, 0, 0.1, '"P0" and "P3"')],
)
def test_an_altered_row_of_an_equal_sequence_is_found(files, shard, row, least, pair):
    change(files.embeddings[0][shard], lambda m: np.vstack([m[:row], m[row:] + least]))
    assert failed(files)["equal sequences", "tiny_protein"].startswith(pair)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_found(files, value):
    change(files.embeddings[0][1], put(1, 0, value))
    problem = failed(files)["finite", "tiny_protein"]
    assert problem.endswith('0002-of-0002.safetensors: 1 rows are not finite, the first "P4"')


def test_a_matrix_of_another_backend_is_found(files):
    change(files.embeddings[1][0], lambda _: read_tensor(files.embeddings[0][0], "embedding"))
    found = failed(files)
    assert found["own values", "other"].endswith("has the matrix of tiny_protein")
    assert ("recomputed", "other") in found


def test_the_embeddings_of_another_model_are_found(files):
    swapped = replace(files, models=files.models[::-1])
    problem = failed(swapped)["files", "tiny_protein"]
    assert problem.endswith("made with backend other, but the model has tiny_protein")


def test_too_few_columns_are_found(files):
    for path in files.embeddings[0]:
        change(path, lambda matrix: matrix[:, :1000])
    assert failed(files, 1)["shape", "tiny_protein"] == "5 x 1000, but 5 x 1280 expected"


def test_a_missing_row_is_found(files):
    change(files.embeddings[0][1], lambda matrix: matrix[:1])
    assert "1 rows, but" in failed(files)["files", "tiny_protein"]


def test_damage_is_a_failed_check(files):
    path = files.embeddings[0][0]
    data = bytearray(path.read_bytes())
    data[8 + int.from_bytes(data[:8], "little") + 3] ^= 1
    path.write_bytes(data)
    assert "differ from their checksum" in failed(files)["finite", "tiny_protein"]


def test_rows_in_another_order_than_the_fasta_are_found(files):
    table = pq.read_table(files.tables[0])
    names = pa.array(["P1", "P0", "P2"])
    column = table.schema.get_field_index("id")
    pq.write_table(table.set_column(column, "id", names), files.tables[0])
    assert failed(files)["records", ""].startswith("id of the shards 1 is P1, but P0 in ")


def test_a_record_that_the_table_lacks_is_found(files):
    lines = files.contigs.read_text().splitlines(keepends=True)
    files.contigs.write_text("".join(lines[:3] + lines[4:]))
    assert "record of the FASTA 3 is ('P2'" in failed(files)["records", ""]


def test_the_script_writes_the_table_and_fails(files, tmp_path):
    change(files.embeddings[0][0], put(0, 0, np.nan))
    words = ["--contigs", files.contigs, "--genome", files.genome, "--frames", *files.tables]
    words += ["--models", *files.models, "--embeddings", *files.embeddings[0], *files.embeddings[1]]
    command = [sys.executable, script.__file__, "proteins", *words, "--out", tmp_path / "table.tsv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == "error: 3 of 13 checks failed; see the table"
    assert (tmp_path / "table.tsv").read_text() == done.stdout
    assert "finite\ttiny_protein\tfailed\t" in done.stdout


# Payloads of VirNucPro.


@pytest.fixture
def training_set(tmp_path, monkeypatch) -> Path:
    """`viral` and `bacteria` in a folder: three payloads each, with cards."""
    monkeypatch.chdir(tmp_path)
    for sample, label in (("viral", "viral"), ("bacteria", "host")):
        folder = tmp_path / f"parts_{sample}"
        folder.mkdir()
        ids = [[f"{sample}{name}" for name in FLAT]]
        tables = write_frames(folder, ids)
        dna, left = write_matrices(folder, "dna", 768, ids=ids)
        protein, right = write_matrices(folder, "protein", 1280, ids=ids)
        backends = json.dumps([{"backend": "dna"}, {"backend": "protein"}])
        fused, _ = write_matrices(folder, "fused", 2048, ids=ids, backends=backends)
        both = np.concatenate([left, right], axis=1)
        write_tensors(fused[0], {"embedding": both}, read_metadata(fused[0]))
        paths = [tmp_path / f"set/{sample}_{end}.pt" for end in ("DNABERT_S", "ESM", "merged")]
        paths[0].parent.mkdir(exist_ok=True)
        shards = (open_shards(tables, matrices) for matrices in (dna, protein, fused))
        write_virnucpro(paths, *shards, label)
    return tmp_path / "set"


def failed_payloads(*paths: Path) -> dict[tuple[str, str], str]:
    checks = list(payload_checks(payload_files(paths), (768, 1280)))
    return {(c.check, Path(c.subject).name): c.problem for c in checks if c.problem}


def alter(path: Path, act) -> None:
    payload = torch.load(path, weights_only=True)
    act(payload)
    torch.save(payload, path)


def test_a_sound_training_set_passes(training_set):
    assert failed_payloads(training_set) == {}
    assert failed_payloads(*training_set.glob("viral*")) == {}
    assert failed_payloads(training_set / "viral_merged.pt") == {}, "it may have lost its parts"


@pytest.mark.parametrize(
    ("file", "act", "check", "problem"),
    [
        ("viral_merged", lambda p: p.update(labels=[0]), "labels", "[0] (host), but the name of t"),
        ("bacteria_merged", lambda p: p.update(labels=[2]), "labels", "[2], but a training set"),
        ("bacteria_merged", lambda p: p.pop("labels"), "labels", "None, but a training set has"),
        ("viral_merged", lambda p: p["data"].__setitem__((1, 9), np.nan), "finite", "1 rows are n"),
        ("viral_merged", lambda p: p["ids"].pop(), "payload", "{}: 3 ids, but 4 rows; make"),
        ("viral_merged", lambda p: p.update(data=p["data"][:, 1:]), "columns", "2047 columns, b"),
        (
            "viral_merged",
            lambda p: p["ids"].__setitem__(1, p["ids"][0]),
            "ids",
            '"virala_chunk_1F1',
        ),
        (
            "viral_ESM",
            lambda p: p["data"][2].__setitem__(5, np.inf),
            "finite",
            "1 rows are not",
        ),
        (
            "viral_DNABERT_S",
            lambda p: p["nucleotide"].reverse(),
            "payload",
            "{}: its rows are l",
        ),
    ],
)
def test_what_is_wrong_with_a_payload_is_named(training_set, file, act, check, problem):
    path = training_set / f"{file}.pt"
    alter(path, act)
    assert failed_payloads(training_set)[check, path.name].startswith(problem.format(path))


def drop_last(payload: dict) -> None:
    for values in payload.values():
        values.pop()


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (drop_last, "4 rows of DNA, 3 of proteins, 4 merged"),
        (lambda p: p["proteins"].reverse(), "the ids of row 1 differ"),
        (lambda p: p["data"].reverse(), '4 rows are not, the first "virala_chunk_1F1"'),
    ],
)
def test_parts_that_are_not_those_of_the_merged_payload_are_named(training_set, act, problem):
    alter(training_set / "viral_ESM.pt", act)
    assert failed_payloads(training_set) == {("parts", "viral_merged.pt"): problem}


def test_a_part_that_is_missing_or_a_sample_that_comes_twice_is_named(training_set):
    (training_set / "viral_ESM.pt").unlink()
    twin = training_set / "virus_merged.pt"
    twin.write_bytes((training_set / "viral_merged.pt").read_bytes())
    found = failed_payloads(training_set)
    assert found["parts", "viral_merged.pt"] == "the payload _ESM.pt is missing or cannot be read"
    assert found["ids", "virus_merged.pt"].startswith('"virala_chunk_1F1" is in ')


def test_the_card_beside_a_payload_says_its_label(training_set):
    card = training_set / "viral.json"
    card.write_text(json.dumps({"provenance": {"settings": {"label": "host"}}}))
    [(key, problem)] = failed_payloads(training_set).items()
    assert key == ("labels", "viral_merged.pt") and problem.endswith("viral.json says host")


def test_a_wrong_training_set_ends_with_exit_code_1(training_set):
    alter(training_set / "viral_merged.pt", lambda p: p.update(labels=[0]))
    command = [sys.executable, script.__file__, "virnucpro", training_set]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: 1 of 28 checks failed; see the table"
    assert done.stdout.startswith("check\tfile\tresult\tdetail\n")
    assert "viral_merged.pt\tfailed\t[0] (host), but the name of the file says viral" in done.stdout


def test_a_folder_without_a_training_set_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no _merged.pt; name the files of a trai"):
        payload_files([tmp_path])
