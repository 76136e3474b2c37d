#!/usr/bin/env python3
"""Run jobs on nodes without a scheduler, over ssh, for Snakemake's executor cluster-generic."""

import argparse
from pathlib import Path

from seqloom.cli import parser, positive, run
from seqloom.machine.ssh_jobs import LOST_AFTER, cancel, keep, kill, status, submit


def arguments() -> argparse.ArgumentParser:
    options = parser(__doc__)
    commands = options.add_subparsers(dest="command", required=True)
    start = commands.add_parser("submit", help="start a script on a node and print the job's name")
    start.add_argument("--nodes", nargs="+", required=True, help="as ssh knows them")
    start.add_argument("--slots", type=positive, default=1, help="jobs at once on each node")
    start.add_argument("--gpus", type=int, default=0, help="GPUs that the job will lease")
    start.add_argument("--ssh", default="ssh", help="with options, such as -p or -i")
    start.add_argument("script", type=Path)
    asked = commands.add_parser("status", help="print running, success or failed")
    asked.add_argument("--lost-after", type=float, default=LOST_AFTER, help="seconds of silence")
    asked.add_argument("job")
    commands.add_parser("cancel", help="end jobs").add_argument("jobs", nargs="+")
    keeper = commands.add_parser("keep", help="on the node: run the job of a folder")
    keeper.add_argument("--slots", type=positive, required=True)
    keeper.add_argument("folder", type=Path)
    commands.add_parser("kill", help="on the node: end a job").add_argument("job")
    return options


def main(args: argparse.Namespace) -> None:
    match args.command:
        case "submit":
            print(submit(args.script, args.nodes, args.slots, args.gpus, args.ssh))
        case "status":
            print(status(args.job, args.lost_after))
        case "cancel":
            cancel(args.jobs)
        case "keep":
            keep(args.folder, args.slots)
        case "kill":
            kill(args.job)


if __name__ == "__main__":
    run(main, arguments())
