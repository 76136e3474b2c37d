"""Whether a classifier learned anything, judged by its validation part."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from seqloom.config.labels import LABELS
from seqloom.learn.scores import log_losses

# Contigs of a label, below which the figures of a part, and a calibration, are doubted.
FEW_CONTIGS, FEW_TO_CALIBRATE = 10, 30


def validation_summary(frames: pd.DataFrame) -> dict[str, Any]:
    """The loss of the frames, the loss of chance, and the standard error of the difference.

    Chance always answers the share of viral frames. The frames of a group are not independent, so
    the standard error is one over groups. `frames` has label, group, logit, weight (of mean 1).
    """
    viral, weight = frames["label"] == "viral", frames["weight"]
    share = np.average(viral, weights=weight)
    loss = weight * log_losses(viral, frames["logit"])
    chance = -weight * np.log(np.where(viral, share, 1 - share))
    gain = chance - loss
    by_group = (gain - weight * gain.mean()).groupby(frames["group"]).sum()
    groups = len(by_group)
    error = np.sqrt((by_group**2).sum() * groups / max(groups - 1, 1)) / len(frames)
    return {
        "loss": float(loss.mean()),
        "chance": float(chance.mean()),
        "groups": groups,
        "error": float(error),
    }


def learning_failure(description: Mapping[str, Any]) -> str | None:
    """Why a classifier is no better than chance, from its classifier.json; None if it is."""
    validation = description["validation"]
    if validation["loss"] >= validation["chance"]:
        return (
            f"the classifier learned nothing: validation loss {validation['loss']:.4f} is no "
            f"better than chance ({validation['chance']:.4f})"
        )
    for unit in ("frame", "contig"):
        if description["calibration"][unit]["slope"] <= 0:
            return (
                f"the classifier learned nothing: in validation, viral {unit}s score no higher "
                f"than host {unit}s"
            )
    return None


def warning(description: Mapping[str, Any]) -> str | None:
    """All that speaks against trust in a classifier's results, as one sentence, if anything."""
    return "; ".join(_doubts(description)) or None


def _doubts(description: Mapping[str, Any]) -> Iterator[str]:
    validation, counts = description["validation"], description["train"]
    if failure := learning_failure(description):
        yield f"{failure}; it cannot tell viral from host sequences, so it calls no contig"
    elif validation["chance"] - validation["loss"] < validation["error"]:
        yield (
            f"the classifier may be no better than chance: validation loss "
            f"{validation['loss']:.4f}, standard error {validation['error']:.4f} over "
            f"{validation['groups']} groups, chance {validation['chance']:.4f}; "
            "its calls may be luck, so add unrelated genomes"
        )
    few = [
        f"{counts[part][f'{label}_contigs']} {label} in {part}"
        for part in ("validation", "test")
        for label in LABELS
        if counts[part][f"{label}_contigs"] < FEW_CONTIGS
    ]
    if few:
        yield (
            f"a part has fewer than {FEW_CONTIGS} contigs of a label ({', '.join(few)}), so its "
            "figures may be luck"
        )
    least = min(counts["validation"][f"{label}_contigs"] for label in LABELS)
    if least < FEW_TO_CALIBRATE:
        yield (
            f"validation has fewer than {FEW_TO_CALIBRATE} contigs of a label ({least}), so the "
            "probabilities are hardly calibrated"
        )
