"""Contigs into train, validation and test: groups stay whole, categories get their shares."""

import difflib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pulp

from seqloom.config.labels import LABELS
from seqloom.config.tsv import read_rows
from seqloom.errors import InputError
from seqloom.seqs.contigs import read_contigs

log = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")
STRATUM = ["label", "category"]
# The solver stops when the deviations, summed over the parts, are this close to the least possible,
# on average over categories: a proof of the last frame could take days.
TOLERANCE = 0.01
SECONDS = 60  # after these the best split so far is good enough
# More groups of a category than these are packed, as many bins as this, each moved as one.
MOST_GROUPS = 500


def split_table(
    contigs: pd.DataFrame, fractions: Sequence[float], balance: str, seed: int
) -> pd.DataFrame:
    """The contigs of `labeled_contigs` with their `part` and `take`."""
    parts = assign_parts(contigs, fractions, seed)
    table = contigs.assign(part=contigs["group"].map(parts).where(contigs["frames"] > 0))
    _tell_absent(table)
    table["take"] = TAKES[balance](table)
    return table[["sample", "contig", *STRATUM, "group", "part", "frames", "take"]]


def _tell_absent(table: pd.DataFrame) -> None:
    for (label, category), rows in table.dropna(subset="part").groupby(STRATUM):
        absent = sorted(set(PARTS) - set(rows["part"]))
        if absent:
            log.warning(
                "%s category %s has %d groups, too few: none is in %s",
                *(label, category, rows["group"].nunique(), " and ".join(absent)),
            )


def labeled_contigs(
    samples: Sequence[Mapping[str, str | None]], tables: Sequence[Path]
) -> pd.DataFrame:
    """One row per contig of the labeled samples.

    Columns: sample, contig, label, category, frames, sha256, group. The group comes from the file
    of the sample; without one each contig is its own.
    """
    parts = [
        read_contigs(table)
        .select(["contig", "kept_frames", "sha256"])
        .to_pandas()
        .rename(columns={"kept_frames": "frames"})
        .assign(**{key: sample[key] for key in ("sample", *STRATUM)})
        for sample, table in zip(samples, tables, strict=True)
    ]
    contigs = pd.concat(parts, ignore_index=True)
    contigs["group"] = contigs["sample"] + ":" + contigs["contig"]
    # One file may serve several samples.
    for file in dict.fromkeys(sample["groups"] for sample in samples if sample["groups"]):
        users = [sample["sample"] for sample in samples if sample["groups"] == file]
        rows = contigs["sample"].isin(users)
        contigs.loc[rows, "group"] = _groups(file, contigs[rows])
    return contigs


def _groups(file: str, contigs: pd.DataFrame) -> pd.Series:
    """The group of each contig of the samples that have this file."""
    listed = _read_groups(file)
    known = set(contigs["contig"])
    unknown = [name for name in listed if name not in known]
    if unknown:
        close = difflib.get_close_matches(unknown[0], known, n=1)
        line, _ = listed[unknown[0]]
        raise InputError(
            f'{file} line {line}: contig "{unknown[0]}" is not in the FASTA of sample '
            f"{' or '.join(contigs['sample'].unique())} ({len(unknown)} such rows in all); "
            + (f"did you mean {close[0]}?" if close else "correct the name, or remove the row")
        )
    groups = contigs["contig"].map({name: group for name, (_, group) in listed.items() if group})
    missing = contigs[groups.isna()]
    if len(missing):
        contig, sample = missing.iloc[0][["contig", "sample"]]
        raise InputError(
            f'{file}: no group for contig "{contig}" of sample {sample} '
            f"({len(missing)} contigs in all); add a row for each"
        )
    return groups


def _read_groups(file: str) -> dict[str, tuple[int, str]]:
    """Line and group of each contig."""
    listed: dict[str, tuple[int, str]] = {}
    for number, row in read_rows(file, ["contig", "group"]):
        name = row["contig"]
        if name in listed:
            raise InputError(f'{file} line {number}: contig "{name}" is listed twice; keep one row')
        listed[name] = number, row["group"]
    return listed


