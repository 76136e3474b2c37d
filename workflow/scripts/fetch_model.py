#!/usr/bin/env python3
"""Make a model folder: weights from the hub or a folder, checked, or random for a demo backend."""

import argparse
import json
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.config.registry import REGISTRY, own_backend, read_backend
from seqloom.embedding.padding import check_padding
from seqloom.files.atomic import remove_leftovers
from seqloom.models.fetch import demo_source, downloaded_source, local_source, write_model
from seqloom.models.hub import download_folder


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--backend", required=True, help="a key of the registry")
    options.add_argument("--registry", type=Path, default=REGISTRY)
    options.add_argument(
        "--entry", type=json.loads, help="JSON of an entry of `backends` in the config, instead"
    )
    options.add_argument(
        "--local", type=Path, help="folder with config.json, weights, tokenizer; no download"
    )
    options.add_argument(
        "--sha256", help="of the weights file, instead of the registry's; of shards: with commas"
    )
    options.add_argument("--lock", type=Path, default=Path("models/lock.json"))
    options.add_argument("--out", type=Path, required=True, help="model folder to write")
    return options


def main(args: argparse.Namespace) -> None:
    if args.entry:
        backend = own_backend(args.backend, args.entry)
        given, local = backend.sha256, backend.local
    else:
        backend = read_backend(args.registry, args.backend)
        given, local = args.sha256, args.local
    expected = given or backend.sha256
    with download_folder(args.out) as downloads:
        remove_leftovers([args.out])
        if backend.demo is not None:
            source = demo_source(backend)
        elif local is not None:
            source = local_source(backend, Path(local), expected)
        else:
            source = downloaded_source(backend, expected, args.lock, downloads)
        if backend.is_own:
            check_padding(backend, source)
        write_model(backend, source, args.out, args.lock, replace_lock=given is not None)
        del source  # its tensors are mapped files, whose folder a network disk would not remove


if __name__ == "__main__":
    run(main, arguments())
