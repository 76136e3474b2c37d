#!/usr/bin/env python3
"""Download a file, resuming an unfinished one; it appears once its checksums are right."""

import argparse
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.files.downloads import checked_download, fetch


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--url", required=True)
    options.add_argument("--mirror", help="server, with path if any, in place of that of the URL")
    options.add_argument("--bytes", help="the size the file must have")
    options.add_argument("--md5", help="the MD5 it must have, as NCBI publishes them")
    options.add_argument("--sha256", help="the SHA-256 it must have")
    options.add_argument("--out", type=Path, required=True, help="file to write")
    return options


def main(args: argparse.Namespace) -> None:
    cells = {key: getattr(args, key) for key in ("url", "bytes", "md5", "sha256")}
    fetch(checked_download(cells, "command line"), args.out, args.mirror)


if __name__ == "__main__":
    run(main, arguments())
