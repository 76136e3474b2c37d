#!/usr/bin/env python3
"""Protein sets: the engine against the way of the models' own scripts, then its memory, in one run.

Random weights, full widths, two layers; lengths are drawn or those of real proteins. Their way is
transformers' model in the same dtype: sequences sorted by length, padded batches of at most 100
sequences that are closed at 4,000 residues, all vectors in memory, one write at the end. Of 500
proteins every n-th of their batches is computed, by both ways in turn, so that padding and equal
lengths are those of 500. Times are seconds of the processor on one thread, which other programs of
the machine hardly change; of each batch the best round counts. Both ways are given our tokenizer.
Prints markdown.
"""

import argparse
import gzip
import json
import math
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from embed import (
    SHARED,
    cost_and_matrix,
    dtypes,
    percent,
    print_head,
    print_row,
    write_random,
    write_shard,
)
from seqloom.embedding.batches import batch_end
from seqloom.embedding.compute import TOKENS_PER_BATCH
from seqloom.embedding.engine import embed
from seqloom.embedding.loading import FILES, Model, load_model
from seqloom.embedding.resume import Work
from seqloom.embedding.speed import flops_per_token
from seqloom.encoders.cpu import use_onednn
from seqloom.encoders.esmc import shape_of
from seqloom.encoders.layers import Linear, set_precision
from seqloom.files.tensors import write_tensors
from seqloom.seqs.annotations import read_annotations

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
MAX_RESIDUES, MAX_BATCH, LONG = 4000, 100, 1000
LEARNED = {"position_embedding_type": "absolute", "max_position_embeddings": 1026}
# Backend, what its config has beside two layers, every which batch is computed.
COLUMNS = (
    "model",
    "dtype",
    "way",
    "proteins",
    "residues",
    "proteins/s",
    "GFLOP/s",
    "of the peak",
    "times theirs",
    "max abs between the ways",
)
MODELS = (
    ("prot_t5_xl", {}, 24),
    ("prost_t5", {}, 48),
    (
        "esm2_3b",
        {"hidden_size": 2560, "num_attention_heads": 40, "intermediate_size": 10240},
        24,
    ),
    ("esm1b", LEARNED | {"pad_token_id": 1, "emb_layer_norm_before": True}, 12),
    ("esm_c_600m", {"vocab_size": 64, "d_model": 1152, "n_heads": 18, "n_layers": 2}, 12),
)
NARROW = {
    "hidden_size": 256,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
}
REAL = (
    "bacteria/streptococcus_pyogenes_M1_GAS_NC_002737",
    "fungi/saccharomyces_cerevisiae_S288C_7chr",
)


def drawn_lengths(count: int) -> np.ndarray:
    """Like a proteome's: log-normal, of 370 residues on average."""
    drawn = np.random.default_rng(3).lognormal(math.log(370) - 0.6**2 / 2, 0.6, count)
    return drawn.astype(int).clip(30, 2000)


def of_lengths(lengths: np.ndarray) -> Iterator[str]:
    letters = np.frombuffer(LETTERS.encode(), np.uint8)
    generator = np.random.default_rng(4)
    return (generator.choice(letters, length).tobytes().decode() for length in lengths)


