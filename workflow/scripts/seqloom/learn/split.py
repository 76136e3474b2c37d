"""The split of contigs into train, validation and test, by groups and balanced by category."""

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
from seqloom.seqs.contigs import counted, read_contigs

log = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")
STRATUM = ["label", "category"]
# The solver stops when the summed deviations are this close to the minimum, on average over
# categories; proving an exact minimum could take days.
TOLERANCE = 0.01
TIME_LIMIT = 60  # seconds, after which the best split so far is used
# A category with more groups than this is divided into this many bins of groups.
MAX_GROUPS = 500


def split_table(
    contigs: pd.DataFrame, fractions: Sequence[float], balance: str, seed: int
) -> pd.DataFrame:
    """The contigs of `labeled_contigs` with part and take."""
    parts = assign_parts(contigs, fractions, seed)
    table = contigs.assign(part=contigs["group"].map(parts).where(contigs["frames"] > 0))
    _warn_about_absent_categories(table)
    table["take"] = frames_to_use(table, balance)
    return table[["sample", "contig", *STRATUM, "group", "part", "length", "gc", "frames", "take"]]


def _warn_about_absent_categories(table: pd.DataFrame) -> None:
    for (label, category), rows in table.dropna(subset="part").groupby(STRATUM):
        absent = sorted(set(PARTS) - set(rows["part"]))
        if absent:
            log.warning(
                "%s category %s has only %s: none is in %s",
                *(label, category, counted(rows["group"].nunique(), "group"), " and ".join(absent)),
            )


def labeled_contigs(
    samples: Sequence[Mapping[str, str | None]], tables: Sequence[Path]
) -> pd.DataFrame:
    """One row per contig of the labeled samples.

    Columns: sample, contig, length, gc, label, category, frames, sha256, group. Groups
    come from the file of the sample; without one each contig is a group.
    """
    parts = [
        read_contigs(table)
        .select(["contig", "length", "gc", "kept_frames", "sha256"])
        .to_pandas()
        .rename(columns={"kept_frames": "frames"})
        .assign(**{key: sample[key] for key in ("sample", *STRATUM)})
        for sample, table in zip(samples, tables, strict=True)
    ]
    contigs = pd.concat(parts, ignore_index=True)
    return with_groups(contigs.assign(gc=pd.to_numeric(contigs["gc"])), samples)


def with_groups(contigs: pd.DataFrame, samples: Sequence[Mapping[str, str | None]]) -> pd.DataFrame:
    """The contigs of the samples with their group: that of the file of the sample, or their own."""
    contigs["group"] = contigs["sample"] + ":" + contigs["contig"]
    # Samples may share a file.
    for file in dict.fromkeys(sample["groups"] for sample in samples if sample["groups"]):
        users = [sample["sample"] for sample in samples if sample["groups"] == file]
        rows = contigs["sample"].isin(users)
        contigs.loc[rows, "group"] = _groups(file, contigs[rows])
    return contigs


def _groups(file: str, contigs: pd.DataFrame) -> pd.Series:
    """The group of each contig, by a groups file; `contigs` are those of its samples."""
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
    """The line number and group of each contig."""
    listed: dict[str, tuple[int, str]] = {}
    for number, row in read_rows(file, ["contig", "group"]):
        name = row["contig"]
        if name in listed:
            raise InputError(f'{file} line {number}: contig "{name}" is listed twice; keep one row')
        listed[name] = number, row["group"]
    return listed


