#!/usr/bin/env python3
"""Check this machine and the models under models/, and say what to fix."""

import argparse
import logging
import sys
from pathlib import Path

from seqloom.cli import parser, run
from seqloom.machine.doctor import run_checks


def main(_args: argparse.Namespace) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    findings = run_checks(Path("models"))
    width = max(map(len, findings))
    for name, finding in findings.items():
        for i, line in enumerate(finding.text.splitlines()):
            print(f"{'' if i else name:{width}}  {line}")
    print()
    for name, finding in findings.items():
        if finding.advice:
            print(f"{'broken' if finding.is_broken else 'advice'}: {name}: {finding.advice}")
    if not any(finding.advice for finding in findings.values()):
        print("nothing to fix")
    if any(finding.is_broken for finding in findings.values()):
        sys.exit(1)


if __name__ == "__main__":
    run(main, parser(__doc__))
