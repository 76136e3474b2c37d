#!/usr/bin/env python3
"""Extend the tokenizer of DNABERT and its model by the tokens of gene annotation, in new files."""

import argparse
import logging
from pathlib import Path

from seqloom.annotate.codec import Codec
from seqloom.cli import parser, run
from seqloom.errors import InputError
from seqloom.files.atomic import atomic, atomic_all

log = logging.getLogger(__name__)


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    steps = options.add_subparsers(required=True)
    listed = steps.add_parser("list", help="write the list of new tokens")
    listed.set_defaults(step=list_tokens)
    listed.add_argument("--biotypes", nargs="+", required=True, help="such as CDS tRNA rRNA")
    listed.add_argument("--out", type=Path, required=True, help="text file, a token per line")

    append = steps.add_parser("append", help="append a list of tokens to a tokenizer")
    append.set_defaults(step=append_tokens)
    append.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json")
    append.add_argument("--tokens", type=Path, required=True, help="text file of `list`")
    append.add_argument("--out", type=Path, required=True, help="new tokenizer.json")

    resize = steps.add_parser("resize", help="give a model a row of embeddings for each token")
    resize.set_defaults(step=resize_model)
    resize.add_argument("--model", type=Path, required=True, help="folder with config.json")
    resize.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of `append`")
    resize.add_argument("--seed", type=int, default=42, help="of the new rows")
    resize.add_argument("--out", type=Path, required=True, help="new folder")
    return options


def main(args: argparse.Namespace) -> None:
    args.step(args)


def list_tokens(args: argparse.Namespace) -> None:
    tokens = Codec(tuple(args.biotypes)).tokens
    with atomic(args.out) as file:
        file.write_text("".join(f"{token}\n" for token in tokens))
    log.info("%s: %d tokens", args.out, len(tokens))


def append_tokens(args: argparse.Namespace) -> None:
    from seqloom.annotate.tokens import extended_tokenizer
    from seqloom.encoders.tokenizers import load_tokenizer

    refuse_in_place(args.tokenizer, args.out)
    tokens = args.tokens.read_text().split()
    extended = extended_tokenizer(load_tokenizer(args.tokenizer), tokens)
    with atomic(args.out) as file:
        extended.save(str(file))
    log.info("%s: %d tokens, %d of them new", args.out, extended.get_vocab_size(), len(tokens))


def resize_model(args: argparse.Namespace) -> None:
    from seqloom.annotate.resizing import resized
    from seqloom.encoders.architectures import build_encoder
    from seqloom.encoders.tokenizers import load_tokenizer
    from seqloom.files.json_files import read_json, write_json
    from seqloom.models.weights import encoder_tensors, read_tensors, weight_files, write_weights

    refuse_in_place(args.model, args.out)
    tokenizer = load_tokenizer(args.tokenizer)
    size = max(tokenizer.get_vocab().values()) + 1
    config = read_json(args.model / "config.json")
    encoder = build_encoder("dnabert", config, args.model / "config.json")
    tensors = encoder_tensors(read_tensors(weight_files(args.model)), encoder, args.model)
    names = ("config.json", "model.safetensors", "tokenizer.json")
    with atomic_all([args.out / name for name in names]) as [settings, weights, tokens]:
        write_json(settings, config | {"vocab_size": size})
        write_weights(weights, resized(tensors, size, args.seed))
        tokenizer.save(str(tokens))
    log.info("%s: embeddings of %d tokens", args.out, size)


def refuse_in_place(old: Path, new: Path) -> None:
    if old.resolve() == new.resolve():
        raise InputError(f"{new}: the old file would be overwritten; give another --out")


if __name__ == "__main__":
    run(main, arguments())