def assign_parts(contigs: pd.DataFrame, fractions: Sequence[float], seed: int) -> dict[str, str]:
    """The part of each group with frames, by an integer program.

    It minimizes a sum over categories and parts: the deviation of the share of frames from the
    wanted fraction, plus 1 where a category is absent. Every part gets groups of both labels.
    """
    frames = contigs[contigs["frames"] > 0].pivot_table(
        index="group", columns=STRATUM, values="frames", aggfunc="sum", fill_value=0
    )
    for label in LABELS:
        _check_groups(label, frames)
    bins = group_bins(frames)
    frames = frames.groupby(bins).sum()
    # Of many equally good splits the order decides which one the solver finds.
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
    problem.solve(pulp.PULP_CBC_CMD(msg=False, threads=1, gapAbs=gap, timeLimit=TIME_LIMIT))
    if problem.sol_status == pulp.LpSolutionIntegerFeasible:
        log.warning("the split is not proven best after %d s of search", TIME_LIMIT)
    elif problem.sol_status != pulp.LpSolutionOptimal:
        raise InputError(
            f"no split of {len(bins)} groups was found in {TIME_LIMIT} s; give larger groups in "
            "the groups files of the sample sheet"
        )
    parts = {
        name: max(PARTS, key=lambda part: chosen[group][part].value())
        for group, name in enumerate(frames.index)
    }
    return bins.map(parts).to_dict()


def group_bins(frames: pd.DataFrame) -> pd.Series:
    """The bin of each group: itself, or a shared one if its category has too many groups."""
    bins = pd.Series(frames.index, frames.index)
    pure = frames[(frames > 0).sum(axis=1) == 1]
    for stratum in pure:
        # Groups are dealt out to the bins from the largest to the smallest.
        members = pure.sort_index()[stratum].loc[lambda n: n > 0]
        members = members.sort_values(ascending=False, kind="stable").index
        bins[members] = members[np.arange(len(members)) % MAX_GROUPS]
    return bins


def _check_groups(label: str, frames: pd.DataFrame) -> None:
    count = int(frames[label].any(axis=1).sum()) if label in frames else 0
    if count < len(PARTS):
        raise InputError(
            f"the {label} samples have {count} groups with frames, but train, validation and test "
            "need one each; add unrelated genomes, or correct the groups files of the sample sheet"
        )


def frames_to_use(table: pd.DataFrame, balance: str) -> pd.Series:
    """Frames to use of each contig: all of them, but in the train part those of the balance."""
    take = table["frames"].copy()
    take.update(BALANCES[balance](table[table["part"] == "train"]))
    return take


def balanced_take(table: pd.DataFrame) -> pd.Series:
    """Frames to use of each contig: as many viral as host ones, evenly spread."""
    labels = [rows for _, rows in table.groupby("label")]
    total = min(int(rows["frames"].sum()) for rows in labels)
    spread = [_spread(rows, total, ["category", "group"]) for rows in labels]
    return pd.concat(spread)[table.index]


def legacy_take(table: pd.DataFrame) -> pd.Series:
    """Frames to use as VirNucPro does: all viral, at most as many host, a seventh per category."""
    take = table["frames"].where(table["label"] == "viral", 0)
    hosts = [rows for _, rows in table[table["label"] == "host"].groupby("category")]
    offered = np.array([int(rows["frames"].sum()) for rows in hosts])
    shares = divided_evenly(np.minimum(offered, -(-int(take.sum()) // 7)), int(take.sum()))
    for rows, share in zip(hosts, shares, strict=True):
        take.update(_spread(rows, share, ["group"]))
    return take


BALANCES = {
    "category": balanced_take,
    "virnucpro": legacy_take,
    "none": lambda table: table["frames"],
}


def _spread(rows: pd.DataFrame, total: int, levels: Sequence[str]) -> pd.Series:
    """`total` frames divided evenly at the first level, and inside it at the next levels."""
    if not levels:
        return pd.Series(divided_evenly(rows["frames"].to_numpy(), total), rows.index)
    members = [member for _, member in rows.groupby(levels[0])]
    totals = divided_evenly(np.array([member["frames"].sum() for member in members]), total)
    return pd.concat(
        _spread(member, share, levels[1:]) for member, share in zip(members, totals, strict=True)
    )


def divided_evenly(available: np.ndarray, total: int) -> np.ndarray:
    """Shares of `total`, as even as `available` allows; all of it if that is less."""
    taken = np.zeros(len(available), np.int64)
    left = int(total)
    for done, i in enumerate(np.argsort(available, kind="stable")):
        taken[i] = min(int(available[i]), left // (len(available) - done))
        left -= taken[i]
    return taken
