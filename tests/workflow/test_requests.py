"""What jobs ask for, beside what they take."""

import csv
import os
import re
import subprocess
from pathlib import Path


def requests(text: str) -> dict[str, dict[str, int]]:
    """What each job of a dry run asks for, by its benchmark file."""
    files = re.findall(r"^ +benchmark: (\S+)$", text, re.MULTILINE)
    lines = re.findall(r"^ +benchmark: .*\n(?: .*\n)*? +resources: (.*)$", text, re.MULTILINE)
    asked = [dict(word.split("=") for word in line.split(", ")) for line in lines]
    numbers = ("mem_mb", "runtime", "disk_mb")
    return {
        file: {name: int(words[name]) for name in numbers}
        for file, words in zip(files, asked, strict=True)
    }


def test_every_job_asks_for_what_it_took_and_small_ones_for_little(finished):
    asked = requests(finished.run("-n", "-p", "--forceall"))
    measured = []
    for file, need in asked.items():
        [row] = csv.DictReader((finished.folder / file).read_text().splitlines(), delimiter="\t")
        assert need["mem_mb"] <= 2000 and need["runtime"] <= 1440 and need["disk_mb"] <= 500, file
        if row["max_rss"] != "NA":  # else it was too short to be looked at
            measured.append(file)
            assert float(row["max_rss"]) <= need["mem_mb"], file
    assert len(asked) > 40 and len(measured) > len(asked) / 2
    assert all(need["mem_mb"] < 1500 for file, need in asked.items() if "/embed/" in file)


def test_a_job_that_is_killed_for_memory_is_repeated_with_more(fresh):
    script = fresh.folder / "workflow/scripts/simulate.py"
    held = "held = bytearray(b'x') * 500_000_000  # more than the rule asks for\n"
    script.write_text(script.read_text().replace("\nlog = ", f"\n{held}log = "))
    words = ("resources/demo/query.fa.gz", "--executor", "processes", "--jobs", "1", "-p")
    plugins = str(Path(__file__).with_name("plugins"))
    outcomes = []
    for retries in ("0", "1"):
        outcomes.append(
            subprocess.run(
                fresh.command(*words, "--retries", retries, "--latency-wait", "5"),
                cwd=fresh.folder,
                env=os.environ | {"PYTHONPATH": plugins},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    once, twice = outcomes
    assert once.returncode == 1 and "mem_mb=500," in once.stdout, once.stdout
    assert twice.returncode == 0 and "mem_mb=1000," in twice.stdout, twice.stdout
    assert "runtime=20" in twice.stdout
