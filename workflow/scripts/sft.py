#!/usr/bin/env python3
"""Fine-tune a GeneT5 on baked windows; the same command goes on where an earlier one ended.

Start it by torchrun to train on several GPUs or nodes: each process is a rank.
"""

import argparse
import dataclasses
import logging
from pathlib import Path
from typing import Any

import torch

from seqloom.cli import parser, positive, run
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.errors import InputError
from seqloom.files.checksums import sha256
from seqloom.files.folders import lock_folder
from seqloom.files.json_files import read_json, write_json
from seqloom.files.provenance import provenance
from seqloom.genet5.baked import read_baked
from seqloom.genet5.checkpoints import LATEST, recover
from seqloom.genet5.folders import load_model, save_model
from seqloom.genet5.loading import Batches
from seqloom.genet5.memory import Load, free_bytes, refuse_without_memory
from seqloom.genet5.network import GeneT5
from seqloom.genet5.order import Windows, windows_of_parts
from seqloom.genet5.ranks import Ranks, joined_ranks
from seqloom.genet5.sft import Output, Recipe, Training

log = logging.getLogger(__name__)

_PATHS = "model", "baked", "out"


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True, help="folder of init_genet5.py")
    options.add_argument("--baked", type=Path, required=True, help="folder of bake_set.py")
    options.add_argument("--species", nargs="+", required=True, help="whose windows are trained on")
    length = options.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=positive, default=1)
    length.add_argument("--steps", type=positive, help="of the optimizer, instead of epochs")
    options.add_argument("--batch", type=positive, default=1024, help="windows a step, in all")
    options.add_argument(
        "--tokens-per-batch", type=positive, default=16384, help="at once on a rank, with padding"
    )
    options.add_argument("--lr", type=float, default=1e-4)
    options.add_argument("--warmup", type=float, default=0.05, help="share of the steps")
    options.add_argument("--weight-decay", type=float, default=0.1)
    options.add_argument("--clip", type=float, default=1.0, help="largest norm of gradients")
    options.add_argument("--smoothing", type=float, default=0.1, help="of labels")
    options.add_argument(
        "--segment-weight", type=float, default=1.0, help="of the loss of the segment head"
    )
    options.add_argument(
        "--dtype",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="of the matrix products (weights are float32); auto: bfloat16 on a GPU",
    )
    options.add_argument(
        "--checkpointing", action="store_true", help="compute layers twice, which saves memory"
    )
    options.add_argument("--compile", action="store_true", help="by torch.compile")
    options.add_argument("--evaluate-every", type=positive, default=100, help="steps")
    options.add_argument(
        "--evaluate-windows", type=positive, default=200, help="most windows of validation"
    )
    options.add_argument("--keep-every", type=positive, help="steps whose models stay, as step_N")
    options.add_argument("--seed", type=int, default=42)
    options.add_argument("--threads", type=positive, default=1)
    options.add_argument("--workers", type=int, default=0, help="processes a rank that read ahead")
    options.add_argument("--out", type=Path, required=True, help="folder")
    return options


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(not torch.cuda.is_available())
    torch.utils.deterministic.fill_uninitialized_memory = False  # a check that costs time
    with joined_ranks() as ranks:
        if not ranks.is_first:
            logging.getLogger().setLevel(logging.WARNING)
        args.out.mkdir(parents=True, exist_ok=True)
        lock = lock_folder(args.out / ".lock") if ranks.is_first else None
        fine_tune(args, ranks)
        if lock:
            lock.close()


def fine_tune(args: argparse.Namespace, ranks: Ranks) -> None:
    if ranks.is_first:
        recover(args.out)
    ranks.wait()
    latest = args.out / LATEST
    network = load_model(latest if latest.exists() else args.model)
    tokenizer = load_tokenizer(args.model / "tokenizer.json")
    baked = read_baked(args.baked)
    if network.shape.codec != baked.codec:
        raise InputError(
            f"{args.model}: its tokens are not those of {baked.folder}; begin with a model that "
            "init_genet5.py made for this set"
        )
    training, validation = windows_of_parts(baked, args.species)
    recipe = recipe_of(args, training, ranks)
    refuse_without_memory(network.shape, load(training, args), free_bytes(ranks.device))
    network.to(ranks.device).recompute(args.checkpointing)
    if args.compile:
        # By default shapes become symbols when they change; `dynamic=True` hangs on GB10.
        network.compile(dynamic=None)
    report = read_json(args.model / "init_report.json")

    def write_model(folder: Path, network: GeneT5) -> None:
        save_model(folder, network, tokenizer, report)

    data = {
        "species": args.species,
        "steps_per_epoch": -(-len(training) // recipe.batch),
        **sums(training, "training"),
        **sums(validation, "validation"),
    }
    made_from = {
        **dataclasses.asdict(recipe),
        **data,
        "weights": sha256(args.model / "model.safetensors"),
    }
    # Who ran out of memory goes on with fewer: only sums have another order then.
    del made_from["tokens_per_batch"]
    if ranks.is_first:
        write_json(
            args.out / "finetune_config.json", description(args, network, recipe, ranks) | data
        )
    Training(
        network,
        recipe,
        Batches(training, baked.codec, baked.rules, tokenizer, args.seed),
        Batches(validation, baked.codec, baked.rules),
        ranks,
        Output(args.out, write_model, made_from, args.keep_every),
        args.workers,
    ).run()
    log.info("%s: best and latest model", args.out)


def description(
    args: argparse.Namespace, network: GeneT5, recipe: Recipe, ranks: Ranks
) -> dict[str, Any]:
    return {
        "recipe": dataclasses.asdict(recipe),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "shape": dataclasses.asdict(network.shape),
        "ranks": ranks.count,
        "device": ranks.device.type,
        "provenance": provenance(
            "sft",
            {
                "model": args.model / "model.safetensors",
                "baked": args.baked / "bake_config.json",
            },
            {key: value for key, value in vars(args).items() if key not in _PATHS},
            ("torch", "tokenizers"),
        ),
    }


def recipe_of(args: argparse.Namespace, training: Windows, ranks: Ranks) -> Recipe:
    dtype = args.dtype
    if dtype == "auto":
        dtype = "bfloat16" if ranks.device.type == "cuda" else "float32"
    chosen = {name: getattr(args, name) for name in Recipe.__dataclass_fields__}
    steps = args.steps or args.epochs * -(-len(training) // args.batch)
    return Recipe(**chosen | {"steps": steps, "dtype": dtype})


def load(windows: Windows, args: argparse.Namespace) -> Load:
    """The largest micro-batch."""
    bases, tokens, steps = windows.largest
    together = min(max(1, args.tokens_per_batch // tokens), args.batch, len(windows))
    return Load(together, bases, tokens, steps, trains=True, recomputes=args.checkpointing)


def sums(windows: Windows, part: str) -> dict[str, int]:
    tokens = int(windows.sizes("tokens").sum())
    return {f"{part}_windows": len(windows), f"{part}_tokens": tokens}


if __name__ == "__main__":
    run(main, arguments())
