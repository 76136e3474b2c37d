#!/usr/bin/env python3
"""Make a new GeneT5 for a baked set, from DNABERT or random, with a report of where it is from."""

import argparse
import logging
from collections import Counter
from pathlib import Path

from seqloom.cli import parser, positive, run
from seqloom.encoders.architectures import build_encoder
from seqloom.encoders.layers import Encoder
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.errors import InputError
from seqloom.files.json_files import read_json
from seqloom.files.provenance import provenance
from seqloom.genet5.baked import read_baked
from seqloom.genet5.folders import save_model
from seqloom.genet5.initial import initial_model
from seqloom.genet5.shape import Shape
from seqloom.models.weights import encoder_tensors, read_tensors, weight_files

log = logging.getLogger(__name__)

RANDOM = "random"
# Sizes that DNABERT decides, by their names in its config.json.
_OF_DNABERT = {
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "inner": "intermediate_size",
}


def arguments() -> argparse.ArgumentParser:
    options, default = parser(__doc__), Shape
    options.add_argument("--baked", type=Path, required=True, help="folder of bake_set.py")
    options.add_argument("--model", type=Path, help="folder of DNABERT; none for random")
    options.add_argument("--from", dest="source", choices=("dnabert2", "dnabert_s", RANDOM))
    options.set_defaults(source=RANDOM)
    for name in _OF_DNABERT:
        about = f"of a random model; {getattr(default, name)} if not given"
        options.add_argument(f"--{name}", type=positive, help=about)
    options.add_argument("--decoder-layers", type=positive, help="as many as --layers if not given")
    options.add_argument("--experts", type=positive, default=default.experts, help="of a layer")
    options.add_argument("--top-k", type=positive, default=default.top_k, help="experts of a step")
    options.add_argument("--sparse-block", type=positive, help="tokens; dense if not given")
    options.add_argument("--seed", type=int, default=42)
    options.add_argument("--out", type=Path, required=True, help="folder of the model")
    return options


def main(args: argparse.Namespace) -> None:
    baked = read_baked(args.baked)
    tensors, files = None, {}
    sizes = {name: getattr(args, name) for name in _OF_DNABERT if getattr(args, name)}
    if args.source != RANDOM:
        encoder, sizes = dnabert_of(args)
        found = weight_files(args.model)
        tensors = encoder_tensors(read_tensors(found), encoder, args.model)
        files = {file.name: file for file in found}
    sizes["decoder_layers"] = args.decoder_layers or sizes.get("layers", Shape.layers)
    shape = Shape(
        baked.codec.first_id,
        baked.codec.biotypes,
        **sizes,
        experts=args.experts,
        top_k=args.top_k,
        sparse_block=args.sparse_block,
    )
    network, origins = initial_model(shape, args.seed, tensors, args.source)
    report = {
        "from": args.source,
        "parameters": sum(tensor.numel() for tensor in network.parameters()),
        "tensors": origins,
        "provenance": provenance(
            "init_genet5",
            {"tokenizer": baked.tokenizer, **files},
            {"seed": args.seed},
            ("torch", "numpy"),
        ),
    }
    save_model(args.out, network, load_tokenizer(baked.tokenizer), report)
    kinds = Counter(origin.partition(" from")[0].partition("(")[0] for origin in origins.values())
    log.info(
        "%s: %s parameters; tensors: %s",
        args.out,
        f"{report['parameters']:,}",
        ", ".join(f"{count} {kind}" for kind, count in kinds.items()),
    )


def dnabert_of(args: argparse.Namespace) -> tuple[Encoder, dict[str, int]]:
    """DNABERT without weights, and the sizes it has; other ones are an error."""
    if not args.model:
        raise InputError(f"--from {args.source} needs --model, the folder of its weights")
    file = args.model / "config.json"
    config = read_json(file)
    encoder = build_encoder("dnabert", config, file)
    sizes = {name: config[key] for name, key in _OF_DNABERT.items()}
    for name, size in sizes.items():
        if getattr(args, name) not in (None, size):
            raise InputError(
                f"{args.model}: its {name} is {size}, but --{name} is {getattr(args, name)}; leave "
                f"out --{name}"
            )
    return encoder, sizes


if __name__ == "__main__":
    run(main, arguments())
