"""The two files of VirNucPro's predictions, against a plain writing of their specification."""

import numpy as np
import pandas as pd
import torch

from seqloom.calls.legacy import write_legacy


def by_the_specification(ids, outputs):
    """Both texts; `outputs` are the two numbers of the network for each frame, others first."""
    scores = torch.softmax(torch.tensor(outputs), dim=1).numpy()
    text, best = "Sequence_ID\tPrediction\tscore1\tscore2\n", {}
    for name, (others, virus) in zip(ids, scores, strict=True):
        verdict = ["others", "virus"][int(np.argmax([others, virus]))]
        text += f"{name}\t{verdict}\t{others!s}\t{virus!s}\n"
        highest = best.setdefault(name[:-2], [0.0, 0.0])
        best[name[:-2]] = [max(highest[0], others), max(highest[1], virus)]
    lines = [f"{name}\t{virus >= others}\n" for name, (others, virus) in sorted(best.items())]
    return text, "Modified_ID\tIs_Virus\n" + "".join(lines)


def test_frames_and_windows_are_written_as_virnucpro_does(tmp_path):
    rng = np.random.default_rng(0)
    outputs = rng.normal(0, 8, (500, 2)).astype(np.float32)
    outputs[:4] = [[3, 3], [0, 200], [200, 0], [0, 1e-8]]  # equal scores, and 0 and 1
    frames = ("F1", "F3", "R2", "R3")
    ids = [f"k99|{i // 40}_chunk_{i // 4 % 10 + 1}{frames[i % 4]}" for i in range(500)]
    logit = (outputs[:, 1] - outputs[:, 0]).astype(np.float64)
    results, highest = tmp_path / "r.txt", tmp_path / "h.csv"
    write_legacy(results, highest, pd.DataFrame({"id": ids, "logit": logit}))
    assert (results.read_text(), highest.read_text()) == by_the_specification(ids, outputs)
    assert "\tTrue\n" in highest.read_text() and "\tFalse\n" in highest.read_text()


def test_without_frames_the_files_have_their_headers(tmp_path):
    results, highest = tmp_path / "r.txt", tmp_path / "h.csv"
    nothing = pd.DataFrame({"id": [], "logit": []}).astype({"id": str})
    write_legacy(results, highest, nothing)
    assert results.read_text() == "Sequence_ID\tPrediction\tscore1\tscore2\n"
    assert highest.read_text() == "Modified_ID\tIs_Virus\n"
