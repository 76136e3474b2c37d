"""Checks of this machine and its models, each with advice. Nothing is downloaded."""

import logging
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

from seqloom.errors import InputError
from seqloom.machine.lease import devices

LOCK = Path(__file__).parents[4] / "envs" / "requirements.lock"
# For ESM2-3B, as published and as safetensors, and something to work with.
_ENOUGH_DISK_GB = 25
# Tokens of windows of 300 and of 20,000 bases.
_LENGTHS = (66, 4500)
_TOKENS = 32768  # in a batch


class Finding(NamedTuple):
    """The result of a check."""

    text: str
    advice: str | None = None
    is_broken: bool = False  # a run that needs it would fail


Check = Callable[[], Finding]


def run_checks(models: Path) -> dict[str, Finding]:
    """The findings by name; a check that fails does not stop the others."""
    return {name: _result_of(check) for name, check in _checks(models).items()}


def _checks(models: Path) -> Mapping[str, Check]:
    folders = [folder for folder in sorted(models.glob("*/*")) if folder.is_dir()]
    return {
        "Python": python,
        "packages": packages,
        "machine": machine,
        "disk": partial(disk, models),
        "torch": torch_build,
        "GPUs": gpus,
        "Triton": triton_compiler,
        "attention": attention_paths,
        "Slurm": slurm,
        "Hugging Face": hugging_face,
        "models": lambda: Finding(f"{len(folders)} in {models.absolute()}"),
        **{str(folder): partial(model, folder) for folder in folders},
    }


def _result_of(check: Check) -> Finding:
    try:
        return check()
    except InputError as error:
        return Finding("broken", str(error), is_broken=True)
    except Exception as error:  # damaged files and drivers raise errors of any kind
        if type(error).__name__ == "OutOfMemoryError":
            return Finding("not tested", "the GPU is in use: run this again when no job uses it")
        return Finding("broken", _first_line(f"{type(error).__name__}: {error}"), is_broken=True)


def _first_line(text: str) -> str:
    """The first line of what may be a long message of a compiler or driver."""
    return text.splitlines()[0]


def python() -> Finding:
    running = platform.python_version()
    advice = None if running.startswith("3.11.") else "the packages are locked for Python 3.11"
    return Finding(running, advice)


def packages() -> Finding:
    """Compare the installed versions with the lock."""
    lines = map(Requirement, LOCK.read_text().splitlines())
    wanted = [line for line in lines if line.marker is None or line.marker.evaluate()]
    locked = {line.name: str(line.specifier).removeprefix("==") for line in wanted}
    installed = {name: _version(name) for name in locked}
    wrong = [
        f"{name} {installed[name] or 'is missing'} instead of {locked[name]}"
        for name in locked
        if installed[name] != locked[name]
    ]
    if not wrong:
        return Finding(f"all {len(locked)} as in envs/requirements.lock")
    return Finding(
        f"{len(wrong)} of {len(locked)} are not those of envs/requirements.lock",
        f"{', '.join(wrong)}: run `pip install -r envs/requirements.lock`",
        is_broken=None in installed.values(),
    )


def _version(package: str) -> str | None:
    try:
        return version(package).split("+")[0]  # 2.13.0+cpu without the build
    except PackageNotFoundError:
        return None


def machine() -> Finding:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cores = len(os.sched_getaffinity(0))
    return Finding(f"{cores} cores, {memory / 1e9:.0f} GB of memory, {platform.machine()}")


def disk(models: Path) -> Finding:
    folders = {"here": Path(), "models": models}
    free = {
        name: shutil.disk_usage(_nearest_existing(path)).free / 1e9
        for name, path in folders.items()
    }
    advice = "ESM2-3B takes 22 GB in models/ while it is fetched, and 11 GB from then on"
    return Finding(
        ", ".join(f"{name} {gigabytes:.0f} GB free" for name, gigabytes in free.items()),
        advice if min(free.values()) < _ENOUGH_DISK_GB else None,
    )


