#!/usr/bin/env python3
"""Start a rank for each GPU of this node, by torchrun: the same line on each node, but --node.

sft_ranks.py --nodes 2 --node 0 --address 192.168.100.10 -- sft.py --model ... --out ...
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from seqloom.cli import parser, positive, run
from seqloom.errors import InputError


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--nodes", type=positive, default=1)
    options.add_argument("--node", type=int, default=0, help="number of this node, from 0 on")
    options.add_argument("--gpus", type=positive, default=1, help="of each node")
    options.add_argument("--address", help="of node 0, as the other nodes reach it")
    options.add_argument("--port", type=positive, default=29500, help="a free one of node 0")
    options.add_argument("--environment", type=Path, help="such as resources/nccl/dgx-spark.env")
    options.add_argument("command", nargs="+", help="sft.py and its options, after --")
    return options


def main(args: argparse.Namespace) -> None:
    if args.nodes > 1 and not args.address:
        raise InputError(f"{args.nodes} nodes need --address, that of node 0")
    script = shutil.which(args.command[0])
    if not script:
        raise InputError(f"{args.command[0]}: no such program; give the path of sft.py")
    meeting = ["--standalone"]
    if args.nodes > 1:
        meeting = [f"--node-rank={args.node}", f"--master-addr={args.address}"]
        meeting.append(f"--master-port={args.port}")
    command = [sys.executable, "-m", "torch.distributed.run", *meeting]
    command += [f"--nnodes={args.nodes}", f"--nproc-per-node={args.gpus}", script]
    known = settings(args.environment) if args.environment else {}
    os.execve(sys.executable, [*command, *args.command[1:]], known | os.environ)


def settings(file: Path) -> dict[str, str]:
    """The variables of a file of lines NAME=VALUE and comments."""
    found = {}
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        name, equals, value = line.partition("=")
        if line.strip() and not line.startswith("#"):
            if not equals:
                raise InputError(f"{file}, line {number}: no NAME=VALUE; correct it")
            found[name.strip()] = value.strip()
    return found


if __name__ == "__main__":
    run(main, arguments())
