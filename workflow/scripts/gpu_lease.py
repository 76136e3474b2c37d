#!/usr/bin/env python3
"""Run a command with GPUs of its own, chosen among those no other lease holds."""

import argparse
import os

from seqloom.cli import parser, run
from seqloom.machine.lease import lease


def arguments() -> argparse.ArgumentParser:
    known = parser(__doc__)
    known.add_argument("--gpus", type=int, default=1, help="how many the command needs")
    known.add_argument("command", nargs="+", help="the command, after --")
    return known


def main(args: argparse.Namespace) -> None:
    os.environ.update(lease(args.gpus, os.environ))
    # The command takes over this process and its locks, which end when it does, however it ends.
    os.execvp(args.command[0], args.command)


if __name__ == "__main__":
    run(main, arguments())