def real_proteins(count: int) -> list[str]:
    """Translated coding sequences of two annotated genomes, at most `count`."""
    from Bio import SeqIO
    from Bio.Seq import Seq

    proteins = []
    for prefix in (SHARED / "data" / name for name in REAL):
        with gzip.open(f"{prefix}.fa.gz", "rt") as text:
            contigs = {record.id: record.seq for record in SeqIO.parse(text, "fasta")}
        lengths = {name: len(bases) for name, bases in contigs.items()}
        table = read_annotations([f"{prefix}.gff.gz"], lengths, 1).to_pylist()
        for _, rows in groupby(table, itemgetter("cds")):
            rows = sorted(rows, key=itemgetter("start"))
            pieces = [contigs[row["contig"]][row["start"] : row["end"]] for row in rows]
            bases = Seq("").join(pieces)
            if rows[0]["strand"] == "-":
                bases, rows = bases.reverse_complement(), rows[::-1]
            bases = bases[rows[0]["phase"] :]
            proteins.append(str(bases[: len(bases) // 3 * 3].translate()).strip("*"))
    proteins = [protein for protein in proteins if protein and "*" not in protein]
    some = np.random.default_rng(0).permutation(len(proteins))[:count]
    return [proteins[i] for i in some]


def their_batches(lengths: np.ndarray) -> list[np.ndarray]:
    """Longest first, closed when full; what is very long closes a batch at once."""
    batches, batch, residues = [], [], 0
    for place in np.argsort(-lengths, kind="stable"):
        batch.append(place)
        residues += lengths[place]
        if residues >= MAX_RESIDUES or len(batch) >= MAX_BATCH or lengths[place] > LONG:
            batches.append(np.array(batch))
            batch, residues = [], 0
    return [*batches, np.array(batch)] if batch else batches


def our_batches(lengths: np.ndarray, device: str) -> list[np.ndarray]:
    order, start, batches = np.argsort(-lengths, kind="stable"), 0, []
    while start < len(order):
        end = batch_end(lengths[order], start, TOKENS_PER_BATCH[device], pads=device != "cpu")
        batches.append(order[start:end])
        start = end
    return batches


def print_batches(sets: dict[str, np.ndarray]) -> None:
    """Padding is the part of a batch that is no residue; full is by the budget of its way."""
    columns = ("proteins", "mean", "longest", "way", "batches", "in one", "residues", "padding")
    print_head("Batches", *columns, "full")
    for name, lengths in sets.items():
        ways = {f"engine, {device}": our_batches(lengths, device) for device in ("cpu", "cuda")}
        budgets = [*TOKENS_PER_BATCH.values(), MAX_RESIDUES]
        ways["theirs"] = their_batches(lengths)
        for (way, batches), budget in zip(ways.items(), budgets, strict=True):
            padded = sum(len(batch) * lengths[batch].max() for batch in batches)
            in_one, residues = len(lengths) / len(batches), lengths.sum() / len(batches)
            parts = percent(1 - lengths.sum() / padded), percent(padded / len(batches) / budget)
            facts = round(lengths.mean()), lengths.max(), way, len(batches)
            print_row(name, *facts, in_one, round(residues), *parts)


def transformers_model(model: Model) -> nn.Module:
    """The class of transformers for this model, with its weights, in its dtype."""
    import transformers

    config = json.loads((model.folder / FILES["config"]).read_text())
    if model.description["architecture"] == "t5":
        made = transformers.T5EncoderModel(transformers.T5Config(**config))
    elif model.description["architecture"] == "esm":
        config |= {"pad_token_id": 1, "mask_token_id": 32}
        made = transformers.EsmModel(transformers.EsmConfig(**config), add_pooling_layer=False)
    else:
        width, inner, heads, layers = shape_of(config)
        config = {"hidden_size": width, "intermediate_size": inner, "vocab_size": 64}
        config |= {"num_attention_heads": heads, "num_hidden_layers": layers}
        made = transformers.EsmcModel(transformers.EsmcConfig(**config))
    tensors = load_file(model.folder / FILES["weights"])
    missing = made.load_state_dict(tensors, strict=False).missing_keys
    # A table that is tied to another, and a head that gives no vectors.
    assert not [name for name in missing if not re.match("contact_head|.*embed_tokens", name)]
    return made.eval().to(getattr(torch, model.dtype))


@torch.inference_mode()
def their_rows(model: Model, theirs: nn.Module, sequences: list[str], folder: Path) -> np.ndarray:
    """Padded batches; all vectors in memory, then one write."""
    reading, rows = model.reading, {}
    for batch in their_batches(np.array([len(sequence) for sequence in sequences])):
        tokens = reading.token_ids(model.tokenizer, [sequences[i] for i in batch])
        ids = nn.utils.rnn.pad_sequence(list(map(torch.tensor, tokens)), batch_first=True)
        lengths = [len(row) for row in tokens]
        mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
        states = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
        for place, row, length in zip(batch, states, lengths, strict=True):
            rows[place] = row[reading.before : length - reading.after].mean(dim=0).float().numpy()
    matrix = np.stack([rows[place] for place in range(len(sequences))])
    np.save(folder / "theirs.npy", matrix)
    return matrix


def our_rows(model: Model, sequences: list[str], folder: Path) -> np.ndarray:
    """As embed.py does: progress is kept, then the file is written."""
    rows = embed(model, sequences, sequences, work=Work(folder, {"of": len(sequences)})).rows
    write_tensors(folder / "ours.safetensors", {"embedding": rows}, {})
    return rows


@dataclass
class Way:
    """What one way needed for each batch, in seconds, and its rows."""

    rows_of: Callable[[list[str], Path], np.ndarray]
    best: list[float]
    rows: list[np.ndarray]

    def run(self, number: int, sequences: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.process_time()
            self.rows[number] = self.rows_of(sequences, Path(folder))
            self.best[number] = min(self.best[number], time.process_time() - begin)


@torch.inference_mode()
def peak_gflops(dtype: str) -> float:
    """Of a large matrix product alone, by the same clock."""
    layer = nn.Sequential(Linear(2048, 2048, bias=False))
    set_precision(layer, getattr(torch, dtype))
    use_onednn(layer)
    x, best = torch.randn(1024, 2048).to(getattr(torch, dtype)), math.inf
    for _ in range(5):
        begin = time.process_time()
        layer(x)
        best = min(best, time.process_time() - begin)
    return 2 * 1024 * 2048**2 / best / 1e9


def compare(folder: Path, dtype: str, sequences: list[str], step: int, rounds: int) -> None:
    """Two rows of the table."""
    model = load_model(folder, dtype, torch.get_num_threads())
    limit = model.description["max_length"] - 2
    read = [sequence for sequence in sequences if len(sequence) <= limit]
    batches = their_batches(np.array([len(sequence) for sequence in read]))[step // 2 :: step]
    chosen = [[read[i] for i in batch] for batch in batches]
    theirs = partial(their_rows, model, transformers_model(model))
    ways = {
        name: Way(rows_of, [math.inf] * len(chosen), [None] * len(chosen))
        for name, rows_of in (("engine", partial(our_rows, model)), ("theirs", theirs))
    }
    peak = 0.0
    for _ in range(rounds):
        for number, some in enumerate(chosen):
            for way in ways.values():
                way.run(number, some)
            peak = max(peak, peak_gflops(dtype))
    count, residues = sum(map(len, chosen)), sum(len(one) for some in chosen for one in some)
    exact, far = np.concatenate(ways["engine"].rows), np.concatenate(ways["theirs"].rows)
    difference = float(abs(exact - far).max())
    for name, way in ways.items():
        seconds = sum(way.best)
        speed = flops_per_token(model) * residues / seconds / 1e9
        print_row(
            model.description["backend"],
            dtype,
            name,
            f"{count} of {len(read)}",
            round(residues / count),
            count / seconds,
            speed,
            percent(speed / peak),
            f"{sum(ways['theirs'].best) / seconds:.2f} x",
            difference,
        )


def print_lengths(folder: Path, dtype: str) -> None:
    """What a batch of one protein costs against one that is full with equal lengths."""
    model = load_model(folder, dtype, torch.get_num_threads())
    name = model.description["backend"]
    print_head(f"{name}, {dtype}: GFLOP/s of a batch", "tokens of a protein", "one", "1,024 tokens")
    for length in (50, 100, 200, 371):
        sizes, best = (1, max(1, 1024 // length)), [math.inf, math.inf]
        for _ in range(3):
            for i, size in enumerate(sizes):
                begin = time.process_time()
                with torch.inference_mode():
                    model.encoder(torch.full((size, length), 5))
                best[i] = min(best[i], time.process_time() - begin)
        work = flops_per_token(model) * length / 1e9
        print_row(length, *(work * size / s for size, s in zip(sizes, best, strict=True)))


def print_memory(counts: Sequence[int], folder: Path) -> None:
    model = write_random("fastesm2_650", folder / "narrow", **NARROW)
    title = "embed.py, a narrow ESM2 of 256 columns"
    print_head(title, "proteins", "s", "peak MB", "MB of the result")
    for count in counts:
        shard = write_shard(folder / str(count), ".faa", of_lengths(drawn_lengths(count)))
        print_row(count, *cost_and_matrix(model, shard))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proteins", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--models", nargs="*", default=[name for name, *_ in MODELS])
    parser.add_argument("--memory", type=int, nargs="*", default=[1000, 50_000])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"Load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print_memory(options.memory, folder)
        sequences, real = list(of_lengths(drawn_lengths(options.proteins))), real_proteins(2000)
        lengths = {
            f"{options.proteins} drawn": drawn_lengths(options.proteins),
            "50,000 drawn": drawn_lengths(50_000),
            f"{len(real)} real": np.array([len(protein) for protein in real]),
        }
        print_batches(lengths)
        print_head("Speed on one thread", *COLUMNS)
        for name, shape, step in MODELS:
            if name in options.models:
                model = write_random(name, folder / name, **shape)
                for dtype in dtypes() if name == "esm_c_600m" else ["float32"]:
                    compare(model, dtype, sequences, step, options.rounds)
        for name in options.models[:1]:
            print_lengths(folder / name, "float32")
    print(f"\nLoad of the machine: {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
