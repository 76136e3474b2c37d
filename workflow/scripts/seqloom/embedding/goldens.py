"""The self-test of published weights, which must give their known vectors on this device."""

import contextlib
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqloom.embedding.engine import embed
from seqloom.embedding.loading import Model, describe, device_name
from seqloom.errors import InputError
from seqloom.files.checksums import sha256
from seqloom.files.json_files import read_json, write_json

log = logging.getLogger(__name__)

# A file beside model.json: versions, settings and devices whose vectors agreed.
PASSED = "self_tests.json"
GOLDENS = Path(__file__).parents[4] / "resources" / "goldens.json"

# Per value, where both sides computed in float32.
_EXACT = 1e-4
# Cosines of vectors of DNABERT-S with those in float32. The golden vectors of ESM-C were computed
# in bfloat16 throughout.
_COSINES = {
    "float32": 1.0,
    "float16": 0.9999998,
    "bfloat16": 0.9999942,
    "all bfloat16": 0.99994,
}
# Allowed errors relative to a vector's length. The first values of a vector may be five times as
# far off as DNABERT-S is: others have three times the layers, and those are few values of many.
_HEAD = {name: 5 * math.sqrt(2 * (1 - cosine)) for name, cosine in _COSINES.items()}
# A whole vector in half precision needs a cosine of .9999.
_WHOLE = _HEAD | dict.fromkeys(("float16", "bfloat16"), math.sqrt(2 * (1 - 0.9999)))


def check_goldens(model: Model, goldens: Path = GOLDENS) -> str:
    """Embed the golden sequences of a model; the outcome in words, or an error."""
    outcome = _outcome(model, _golden_of(model, goldens))
    log.info("self-test: %s", outcome)
    return outcome


def check_goldens_once(model: Model, goldens: Path = GOLDENS) -> None:
    """Check the golden vectors, unless they agreed with these files and versions on this device."""
    key = {
        **{what: value for what, value in describe(model).items() if what != "random"},
        "torch": torch.__version__,
        "goldens_sha256": sha256(goldens),
    }
    file = model.folder / PASSED
    passed = read_json(file) if file.exists() else []
    if key in passed:
        log.info("self-test: passed before on this device, see %s", file)
        return
    check_goldens(model, goldens)
    if _golden_of(model, goldens):
        # If the folder cannot be written, each job repeats the test.
        with contextlib.suppress(OSError):
            write_json(file, [*passed, key])


def _golden_of(model: Model, goldens: Path) -> Mapping[str, Any] | None:
    """The golden vectors of published weights, if any are known."""
    if model.description["repository"] is None:
        return None
    return read_json(goldens).get(model.description["backend"])


def _outcome(model: Model, golden: Mapping[str, Any] | None) -> str:
    if golden is None and model.description["repository"] is None:
        return "no golden vectors, since these are not the published weights"
    if golden is None:
        return f"no golden vectors of {model.description['backend']} are known"
    cases = golden["cases"]
    ids = [f"golden sequence {number}" for number in range(1, len(cases) + 1)]
    rows = embed(model, ids, [case["sequence"] for case in cases]).rows
    found = [
        _difference(row, case, golden["arithmetic"], model.dtype)
        for row, case in zip(rows, cases, strict=True)
    ]
    worst = max(range(len(cases)), key=lambda i: found[i][0] / found[i][1])
    difference, allowed = found[worst]
    if difference > allowed:
        raise InputError(
            f"{model.folder}: wrong vectors: {ids[worst]} of {model.description['backend']} is "
            f"{difference:.2g} off, {allowed:.2g} is allowed in {model.dtype} on "
            f"{device_name(model.device)}; fetch the model again, try another driver or torch, "
            "or set `embed: dtype: float32`"
        )
    return f"{len(cases)} golden vectors agree ({difference:.1g} off, {allowed:.1g} is allowed)"


def _difference(
    row: np.ndarray, case: Mapping[str, Any], arithmetic: str, dtype: str
) -> tuple[float, float]:
    """How far a vector is off, and how far it may be: per value in float32, else relative."""
    is_whole = "pooled" in case
    expected = np.array(case["pooled" if is_whole else "head"])
    norm = case["norm"]
    off = row[: len(expected)] - expected
    off_norm = abs(np.linalg.norm(row.astype(np.float64)) - norm)
    if arithmetic == dtype == "float32":
        return max(abs(off).max(), off_norm), _EXACT
    # The part of the length that so many values have on average.
    length = norm * math.sqrt(len(expected) / len(row))
    relative = max(np.linalg.norm(off) / length, off_norm / norm)
    allowed = _WHOLE if is_whole else _HEAD
    return relative, max(allowed[arithmetic], allowed[dtype])
