#!/usr/bin/env python3
"""Refine a trained GeneT5 by rewards for the genes it samples (GRPO).

The same command goes on where an earlier one ended.
"""

import argparse
import dataclasses
import logging
from pathlib import Path

import torch

from seqloom.cli import parser, positive, run
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.errors import InputError
from seqloom.files.checksums import sha256
from seqloom.files.folders import lock_folder
from seqloom.files.json_files import read_json, write_json
from seqloom.files.provenance import provenance
from seqloom.genet5.baked import read_baked
from seqloom.genet5.checkpoints import recover
from seqloom.genet5.folders import load_model, save_model
from seqloom.genet5.grpo import CONFIG, Prompts, Recipe, Refinement
from seqloom.genet5.memory import Load, free_bytes, refuse_without_memory
from seqloom.genet5.network import GeneT5
from seqloom.genet5.order import windows_of_parts

log = logging.getLogger(__name__)

_PATHS = "model", "baked", "out"
_VALIDATION_WINDOWS = 50


def arguments() -> argparse.ArgumentParser:
    options, default = parser(__doc__), Recipe
    options.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    options.add_argument("--baked", type=Path, required=True, help="folder of bake_set.py")
    options.add_argument("--species", nargs="+", required=True, help="whose windows are prompts")
    options.add_argument("--prompts", type=positive, default=default.prompts, help="windows a step")
    options.add_argument("--group", type=positive, default=default.group, help="samples a window")
    options.add_argument("--temperature", type=float, default=default.temperature)
    options.add_argument("--top-k", type=positive, default=default.top_k, help="likeliest choices")
    options.add_argument("--top-p", type=float, default=default.top_p, help="their probability")
    options.add_argument(
        "--beta", type=float, default=default.beta, help="weight of the divergence from --model"
    )
    options.add_argument("--lr", type=float, default=default.lr)
    options.add_argument("--steps", type=positive, default=default.steps)
    options.add_argument("--seed", type=int, default=default.seed)
    options.add_argument("--threads", type=positive, default=1)
    options.add_argument("--out", type=Path, required=True, help="folder")
    return options


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(not torch.cuda.is_available())
    args.out.mkdir(parents=True, exist_ok=True)
    with lock_folder(args.out / ".lock"):
        recover(args.out)
        refine(args)


def refine(args: argparse.Namespace) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_model(args.model).to(device)
    recipe = Recipe(
        **{field.name: getattr(args, field.name) for field in dataclasses.fields(Recipe)}
    )
    if recipe.group < 2:
        raise InputError("--group 1: a sample is judged by others of its window; give 2 or more")
    prompts = prompts_of(args, network, recipe, device)
    tokenizer = load_tokenizer(args.model / "tokenizer.json")
    report = read_json(args.model / "init_report.json")

    def write_model(folder: Path, network: GeneT5) -> None:
        save_model(folder, network, tokenizer, report)

    weights = args.model / "model.safetensors"
    data = {"species": args.species, "windows": prompts.count, "weights": sha256(weights)}
    write_json(
        args.out / CONFIG,
        {
            "recipe": dataclasses.asdict(recipe),
            **data,
            "validation_windows": len(prompts.validation),
            "device": device.type,
            "provenance": provenance(
                "grpo",
                {"model": weights, "baked": args.baked / "bake_config.json"},
                {key: value for key, value in vars(args).items() if key not in _PATHS},
                ("torch", "tokenizers"),
            ),
        },
    )
    made_from = dataclasses.asdict(recipe) | data
    refinement = Refinement(network, recipe, prompts, args.out, write_model, made_from)
    refinement.go_on(load_model)
    refinement.run()


def prompts_of(
    args: argparse.Namespace, network: GeneT5, recipe: Recipe, device: torch.device
) -> Prompts:
    baked = read_baked(args.baked)
    if network.shape.codec != baked.codec:
        raise InputError(
            f"{args.model}: its tokens are not those of {baked.folder}; give a model that was "
            "trained on this set"
        )
    windows, held_out = windows_of_parts(baked, args.species)
    bases, tokens, steps = windows.largest
    # Samples of one window share its tokens, but each has its bases.
    load = Load(recipe.group, bases, tokens, 2 * steps + 32, trains=True)
    refuse_without_memory(network.shape, load, free_bytes(device))
    held_out = held_out.some(_VALIDATION_WINDOWS)
    validation = [held_out.read(number, baked.codec) for number in range(len(held_out))]
    return Prompts(
        len(windows),
        lambda number: windows.read(number, baked.codec),
        validation,
        baked.codec,
        baked.rules,
    )


if __name__ == "__main__":
    run(main, arguments())
