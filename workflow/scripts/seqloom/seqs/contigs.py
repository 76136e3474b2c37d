"""The table of a sample's contigs: what they are, and what a cut makes of them."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from seqloom.files.damage import damaged
from seqloom.files.tables import open_tsv
from seqloom.seqs.frames import NO_FRAME, STATUSES
from seqloom.seqs.genome import Genome
from seqloom.seqs.plans import frame_counts, is_read, statuses
from seqloom.seqs.windows import Layout

COLUMNS = [
    *("contig", "header", "length", "gc", "n_fraction"),
    *("windows", "frames", "kept_windows", "kept_frames", "status", "reason", "sha256"),
]


def read_contigs(path: str | Path) -> pd.DataFrame:
    """A table of contigs; a contig may be called NA, 007 or 1e5."""
    texts = ("contig", "header", "sha256", "status", "reason")
    numbers = ("length", "windows", "frames", "kept_windows", "kept_frames")
    with open_tsv(path, "contig") as file:
        return pd.read_csv(
            file,
            sep="\t",
            quoting=csv.QUOTE_NONE,
            dtype=dict.fromkeys(texts, "str") | dict.fromkeys(numbers, "int64"),
            keep_default_na=False,
            na_values={"gc": [""], "n_fraction": [""]},
        )


def check_contigs(path: str | Path, contigs: pd.DataFrame, genome: Genome) -> None:
    """An error unless a table of contigs has those of the genome, in order."""
    if contigs["contig"].tolist() != genome.names:
        raise damaged(path, f"its contigs are not those of {genome.path}")


def write_contigs(path: str | Path, contigs: pd.DataFrame) -> None:
    """Write what `read_contigs` reads."""
    contigs.to_csv(
        path,
        sep="\t",
        index=False,
        float_format="%.4f",
        quoting=csv.QUOTE_NONE,
        lineterminator="\n",
    )


def planned_contigs(records: pd.DataFrame, layout: Layout, plan: np.ndarray) -> pd.DataFrame:
    """The records with what the plan makes of each; those without a frame say why."""
    contig, _ = layout.locate(np.arange(len(plan)))

    def per_contig(values: np.ndarray) -> np.ndarray:
        return np.bincount(contig, values, len(records)).astype(np.int64)

    frames, read, status = frame_counts(plan), is_read(plan), statuses(plan)
    counts = {
        "windows": layout.counts,
        "frames": per_contig(frames),
        "kept_windows": per_contig(read),
        "kept_frames": per_contig(frames * read),
    }
    lost = np.column_stack([per_contig(status == i) for i in range(1, len(STATUSES))])
    without = ((records["status"] == "ok") & (counts["frames"] == 0)).to_numpy()
    table = records.assign(**counts)
    # A cut may allow what is ambiguous all over.
    table.loc[table["frames"] > 0, ["status", "reason"]] = "ok", ""
    table.loc[without, "status"] = "no_frame"
    table.loc[without, "reason"] = [_reason(row) for row in lost[without].tolist()]
    return table[COLUMNS]


def _reason(lost: list[int]) -> str:
    """Why the windows of a contig have no frame."""
    return ", ".join(
        f"{why} in {counted(count, 'window')}"
        for why, count in zip(NO_FRAME.values(), lost, strict=True)
        if count
    )


def counted(count: int, unit: str) -> str:
    """`1 window`, `2 windows`."""
    return f"{count} {unit}{'' if count == 1 else 's'}"
