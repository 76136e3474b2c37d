"""The audit of a split: what each part contains, and what its contigs share with training."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqloom.errors import InputError
from seqloom.learn.kmers import DNA, PROTEIN, SCALED, shared_words, words_of_contigs
from seqloom.learn.split import PARTS
from seqloom.seqs.contigs import counted

log = logging.getLogger(__name__)

HELD_OUT = ("test", "validation")
MIN_HASHES = 50  # of a contig that can be audited
# A contig that shares more is listed, and its words are counted without sampling.
FLOOR = 0.05
MAX_EXACT = 50_000_000  # words, of the contigs that share most; others keep the estimate
LEVELS = (0.05, 0.1, 0.5, 0.9)
MIN_SHARED = 500  # bases; a limit on shares alone would stop on tiny contigs
COUNTS = ["part", "category", "contigs", "groups", "frames", "take", "share"]
ABOVE = [f"above_{level}" for level in LEVELS]
COLUMNS = [*COUNTS, "words", "not_auditable", *ABOVE, "highest", "contig", "closest", "note"]
LEAK = ["words", "contig", "label", "part", "other_part", "status", "share", "shared_bases"]
LEAK += ["closest", "closest_label", "share_of_closest", "bases_of_closest", "counted"]


@dataclass(frozen=True)
class Audit:
    """The summary of a split, and a row for each contig that shares much or is too short."""

    summary: pd.DataFrame
    leaks: pd.DataFrame


def audit_split(
    split: pd.DataFrame, genomes: Mapping[str, Path], equality: dict[str, Any]
) -> Audit:
    """Compare each contig that is held out with all of training, and the other way around."""
    used = split[split["part"].notna()]
    used = used.assign(contig=used["sample"] + ":" + used["contig"]).set_index("contig")
    summaries, leaks = [], []
    for kind in (DNA, PROTEIN):
        for part in HELD_OUT:
            for rows in compared(used, genomes, part, kind):
                summaries.append(_summary(rows))
                leaks.append(rows[(rows["share"] > FLOOR) | (rows["status"] != "")])
    rows = pd.concat([_counts(split), pd.DataFrame([equality, *summaries])], ignore_index=True)
    whole = ["contigs", "groups", "frames", "take", "not_auditable", *ABOVE]
    # Rows of one kind have no counts of the other, and numpy integers cannot be missing.
    summary = rows.reindex(columns=COLUMNS).astype(dict.fromkeys(whole, "Int64"))
    order = ["status", "share", "contig", "part"]
    listed = pd.concat(leaks).sort_values(order, ascending=[True, False, True, True])
    return Audit(summary, listed[LEAK].reset_index(drop=True))


def refuse_leaks(leaks: pd.DataFrame, most: float) -> None:
    """Raise an error if one contig has more than `most` of the 21-mers of one on the other side.

    What adds up from many contigs is counted but allowed: a genome in pieces shows by its pieces.
    """
    over = leaks[
        (leaks["words"] == DNA)
        & (leaks["status"] == "")
        & (leaks["share_of_closest"] > most)
        & (leaks["bases_of_closest"] >= MIN_SHARED)
    ].sort_values("share_of_closest", ascending=False, kind="stable")
    if over.empty:
        return
    shown = over[["contig", "part", "share_of_closest", "closest", "other_part"]].head(20)
    log.warning("%s", shown.to_string(index=False))
    first = over.iloc[0]
    raise InputError(
        f"contig {first['closest']} of {first['other_part']} has "
        f"{100 * first['share_of_closest']:.0f} % of the 21-mers of {first['contig']} of "
        f"{first['part']}, and {counted(over['contig'].nunique(), 'contig')} in all have more than "
        f"{100 * most:.0f} % on the other side of the split; give related contigs one group in the "
        "groups files of the sample sheet, or raise `split: max_containment`"
    )


def _counts(split: pd.DataFrame) -> pd.DataFrame:
    counts = split.groupby(["part", "category"]).agg(
        contigs=("contig", "size"),
        groups=("group", "nunique"),
        frames=("frames", "sum"),
        take=("take", "sum"),
    )
    counts["share"] = counts["frames"] / split.groupby("category")["frames"].sum()
    return counts.reindex(PARTS, level="part").reset_index()


def compared(
    used: pd.DataFrame, genomes: Mapping[str, Path], part: str, kind: str
) -> list[pd.DataFrame]:
    """What the contigs of a part share with all of training, and those of training with it."""
    held, train = (frozenset(used.index[used["part"] == name]) for name in (part, "train"))
    sampled = SCALED[kind]
    tables = shared_words(
        words_of_contigs(genomes, held, kind, sampled),
        words_of_contigs(genomes, train, kind, sampled),
    )
    both = []
    for table, others in zip(tables, (train, held), strict=True):
        table = table.assign(status="", counted="sampled")
        table.loc[table["words"] < MIN_HASHES, "status"] = "not auditable"
        table[["words", "shared", "with_closest"]] *= sampled
        table = table.set_index("contig")
        if kind == DNA:
            _count_exactly(table, genomes, others)
        both.append(_described(table, used, kind))
    both[0]["other_part"], both[1]["other_part"] = "train", part
    return both


def _count_exactly(table: pd.DataFrame, genomes: Mapping[str, Path], others: frozenset) -> None:
    """Replace what was estimated from few hashes of the contigs that share much."""
    close = table[(table["shared"] > FLOOR * table["words"]) & (table["status"] == "")]
    close = close.sort_values("words")
    close = frozenset(close.index[close["words"].cumsum() <= MAX_EXACT])
    if not close:
        return
    exact, _ = shared_words(
        words_of_contigs(genomes, close, DNA, 1), words_of_contigs(genomes, others, DNA, 1)
    )
    exact = exact.set_index("contig").assign(counted="exactly")
    table.loc[exact.index, exact.columns] = exact


def _described(table: pd.DataFrame, used: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The table with shares and with what the split says of both contigs."""
    words = table["words"].where(table["words"] > 0)
    label = used["label"]
    return table.assign(
        words=kind,
        share=(table["shared"] / words).fillna(0.0),
        shared_bases=table["shared"],
        bases_of_closest=table["with_closest"],
        share_of_closest=(table["with_closest"] / words).fillna(0.0),
        label=label.reindex(table.index),
        part=used["part"].reindex(table.index),
        closest_label=table["closest"].map(label),
    ).reset_index()


def _summary(rows: pd.DataFrame) -> dict[str, Any]:
    """How many contigs share how much of their words, and the one that shares most."""
    first = rows.iloc[0]
    part, other, kind = first["part"], first["other_part"], first["words"]
    audited = rows[rows["status"] == ""]
    row = {"part": f"{part} in {other}", "words": kind, "contigs": len(rows)}
    row["not_auditable"] = len(rows) - len(audited)
    for name, level in zip(ABOVE, LEVELS, strict=True):
        row[name] = int((audited["share"] > level).sum())
    row["highest"] = audited["share"].max() if len(audited) else None
    if len(audited) and row["highest"] > 0:
        closest = audited.loc[audited["share"].idxmax()]
        row |= {"contig": closest["contig"], "closest": closest["closest"]}
    if row["above_0.1"]:
        what = "21-mers" if kind == DNA else "words of their proteins"
        row["note"] = (
            f"more than 10 % of the {what} of {counted(row['above_0.1'], 'contig')} of {part} are "
            f"also in {other} (most of {row['contig']}, closest is {row['closest']}), so the "
            "scores may be too good"
        )
        log.warning("%s", row["note"])
    return row
