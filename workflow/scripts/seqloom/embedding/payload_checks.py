"""Does a finished training set of VirNucPro hold what it promises? Each check is a row."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from seqloom.config.labels import LABELS
from seqloom.embedding.validation import Check
from seqloom.embedding.virnucpro import ENDS, Payload, first_twice, read_payload
from seqloom.errors import InputError
from seqloom.files.json_files import read_json

# RefSeq's files, such as `viral.1.1.genomic` or `vertebrate_other.12.1`, and samples so named.
_CATEGORIES = "vertebrate|protozoa|plant|invertebrate|fungi|bacteria|archaea"
_CATEGORY = re.compile(rf"(viral|host|{_CATEGORIES})(_mammalian|_other)?(\..*)?")


def payload_files(paths: Iterable[Path]) -> dict[Path, dict[str, Path]]:
    """The payloads in these files and folders: prefix -> kind -> file."""
    found: dict[Path, dict[str, Path]] = {}
    for path in paths:
        for file in sorted(path.rglob("*.pt")) if path.is_dir() else [path]:
            for kind, end in ENDS.items():
                if file.name.endswith(end):
                    found.setdefault(file.with_name(file.name.removesuffix(end)), {})[kind] = file
    if not any("merged" in kinds for kinds in found.values()):
        raise InputError("there is no _merged.pt; name the files of a training set or their folder")
    return found


def payload_checks(
    groups: Mapping[Path, Mapping[str, Path]], columns: Sequence[int]
) -> Iterator[Check]:
    """All checks of payloads; `columns` are those of DNA and protein."""
    expected = {"dna": columns[0], "protein": columns[1], "merged": sum(columns)}
    known: dict[str, dict[str, Path]] = {kind: {} for kind in ENDS}
    for prefix, files in sorted(groups.items()):
        payloads = {}
        for kind, file in files.items():
            try:
                payload = payloads[kind] = read_payload(file)
            except InputError as error:
                yield Check("payload", str(file), str(error), "")
                continue
            rows, width = payload.rows.shape
            yield Check("payload", str(file), _kind_problem(payload, kind), f"{rows} ids and rows")
            wrong = f"{width} columns, but {expected[kind]} expected"
            yield Check(
                "columns", str(file), None if width == expected[kind] else wrong, f"{width}"
            )
            yield Check("finite", str(file), _finite_problem(payload), "all values")
            yield Check("ids", str(file), _id_problem(payload, known[kind]), "each once in the set")
            known[kind] |= dict.fromkeys(payload.ids, file)
            if kind == "merged":
                wrong = _label_problem(payload, prefix)
                yield Check("labels", str(file), wrong, str(payload.labels))
        if "merged" in files and len(files) > 1:
            problem = _parts_problem(payloads)
            yield Check("parts", str(files["merged"]), problem, "DNA and protein side by side")


def _kind_problem(payload: Payload, kind: str) -> str | None:
    if payload.kind == kind:
        return None
    return f"by its name it is a payload {ENDS[kind]}, by its keys {ENDS[payload.kind]}"


def _finite_problem(payload: Payload) -> str | None:
    bad = np.flatnonzero(~np.isfinite(payload.rows).all(axis=1))
    return f'{bad.size} rows are not, the first "{payload.ids[bad[0]]}"' if bad.size else None


def _id_problem(payload: Payload, known: Mapping[str, Path]) -> str | None:
    if twice := first_twice(payload.ids):
        return f'"{twice}" is there twice'
    shared = next((name for name in payload.ids if name in known), None)
    return f'"{shared}" is in {known[shared]} too' if shared else None


def _label_problem(payload: Payload, prefix: Path) -> str | None:
    """Whether the labels are not one 0 or 1, or not that of the card or the name of the file."""
    if payload.labels is None or list(payload.labels) not in ([0], [1]):
        return f"{payload.labels}, but a training set has [0] (host) or [1] (viral)"
    card, found = prefix.with_name(f"{prefix.name}.json"), LABELS[payload.labels[0]]
    if card.is_file():
        expected = read_json(card)["provenance"]["settings"]["label"]
        where = str(card)
    elif match := _CATEGORY.fullmatch(prefix.name):
        expected, where = "viral" if match[1] == "viral" else "host", "the name of the file"
    else:
        return None
    if found == expected:
        return None
    return f"{payload.labels} ({found}), but {where} says {expected}"


def _parts_problem(payloads: Mapping[str, Payload]) -> str | None:
    """Whether the merged rows are not those of the two parts, in the same order."""
    for kind, end in ENDS.items():
        if kind not in payloads:
            return f"the payload {end} is missing or cannot be read"
    dna, protein, merged = (payloads[kind] for kind in ENDS)
    counts = [len(payload.ids) for payload in (dna, protein, merged)]
    if len(set(counts)) > 1:
        return f"{counts[0]} rows of DNA, {counts[1]} of proteins, {counts[2]} merged"
    if not dna.ids == protein.ids == merged.ids:
        pairs = zip(dna.ids, protein.ids, merged.ids, strict=True)
        row = next(number for number, names in enumerate(pairs, start=1) if len(set(names)) > 1)
        return f"the ids of row {row} differ"
    both = np.concatenate([dna.rows, protein.rows], axis=1)
    bad = (
        np.flatnonzero((both != merged.rows).any(axis=1)) if both.shape == merged.rows.shape else ()
    )
    return f'{len(bad)} rows are not, the first "{merged.ids[bad[0]]}"' if len(bad) else None
