"""The estimate of a run as a table and a few lines."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from seqloom.config.rates import RATES
from seqloom.config.work import CASES, CPU
from seqloom.machine.estimate import Estimate, Estimator, Job
from seqloom.machine.sharing import Sharing, best_sharing

_TITLE = """\
Estimate. Scripts were measured on one processor. What GPUs take was never measured: it is
arithmetic, of published peaks and assumed shares of them (resources/devices.yaml)."""
# A better sharing is not worth a setting below this part of the time.
_WORTH = 0.05


def estimate_text(estimator: Estimator, free_bytes: float) -> str:
    found = estimator.estimate()
    lines = [_TITLE, *_table(estimator.jobs, found), "", *_totals(estimator, found, free_bytes)]
    if sharing := best_sharing(estimator):
        lines += ["", *sharing_lines(sharing)]
    return "\n".join(lines)


def _table(jobs: Sequence[Job], found: Estimate) -> list[str]:
    """A line for each rule and device, in the order of the stages."""
    stages = list(RATES)
    places = defaultdict(list)
    for number, (job, device) in enumerate(zip(jobs, found.devices, strict=True)):
        places[stages.index(job.rule), device].append(number)
    rows = [("rule", "jobs", "on", "time of all", "memory each", "disk", "under")]
    for (stage, device), numbers in sorted(places.items()):
        rows.append(
            (
                stages[stage],
                f"{len(numbers):,}",
                device,
                clock(sum(found.seconds[n] for n in numbers)),
                size(max(jobs[n].resources["mem_mb"] for n in numbers) * 1e6),
                size(sum(found.written[n] for n in numbers)),
                _folder(jobs[numbers[0]].outputs[0]),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = (1, 3, 4, 5)
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _folder(path: str) -> str:
    """`models`, or a folder of `results`."""
    first, second, *_ = Path(path).parts
    return f"{first}/{second}" if first == "results" else first


def _totals(estimator: Estimator, found: Estimate, free_bytes: float) -> list[str]:
    jobs, site = estimator.jobs, estimator.site
    gpus, cores = defaultdict(float), 0.0
    for job, device, seconds in zip(jobs, found.devices, found.seconds, strict=True):
        if device == CPU:
            cores += seconds * job.threads
        else:
            gpus[device] += seconds
    used = [f"{site.gpus[kind]} {kind}" for kind in gpus]
    used.append(f"{site.cores} cores" if site.jobs is None else f"{site.jobs} jobs at once")
    slow, expected, fast = (duration(found.run[case]) for case in range(len(CASES)))
    written = sum(found.written)
    files = sum(len(job.outputs) + 2 for job in jobs)  # with a log and a benchmark
    lines = [
        f"run     {expected}, from {fast} to {slow}, with {_listed(used)}",
        *(f"GPUs    {duration(seconds)} of {kind}" for kind, seconds in gpus.items()),
        f"CPU     {duration(cores)} of a core",
        f"disk    {size(written)} in {files:,} files; {size(free_bytes)} are free here",
    ]
    if written > free_bytes:
        lines[-1] += ", WHICH IS NOT ENOUGH"
    dna = {(job.wildcards["cut"], job.wildcards["sample"]) for job in jobs if job.rule == "frames"}
    if dna - estimator.work.known_frames.keys():
        lines.append(
            "Frames are guessed from bases, mostly too many; `--until plan` has them counted."
        )
    on_cpu = sum(job.needs_gpu and d == CPU for job, d in zip(jobs, found.devices, strict=True))
    if on_cpu:
        lines.append(
            f"No GPU is given: {on_cpu} jobs that could use one are counted on a CPU. Say how many "
            "there are, by `resources:` in the profile or as `--resources a6000=2`."
        )
    return lines


def sharing_lines(found: Sharing) -> list[str]:
    """How unlike GPUs would share the embedding, and the setting for that if it gains time."""
    lines = [
        f"Embedding alone takes {duration(found.given)} as GPUs become free, "
        f"{duration(found.best)} if shared best (never less than {duration(found.bound)}):",
        *(
            f"    {name}: {_listed(f'{number:,} on {kind}' for kind, number in kinds.items())}"
            for name, kinds in found.counts.items()
        ),
    ]
    if found.pinned < (1 - _WORTH) * found.given:
        line = f'gpu_model: "{found.pins}.get(wildcards.backend)"' if found.pins else "no gpu_model"
        lines += [
            f"It takes {duration(found.pinned)} with this for embed_shard in `set-resources` of "
            "the profile, and partitions that have all of these GPUs:",
            f"    {line}",
        ]
    return lines


def clock(seconds: float) -> str:
    """`0:00:50`, `27:46:40`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def duration(seconds: float) -> str:
    """`50 s`, `12 min`, `3 h 20 min` or `5 d 3 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def size(number: float) -> str:
    """Bytes as `20 kB`, `4 MB` or `1.3 GB`."""
    if number < 1e9:
        return f"{number / 1e6:.0f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"
    return f"{number / 1e9:,.1f} GB"


def _listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
