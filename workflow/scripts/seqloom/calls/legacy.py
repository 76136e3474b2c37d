"""The two files of a prediction by VirNucPro."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch


def write_legacy(results: Path, highest: Path, frames: pd.DataFrame) -> None:
    """Write a row per frame, and one per window whose best frame decides; `frames` has id, logit.

    The arithmetic is that of VirNucPro, in float32, whose two scores follow from their log-odds.
    """
    logit = torch.tensor(frames["logit"].to_numpy(), dtype=torch.float32)
    scores = torch.softmax(torch.stack([torch.zeros_like(logit), logit], dim=1), dim=1).numpy()
    table = pd.DataFrame({"Sequence_ID": frames["id"].to_numpy()})
    table["Prediction"] = np.where(scores[:, 1] > scores[:, 0], "virus", "others")
    table[["score1", "score2"]] = scores.astype(str)
    table.to_csv(results, sep="\t", index=False)

    table[["score1", "score2"]] = scores
    best = table.groupby(table["Sequence_ID"].str[:-2].rename("Modified_ID"))
    best = best[["score1", "score2"]].max()
    best["Is_Virus"] = best["score2"] >= best["score1"]
    best[["Is_Virus"]].to_csv(highest, sep="\t")
