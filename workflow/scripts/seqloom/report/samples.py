"""All predictions in one table, a row each: as TSV, and as a file that MultiQC finds."""

from collections.abc import Sequence
from typing import Any

from seqloom.report.data import CALLS, Prediction

# MultiQC reads its settings from these lines.
_MULTIQC = """\
# id: seqloom
# section_name: seqloom
# description: Calls of contigs, and viral regions.
# plot_type: table
"""


def calls_table(predictions: Sequence[Prediction]) -> str:
    """The table of all predictions."""
    rows = [{"sample": p.sample, "experiment": p.experiment} | _numbers(p) for p in predictions]
    return _lines(["sample", "experiment", *NUMBERS, "warning"], rows)


def multiqc_table(predictions: Sequence[Prediction]) -> str:
    """The same numbers by sample and experiment, with the settings of MultiQC."""
    rows = [{"Sample": f"{p.sample} {p.experiment}"} | _numbers(p) for p in predictions]
    return _MULTIQC + _lines(["Sample", *NUMBERS], rows)


NUMBERS = ["contigs", *CALLS, "bases", "viral_bases", "regions", "fdr"]


def _numbers(prediction: Prediction) -> dict[str, Any]:
    summary = prediction.summary
    return {
        "contigs": sum(summary["contigs"].values()),
        **summary["contigs"],
        "bases": sum(summary["bases"].values()),
        "viral_bases": summary["bases"]["viral"],
        **{key: summary[key] for key in ("regions", "fdr", "warning")},
    }


def _lines(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    cells = [["" if row[name] is None else str(row[name]) for name in columns] for row in rows]
    return "".join("\t".join(line) + "\n" for line in [columns, *cells])
