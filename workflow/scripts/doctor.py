#!/usr/bin/env python3
"""Tell what this machine has, which models under models/ are right, and what to mend."""

import argparse
import logging
import sys
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.machine.doctor import examine


def main(_args: argparse.Namespace) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    findings = examine(Path("models"))
    width = max(map(len, findings))
    for name, found in findings.items():
        for i, line in enumerate(found.text.splitlines()):
            print(f"{'' if i else name:{width}}  {line}")
    print()
    for name, found in findings.items():
        if found.advice:
            print(f"{'broken' if found.is_broken else 'advice'}: {name}: {found.advice}")
    if not any(found.advice for found in findings.values()):
        print("nothing to mend")
    if any(found.is_broken for found in findings.values()):
        sys.exit(1)


if __name__ == "__main__":
    run(main, parser(__doc__))
