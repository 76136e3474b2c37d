"""The reference data of the tests agree with their checksums."""

import csv
from hashlib import sha256

from facts import DATA


def test_every_file_of_facts_has_a_source_and_is_unchanged():
    with open(DATA / "SOURCES.tsv", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert all(all(row.values()) for row in rows)
    files = {path for path in DATA.rglob("*") if path.is_file()} - {DATA / "SOURCES.tsv"}
    assert {DATA / row["file"]: row["sha256"] for row in rows} == {
        path: sha256(path.read_bytes()).hexdigest() for path in files
    }