def _nearest_existing(path: Path) -> Path:
    """The path, or its nearest parent that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())


def torch_build() -> Finding:
    import torch

    cuda = torch.version.cuda
    return Finding(f"{torch.__version__}, {f'for CUDA {cuda}' if cuda else 'for the CPU'}")


def gpus() -> Finding:
    """Compare the GPUs that torch sees with those that jobs are given."""
    import torch

    pool = devices(os.environ)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        advice = (
            f"jobs are given {', '.join(pool)}, but torch sees no GPU: install the torch that is "
            "built for CUDA, or a newer driver"
        )
        return Finding("none: models run on the CPU", advice if pool else None)
    lines, advice = [f"driver {_driver()}"], []
    if not pool:
        advice.append("jobs are given no GPU: put nvidia-smi on the PATH, or set SEQLOOM_GPUS")
    for index in range(count):
        free, total = torch.cuda.mem_get_info(index)
        major, minor = torch.cuda.get_device_capability(index)
        name = torch.cuda.get_device_name(index)
        lines.append(
            f"{index}: {name}, sm_{major}{minor}, {free / 1e9:.0f} of {total / 1e9:.0f} GB free"
        )
        if free < total / 2:
            advice.append(f"other programs hold half of GPU {index}: see nvidia-smi")
    return Finding("\n".join(lines), "; ".join(advice) or None)


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    if not shutil.which(command[0]):
        return "unknown"
    return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]


def triton_compiler() -> Finding:
    import triton

    # The compiler of CUDA for Blackwell and later GPUs; GB10 is sm_121.
    ptxas = triton.knobs.nvidia.ptxas_blackwell
    known = subprocess.run([ptxas.path, "--help"], capture_output=True, text=True).stdout
    ability = "compiles" if "sm_121" in known else "cannot compile"
    return Finding(
        f"{triton.__version__}, its ptxas {ptxas.version} {ability} for GB10",
        None
        if "sm_121" in known
        else "on GB10, name the ptxas of CUDA 13 in "
        "TRITON_PTXAS_BLACKWELL_PATH, or attention runs without our kernel",
    )


def attention_paths() -> Finding:
    """The attention that a job would choose for DNABERT-S on the first GPU."""
    import torch

    from seqloom.encoders import attention

    records = BufferingHandler(100)
    attention.log.addHandler(records)
    attention.log.setLevel(logging.INFO)
    attention.log.propagate = False
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    slopes = torch.full((12,), 0.1, device=device)
    with torch.inference_mode():
        # A CPU has one choice only, and the long bias would take time.
        for length in _LENGTHS if device.type == "cuda" else _LENGTHS[:1]:
            shape = (_TOKENS // length, slopes.numel(), length, 64)
            attention.kernel_serves(slopes, shape, torch.float16, device, padded=False)
    failed = any(record.levelno >= logging.WARNING for record in records.buffer)
    lines = [_first_line(record.getMessage()) for record in records.buffer]
    return Finding(
        "\n".join(line.removeprefix("attention ") for line in lines),
        "long windows need much memory without our kernel: try another driver, or the locked "
        "torch and triton"
        if failed
        else None,
    )


def slurm() -> Finding:
    if not shutil.which("sbatch"):
        return Finding("none")
    sbatch = subprocess.run(["sbatch", "--version"], capture_output=True, text=True)
    needed = ("scancel", "squeue", "sacct")
    missing = [command for command in needed if not shutil.which(command)]
    advice = f"not on the PATH: {', '.join(missing)}" if missing else None
    return Finding(
        f"{sbatch.stdout.strip()}: sbatch, {', '.join(c for c in needed if c not in missing)}",
        advice,
    )


def hugging_face() -> Finding:
    """The environment variables of huggingface_hub, without the value of the token."""
    names = sorted(name for name in os.environ if name.startswith("HF_"))
    shown = [f"{name}={'...' if 'TOKEN' in name else os.environ[name]}" for name in names]
    return Finding("\n".join(shown) or "no HF_ variable is set")


def model(folder: Path) -> Finding:
    """Check checksums and golden vectors of a model folder on the device of a job."""
    from seqloom.embedding.goldens import check_goldens
    from seqloom.embedding.loading import load_model

    loaded = load_model(folder, "auto", len(os.sched_getaffinity(0)))
    return Finding(f"checksums right; {check_goldens(loaded)}")
