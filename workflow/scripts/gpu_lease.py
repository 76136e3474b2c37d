#!/usr/bin/env python3
"""Run a command with GPUs that no other lease holds."""

import argparse
import os

from seqloom.cli import parser, run
from seqloom.machine.lease import lease


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    # `@<(lines ...)` is for the command to read: the words may be more than the kernel takes.
    options.fromfile_prefix_chars = None
    options.add_argument("--gpus", type=int, default=1, help="how many the command needs")
    options.add_argument("command", nargs="+", help="the command, after --")
    return options


def main(args: argparse.Namespace) -> None:
    os.environ.update(lease(args.gpus, os.environ))
    # The command takes over this process and its locks, which end with it.
    os.execvp(args.command[0], args.command)


if __name__ == "__main__":
    run(main, arguments())
