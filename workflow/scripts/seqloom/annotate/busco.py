"""BUSCO on proteins: how many of the genes that a lineage has once are complete."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqloom.errors import InputError
from seqloom.files.damage import damaged, reraise_as_damaged
from seqloom.files.json_files import read_json

# The keys of BUSCO's JSON (from version 5.4 on) by ours.
_RESULTS = {
    "markers": "n_markers",
    "complete": "Complete BUSCOs",
    "single": "Single copy BUSCOs",
    "duplicated": "Multi copy BUSCOs",
    "fragmented": "Fragmented BUSCOs",
    "missing": "Missing BUSCOs",
}


def run_busco(proteins: Path, lineage: Path, threads: int) -> dict[str, Any]:
    """What BUSCO counts in proteins mode, with a lineage folder and without the network."""
    with TemporaryDirectory() as folder:
        options = ["--mode", "proteins", "--lineage_dataset", str(lineage.resolve()), "--offline"]
        options += ["--cpu", str(threads), "--out_path", folder, "--out", "run"]
        command = ["busco", "--in", str(proteins.resolve()), *options]
        # It writes a log and its downloads folder where it runs.
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        found = sorted(Path(folder, "run").glob("short_summary.specific.*.json"))
        if done.returncode or not found:
            said = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()
            why = next((line for line in said if "ERROR" in line), said[-1])
            raise InputError(f"{proteins}: busco failed ({why}); correct annotate.busco")
        return completeness(found[0])


def completeness(path: Path) -> dict[str, Any]:
    """The counts of a short_summary.*.json, and the lineage and version they are of."""
    summary = read_json(path)
    with reraise_as_damaged(path, KeyError, TypeError, ValueError):
        results: Mapping[str, Any] = summary["results"]
        counts = {name: int(results[key]) for name, key in _RESULTS.items()}
        lineage = summary["lineage_dataset"]["name"]
        version = summary["versions"]["busco"]
    if counts["complete"] + counts["fragmented"] + counts["missing"] != counts["markers"]:
        raise damaged(path, "its counts do not sum to the number of markers")
    return {**counts, "lineage": lineage, "version": version}
