"""A stand-in for the program busco, which checks its arguments and writes what BUSCO 6 writes."""

from pathlib import Path

BUSCO = """#!/usr/bin/env python3
import json, pathlib, sys
words = sys.argv[1:]
words.remove("--offline")
words = dict(zip(words[::2], words[1::2], strict=True))
assert set(words) == {"--in", "--mode", "--lineage_dataset", "--cpu", "--out_path", "--out"}, words
assert words["--mode"] == "proteins" and "/" not in words["--out"]
lineage = pathlib.Path(words["--lineage_dataset"])
if not (lineage / "dataset.cfg").is_file():
    print("ERROR:\\tthe lineage has no dataset.cfg", file=sys.stderr)
    sys.exit(1)
assert pathlib.Path(words["--in"]).read_text().startswith(">")
folder = pathlib.Path(words["--out_path"], words["--out"])
folder.mkdir()
results = {
    "one_line_summary": "C:75.0%[S:50.0%,D:25.0%],F:12.5%,M:12.5%,n:8",
    "Complete percentage": 75.0, "Complete BUSCOs": 6,
    "Single copy percentage": 50.0, "Single copy BUSCOs": 4,
    "Multi copy percentage": 25.0, "Multi copy BUSCOs": 2,
    "Fragmented percentage": 12.5, "Fragmented BUSCOs": 1,
    "Missing percentage": 12.5, "Missing BUSCOs": 1,
    "n_markers": 8, "domain": "prokaryota",
}
summary = {
    "parameters": {"mode": "proteins", "offline": "True"},
    "lineage_dataset": {"name": lineage.name, "number_of_buscos": "8", "number_of_species": "9"},
    "versions": {"hmmsearch": "3.4", "busco": "6.0.0"},
    "results": results,
}
path = folder / f"short_summary.specific.{lineage.name}.{words['--out']}.json"
path.write_text(json.dumps(summary))
"""


def write_busco(folder: Path) -> Path:
    """The folder of the program, to be in front of PATH, beside a lineage `tiny_odb12`."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "busco"
    program.write_text(BUSCO)
    program.chmod(0o755)
    (folder / "tiny_odb12").mkdir()
    (folder / "tiny_odb12" / "dataset.cfg").write_text("name=tiny_odb12\n")
    return program.parent
