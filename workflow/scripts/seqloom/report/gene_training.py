"""What the stages of GeneT5 say of themselves: its beginning, its training, its rewards."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqloom.files.json_files import read_json
from seqloom.report.chart import COLORS, Points, chart_svg
from seqloom.report.data import Row
from seqloom.report.estimate_text import duration

_START = {"random": "random numbers", "dnabert2": "DNABERT-2", "dnabert_s": "DNABERT-S"}


@dataclass(frozen=True)
class Training:
    """The model before training, how it was trained, and the rewards of GRPO."""

    init: dict[str, Any]
    settings: dict[str, Any]
    steps: list[Row]
    evaluations: list[Row]
    rewards: list[Row]  # none if it was not refined
    is_simulated: bool

    @property
    def origins(self) -> list[tuple[str, int]]:
        """What the tensors of the model were before training, and how many of them."""
        origins = self.init["tensors"].values()
        return Counter(text.partition(":")[0].partition("(")[0] for text in origins).most_common()

    @property
    def time(self) -> str:
        return duration(float(self.steps[-1]["elapsed_sec"]))

    @property
    def size(self) -> str:
        return f"{self.init['parameters'] / 1e6:.1f} million parameters"

    @property
    def worth(self) -> str:
        """What its numbers are worth, in a sentence."""
        genomes = "simulated genomes" if self.is_simulated else "the species below"
        return (
            f"GeneT5 here has {self.size}, began as {_START[self.init['from']]} and was trained "
            f"for {self.time} on {self.settings['training_windows']:,} windows of {genomes}."
        )

    def charts(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """Title, picture, and the name and color of each of its lines."""
        kinds = (
            ("Loss", self.steps, {"validation": "val_loss", "training": "train_loss"}),
            ("F1 on validation", self.evaluations, {"exons": "exon_f1", "genes": "gene_f1"}),
            (
                "Reward of GRPO",
                self.rewards,
                {"samples": "reward_mean", "validation": "validation_reward"},
            ),
        )
        found = []
        for title, rows, columns in kinds:
            lines = [_points(rows, column) for column in columns.values()]
            if any(lines):
                legend = list(zip(columns, COLORS, strict=False))
                found.append((title, chart_svg(title, lines, "steps"), legend))
        return found


def read_training(stages: Sequence[Path], is_simulated: bool) -> Training | None:
    """From the folders of the stages; None if nothing was trained."""
    folders = {folder.name: folder for folder in stages}
    if not folders:
        return None
    sft = folders["sft"]
    return Training(
        read_json(folders["init"] / "init_report.json"),
        read_json(sft / "finetune_config.json"),
        _rows(sft / "training_log.csv"),
        _rows(sft / "eval_log.csv"),
        _rows(folders["grpo"] / "grpo_log.csv") if "grpo" in folders else [],
        is_simulated,
    )


def _rows(path: Path) -> list[Row]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _points(rows: Sequence[Row], column: str) -> Points:
    return [(float(row["global_step"]), float(row[column])) for row in rows if row[column]]