def assign_parts(contigs: pd.DataFrame, fractions: Sequence[float], seed: int) -> dict[str, str]:
    """The part of each group with frames, by an integer program.

    It minimizes, summed over categories and parts, how far the share of frames is from the fraction
    wanted, plus 1 where a category is absent; every part has groups of both labels.
    """
    frames = contigs[contigs["frames"] > 0].pivot_table(
        index="group", columns=STRATUM, values="frames", aggfunc="sum", fill_value=0
    )
    for label in LABELS:
        _check_groups(label, frames)
    bins = packed(frames)
    frames = frames.groupby(bins).sum()
    # Equally good splits are many; which one the solver meets first depends on the order.
    frames = frames.sort_index().sample(frac=1, random_state=seed)
    shares = (frames / frames.sum()).to_numpy()
    groups, strata = range(len(frames)), range(shares.shape[1])

    problem = pulp.LpProblem("split", pulp.LpMinimize)
    chosen = problem.add_variable_dicts("chosen", (groups, PARTS), cat="Binary")
    deviation = problem.add_variable_dicts("deviation", (strata, PARTS), lowBound=0)
    absent = problem.add_variable_dicts("absent", (strata, PARTS), lowBound=0)
    problem += pulp.lpSum([deviation, absent])
    for group in groups:
        problem += pulp.lpSum(chosen[group]) == 1
    for part, fraction in zip(PARTS, fractions, strict=True):
        for stratum in strata:
            members = np.flatnonzero(shares[:, stratum])
            share = pulp.lpSum(shares[g, stratum] * chosen[g][part] for g in members)
            problem += share - fraction <= deviation[stratum][part]
            problem += fraction - share <= deviation[stratum][part]
            problem += pulp.lpSum(chosen[g][part] for g in members) >= 1 - absent[stratum][part]
        for label in LABELS:
            members = np.flatnonzero(frames[label].sum(axis=1))
            problem += pulp.lpSum(chosen[g][part] for g in members) >= 1
    gap = TOLERANCE * len(strata)
    problem.solve(pulp.PULP_CBC_CMD(msg=False, threads=1, gapAbs=gap, timeLimit=SECONDS))
    if problem.sol_status == pulp.LpSolutionIntegerFeasible:
        log.warning("the split is not proven best after %d s of search", SECONDS)
    elif problem.sol_status != pulp.LpSolutionOptimal:
        raise InputError(
            f"no split of {len(bins)} groups was found in {SECONDS} s; give larger groups in the "
            "groups files of the sample sheet"
        )
    parts = {
        name: max(PARTS, key=lambda part: chosen[group][part].value())
        for group, name in enumerate(frames.index)
    }
    return bins.map(parts).to_dict()


def packed(frames: pd.DataFrame) -> pd.Series:
    """The bin of each group: itself, or one of its category if this has too many for a solver."""
    bins = pd.Series(frames.index, frames.index)
    pure = frames[(frames > 0).sum(axis=1) == 1]
    for stratum in pure:
        # The largest come first, so every bin gets one of them, and the rest are dealt out.
        members = pure.sort_index()[stratum].loc[lambda n: n > 0]
        members = members.sort_values(ascending=False, kind="stable").index
        bins[members] = members[np.arange(len(members)) % MOST_GROUPS]
    return bins


def _check_groups(label: str, frames: pd.DataFrame) -> None:
    count = int(frames[label].any(axis=1).sum()) if label in frames else 0
    if count < len(PARTS):
        raise InputError(
            f"the {label} samples have {count} groups with frames, but train, validation and test "
            "need one each; add unrelated genomes, or correct the groups files of the sample sheet"
        )


def balanced_take(table: pd.DataFrame) -> pd.Series:
    """Frames used of each contig: in every part as many viral as host ones, evenly spread."""
    take = pd.Series(0, index=table.index)
    for _, part in table.groupby("part"):
        labels = [rows for _, rows in part.groupby("label")]
        total = min(int(rows["frames"].sum()) for rows in labels)
        for rows in labels:
            take.update(_spread(rows, total, ["category", "group"]))
    return take


def legacy_take(table: pd.DataFrame) -> pd.Series:
    """As VirNucPro: all viral frames, of each host category a seventh as many, hosts no more."""
    take = table["frames"].where(table["label"] == "viral", 0)
    for _, part in table.groupby("part"):
        viral = int(part["frames"][part["label"] == "viral"].sum())
        hosts = [rows for _, rows in part[part["label"] == "host"].groupby("category")]
        offered = np.array([int(rows["frames"].sum()) for rows in hosts])
        shares = water_filled(np.minimum(offered, -(-viral // 7)), viral)
        for rows, share in zip(hosts, shares, strict=True):
            take.update(_spread(rows, share, ["group"]))
    return take


TAKES = {
    "category": balanced_take,
    "virnucpro": legacy_take,
    "none": lambda table: table["frames"],
}


def _spread(rows: pd.DataFrame, total: int, levels: Sequence[str]) -> pd.Series:
    """`total` frames, evenly over the members of the first level, in each over the next."""
    if not levels:
        return pd.Series(water_filled(rows["frames"].to_numpy(), total), rows.index)
    members = [member for _, member in rows.groupby(levels[0])]
    totals = water_filled(np.array([member["frames"].sum() for member in members]), total)
    return pd.concat(
        _spread(member, share, levels[1:]) for member, share in zip(members, totals, strict=True)
    )


def water_filled(available: np.ndarray, total: int) -> np.ndarray:
    """`total` divided as evenly as what is available allows; all of it if there is not enough."""
    taken = np.zeros(len(available), np.int64)
    left = int(total)
    for done, i in enumerate(np.argsort(available, kind="stable")):
        taken[i] = min(int(available[i]), left // (len(available) - done))
        left -= taken[i]
    return taken
