"""Whether a classifier learned anything: what its validation part says, in numbers and in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from seqloom.learn.scores import log_losses


def validation_facts(frames: pd.DataFrame) -> dict[str, Any]:
    """The loss of the log-odds of frames, that of chance, and the standard error between them.

    Chance always answers the share of viral frames. Frames of a group are alike, so the error is
    that of a mean over groups. `frames` has label, group, logit.
    """
    viral = frames["label"] == "viral"
    loss = pd.Series(log_losses(viral, frames["logit"]), frames.index)
    chance = -np.log(np.where(viral, viral.mean(), 1 - viral.mean()))
    gain = chance - loss
    by_group = (gain - gain.mean()).groupby(frames["group"]).sum()
    groups = len(by_group)
    error = np.sqrt((by_group**2).sum() * groups / max(groups - 1, 1)) / len(frames)
    return {
        "loss": float(loss.mean()),
        "chance": float(chance.mean()),
        "groups": groups,
        "error": float(error),
    }


def nothing_learned(description: Mapping[str, Any]) -> str | None:
    """Why a classifier, described as in classifier.json, knows no more than chance; else None."""
    facts = description["validation"]
    if facts["loss"] >= facts["chance"]:
        return (
            f"the classifier learned nothing: validation loss {facts['loss']:.4f} is no better "
            f"than chance ({facts['chance']:.4f})"
        )
    for unit in ("frame", "contig"):
        if description["calibration"][unit]["slope"] <= 0:
            return (
                f"the classifier learned nothing: in validation, viral {unit}s score no higher "
                f"than host {unit}s"
            )
    return None


def warning(description: Mapping[str, Any]) -> str | None:
    """What must be read before any result of a classifier; None if there is nothing to say."""
    if nothing := nothing_learned(description):
        return f"{nothing}; it cannot tell viral from host sequences, so it calls no contig"
    facts = description["validation"]
    if facts["chance"] - facts["loss"] < facts["error"]:
        return (
            f"the classifier may be no better than chance: validation loss {facts['loss']:.4f}, "
            f"standard error {facts['error']:.4f} over {facts['groups']} groups, chance "
            f"{facts['chance']:.4f}; its calls may be luck, so add unrelated genomes"
        )
    return None
