"""The data of the page of gene annotation, read from the files of the other stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqloom.files.json_files import read_json
from seqloom.report.data import Row, result_rows
from seqloom.report.gene_training import Training, read_training
from seqloom.seqs.drafts import LEFT_OUT, READ


@dataclass(frozen=True)
class GeneReport:
    """Everything on the page."""

    title: str
    species: list[dict[str, Any]]  # stats.json of each
    baked: dict[str, Any]  # stats.json of the set
    rules: list[Row]
    leaks: list[Row]
    scores: list[Row]
    cards: list[dict[str, Any]]  # of the predictions
    loci: list[dict[str, Any]]
    busco: list[dict[str, Any]]
    training: Training | None
    settings: dict[str, Any]

    @property
    def oddities(self) -> list[tuple[str, str, list[int], bool]]:
        """Name, sentence, the number in each species, and whether such genes are left out."""
        return [
            (name, sentence, counts, name in LEFT_OUT)
            for name, sentence in (LEFT_OUT | READ).items()
            if any(counts := [one["oddities"].get(name, 0) for one in self.species])
        ]

    @property
    def biotypes(self) -> list[tuple[str, list[int], bool]]:
        """Name, the number in each species, and whether such genes are written."""
        totals = self.baked["genes"]
        return [
            (name, [one["genes"].get(name, 0) for one in self.species], name in self.written)
            for name in sorted(totals, key=lambda name: (-totals[name], name))
        ]

    @property
    def written(self) -> list[str]:
        """The biotypes that are written."""
        left_out = self.baked["left_out_genes"]
        return [name for name in self.baked["genes"] if name not in left_out]

    @property
    def warnings(self) -> list[str]:
        return [f"{leak['note']}." for leak in self.leaks if leak["note"]]

    @property
    def versions(self) -> list[str]:
        """Those of seqloom that wrote the files."""
        cards = [*self.species, self.baked, *self.cards]
        found = (card["provenance"]["versions"]["seqloom"] for card in cards)
        return list(dict.fromkeys(found))

    def score_rows(self) -> list[dict[str, Any]]:
        """A row for each sample, part, program and biotype; its levels are keys."""
        rows: dict[tuple[str, ...], dict[str, Any]] = {}
        for row in self.scores:
            key = tuple(row[name] for name in ("sample", "part", "biotype", "program"))
            named = dict(zip(("sample", "part", "biotype", "program"), key, strict=True))
            rows.setdefault(key, named)[row["level"]] = row
        return sorted(rows.values(), key=lambda row: (row["sample"], row["part"]))


def read_gene_report(
    title: str,
    species: Sequence[Path],
    baked: Path,
    scores: Path,
    cards: Sequence[Path],
    loci: Sequence[Path],
    busco: Sequence[Path],
    stages: Sequence[Path],
    simulated: bool,
    settings: dict[str, Any],
) -> GeneReport:
    """`species`, `baked` and `stages` are folders."""
    return GeneReport(
        title,
        [read_json(folder / "stats.json") for folder in species],
        read_json(baked / "stats.json"),
        result_rows(baked / "rules.tsv", "species"),
        result_rows(baked / "audit.tsv", "part"),
        result_rows(scores, "sample"),
        [read_json(path) | {"sample": path.stem} for path in cards],
        [read_json(path) for path in loci],
        [read_json(path) for path in busco],
        read_training(stages, simulated),
        settings,
    )
