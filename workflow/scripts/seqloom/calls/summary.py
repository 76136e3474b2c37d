"""The summary of a prediction."""

from typing import Any

import pandas as pd

from seqloom.calls.contig_calls import HOST, UNCALLED, VIRAL


def summary(calls: pd.DataFrame, regions: pd.DataFrame) -> dict[str, Any]:
    """Contigs and bases by call, the number of regions, and the FDR of all viral calls."""
    groups = calls.groupby("call")["length"]
    viral = calls[calls["call"] == VIRAL]
    return {
        "contigs": _by_call(groups.size()),
        "bases": _by_call(groups.sum()),
        "regions": len(regions),
        "fdr": round(float(viral["fdr"].max()), 4) if len(viral) else None,
    }


def _by_call(counts: pd.Series) -> dict[str, int]:
    return {call: int(counts.get(call, 0)) for call in (VIRAL, HOST, UNCALLED)}
