"""The table of a sample's contigs: composition, and counts of windows and frames under a cut."""

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from seqloom.files.damage import damaged
from seqloom.files.tables import open_tsv
from seqloom.seqs.frames import NO_FRAME, STATUSES
from seqloom.seqs.genome import Genome
from seqloom.seqs.plans import frame_counts, is_read, statuses
from seqloom.seqs.windows import Layout

COUNTS = ("windows", "frames", "kept_windows", "kept_frames")
NUMBERS = ("length", *COUNTS)
COLUMNS = ("contig", "header", "length", "gc", "n_fraction", *COUNTS, "status", "reason", "sha256")


def read_contigs(path: str | Path) -> pa.Table:
    """A table of contigs; what is no number stays text, so NA, 007 and 1e5 keep their letters."""
    texts, numbers = dict.fromkeys(COLUMNS, pa.string()), dict.fromkeys(NUMBERS, pa.int64())
    with open_tsv(path, "contig") as file:
        return csv.read_csv(
            file.buffer,
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(column_types=texts | numbers),
        )


def read_lengths(path: str | Path) -> dict[str, int]:
    """The lengths of the contigs of a table by name, in its order."""
    contigs = read_contigs(path)
    return dict(zip(contigs["contig"].to_pylist(), contigs["length"].to_pylist(), strict=True))


def check_contigs(path: str | Path, contigs: pa.Table, genome: Genome) -> None:
    """Raise an error unless a table has the contigs of the genome, in its order."""
    if contigs["contig"].to_pylist() != genome.names:
        raise damaged(path, f"its contigs are not those of {genome.path}")


def planned_contigs(records: pa.Table, layout: Layout, plan: np.ndarray) -> pa.Table:
    """The records with their counts of windows and frames, and a reason if there is no frame."""
    contig, _ = layout.locate(np.arange(len(plan)))

    def per_contig(values: np.ndarray) -> np.ndarray:
        return np.bincount(contig, values, len(records)).astype(np.int64)

    frames, read, lost = frame_counts(plan), is_read(plan), statuses(plan)
    found = per_contig(frames)
    status, reason = (records[name].to_numpy() for name in ("status", "reason"))
    without = (status == "ok") & (found == 0)
    # A cut may allow frames of ambiguous bases only.
    status[found > 0], reason[found > 0] = "ok", ""
    status[without] = "no_frame"
    why = np.column_stack([per_contig(lost == i) for i in range(1, len(STATUSES))])
    reason[without] = [_reason(*counts) for counts in why[without].tolist()]
    columns = dict(zip(records.column_names, records.columns, strict=True)) | {
        "windows": layout.counts,
        "frames": found,
        "kept_windows": per_contig(read),
        "kept_frames": per_contig(frames * read),
        "status": status,
        "reason": reason,
    }
    return pa.table({name: columns[name] for name in COLUMNS})


@cache
def _reason(*lost: int) -> str:
    """Why a contig has no frame: the number of windows for each status of NO_FRAME."""
    return ", ".join(
        f"{why} in {counted(count, 'window')}"
        for why, count in zip(NO_FRAME.values(), lost, strict=True)
        if count
    )


def counted(count: int, unit: str) -> str:
    """`1 window`, `2 windows`."""
    return f"{count} {unit}{'' if count == 1 else 's'}"
