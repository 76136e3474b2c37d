"""The model card of a classifier."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from seqloom.config.recipes import STANDARD, VIRNUCPRO
from seqloom.learn.verdict import warning


def model_card(description: Mapping[str, Any], history: pd.DataFrame) -> str:
    """model_card.md, from classifier.json and the history."""
    architecture, recipe = description["architecture"], description["recipe"]
    validation = description["validation"]
    best = history.set_index("epoch").loc[description["best_epoch"]]
    backends = "\n".join(
        f"| {b['backend']} | {b['width']} | {b['pooling']} | {b['dtype']} | {b['revision'] or ''} "
        f"| `{b['weights_sha256'][:16]}` |"
        for b in description["backends"]
    )
    cut = description["cut_settings"]
    training = _TRAINING[cut["training"]]
    settings = ", ".join(f"{key} {value}" for key, value in cut.items())
    parts = "\n".join(
        f"| {part} | {c['viral_frames']:,} | {c['host_frames']:,} | {c['viral_contigs']:,} "
        f"| {c['host_contigs']:,} |"
        for part, c in description["train"].items()
    )
    layers = (
        f"{_RECIPES[recipe['recipe']]}Linear({architecture['columns']}, "
        f"{architecture['hidden']}), BatchNorm, ReLU, "
        f"Dropout({architecture['dropout']}), Linear({architecture['hidden']}, 2)"
    )
    doubt = warning(description)
    warned = f"\n**Warning: {doubt}.**\n" if doubt else ""
    frame, contig = description["calibration"]["frame"], description["calibration"]["contig"]
    known = description["false_calls"]
    lengths = " | ".join(map(str, known["windows"]))
    thresholds = "\n".join(
        f"| {t['prevalence']} | {t['fdr']} | "
        + " | ".join("" if p is None else f"{p:.4f}" for p in t["probability"])
        + f" | {t['reason'] if None in t['probability'] else ''} |"
        for t in known["thresholds"]
    )
    return f"""# Classifier {description["experiment"]}
{warned}{_RANDOM if any(b["random"] for b in description["backends"]) else ""}
Tells viral from host sequences by {architecture["columns"]} numbers per frame, then by the mean
over the frames of a window and over the windows of a contig. It fits nothing but embeddings made
as below: prediction on others stops with an error.

## Input
{training}Cut `{description["cut"]}` ({settings}), fusion `{description["fusion"]}`:

| backend | columns | pooling | dtype | revision | weights, sha256 |
|---|---|---|---|---|---|
{backends}

## Training
Recipe `{recipe["recipe"]}`: {layers};
{recipe["optimizer"]}, learning rate {recipe["lr"]}, batches of {recipe["batch_size"]}, seed
{recipe["seed"]}. Of {len(history)} epochs number {description["best_epoch"]} had the lowest
validation loss, {best["validation_loss"]:.4f} (AUROC of frames {best["auroc"]:.4f}); its weights
are saved. The loss of chance is {validation["chance"]:.4f}, and the standard error over
{validation["groups"]} groups of the validation part {validation["error"]:.4f}.
{_seeds(description["seeds"])}
| part | viral frames | host frames | viral contigs | host contigs |
|---|---|---|---|---|
{parts}

## Probabilities
Fitted to the validation part, viral and host weighing the same: 0.5 means that nothing is known.
What was right for n groups of the validation part is taken to be right in (n + 1) of (n + 2)
cases, so few groups give modest probabilities. Slope {frame["slope"]:.4g} and offset
{frame["offset"]:.4g} for frames and windows ({frame["method"]});
{contig["slope"]:.4g} * n / (n + {contig["k"]:.4g}) and
{contig["offset"]:.4g} for contigs of n independent windows
({contig["method"]}), which count {contig["trust"]:.0%}
beside the raw log-odds.

## Thresholds
The least probability, at equal odds, from which on so few calls are false, for contigs of at least
so many independent windows. False calls are those of validation contigs cut to that length; one
more group with false calls is counted than was seen, and a standard error.

| prevalence | FDR | {lengths} | where empty |
|---|---|{"---|" * len(known["windows"])}---|
{thresholds}

## Limits
No frame of the test part was read in training. How well the classifier does there is in the
evaluation; how related the parts are is in the audit of the split.
"""


def _seeds(spread: Mapping[str, Any]) -> str:
    """What other seeds gave, if there are any."""
    if spread["count"] == 1:
        return ""
    loss, auroc = spread["validation_loss"], spread["auroc"]
    return (
        f"Over {spread['count']} trainings with other seeds, of which the first is saved, the\n"
        f"loss was {loss['mean']:.4f} (standard deviation {loss['deviation']:.4f}) and the AUROC "
        f"{auroc['mean']:.4f} ({auroc['deviation']:.4f}).\n"
    )


_RECIPES = {
    STANDARD: "columns standardized by the training rows, frames weighted by label, category and "
    "group; ",
    VIRNUCPRO: "",
}
_CODING = """Trained, calibrated and evaluated on frames that lie in {}; of other sequences
all frames are scored, coding or not, and the figures of the evaluation do not cover that.

"""
_TRAINING = {
    "all": "",
    "coding": _CODING.format("annotated coding sequences"),
    "virnucpro": _CODING.format("annotated translations"),
}
_RANDOM = """
**The backends are random demo models: this classifier shows the plumbing, not biology.**
"""
