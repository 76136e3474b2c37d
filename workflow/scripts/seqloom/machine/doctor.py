"""What this machine has and what to mend, looked at part by part. Nothing is downloaded."""

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
# Tokens of a window of 300 bases, and of one of 20,000.
_LENGTHS = (66, 4500)
_TOKENS = 32768  # in a batch


class Found(NamedTuple):
    text: str
    advice: str | None = None
    is_broken: bool = False  # a run that needs it fails


Look = Callable[[], Found]


def examine(models: Path) -> dict[str, Found]:
    """What was found, by name; a look that fails does not keep the others from being taken."""
    return {name: _taken(look) for name, look in _looks(models).items()}


def _looks(models: Path) -> Mapping[str, Look]:
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
        "models": lambda: Found(f"{len(folders)} in {models.absolute()}"),
        **{str(folder): partial(model, folder) for folder in folders},
    }


def _taken(look: Look) -> Found:
    try:
        return look()
    except InputError as error:
        return Found("broken", str(error), is_broken=True)
    except Exception as error:  # damaged files and drivers raise anything
        if type(error).__name__ == "OutOfMemoryError":
            return Found("not tested", "the GPU is in use: run this again when no job is on it")
        return Found("broken", _first_line(f"{type(error).__name__}: {error}"), is_broken=True)


def _first_line(text: str) -> str:
    """Compilers and drivers say much."""
    return text.splitlines()[0]


def python() -> Found:
    found = platform.python_version()
    advice = None if found.startswith("3.11.") else "the packages are locked for Python 3.11"
    return Found(found, advice)


def packages() -> Found:
    """Installed versions against the lock."""
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
        return Found(f"all {len(locked)} as in envs/requirements.lock")
    return Found(
        f"{len(wrong)} of {len(locked)} are not those of envs/requirements.lock",
        f"{', '.join(wrong)}: run `pip install -r envs/requirements.lock`",
        is_broken=None in installed.values(),
    )


def _version(package: str) -> str | None:
    try:
        return version(package).split("+")[0]  # without the build: 2.13.0+cpu
    except PackageNotFoundError:
        return None


def machine() -> Found:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cores = len(os.sched_getaffinity(0))
    return Found(f"{cores} cores, {memory / 1e9:.0f} GB of memory, {platform.machine()}")


def disk(models: Path) -> Found:
    folders = {"here": Path(), "models": models}
    free = {name: shutil.disk_usage(_there(path)).free / 1e9 for name, path in folders.items()}
    advice = "ESM2-3B takes 22 GB in models/ while it is fetched, and 11 GB from then on"
    return Found(
        ", ".join(f"{name} {gigabytes:.0f} GB free" for name, gigabytes in free.items()),
        advice if min(free.values()) < _ENOUGH_DISK_GB else None,
    )


def _there(path: Path) -> Path:
    """The path, or of its parents the one that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())


def torch_build() -> Found:
    import torch

    cuda = torch.version.cuda
    return Found(f"{torch.__version__}, {f'for CUDA {cuda}' if cuda else 'for the CPU'}")


def gpus() -> Found:
    """What torch sees against what jobs are given."""
    import torch

    pool = devices(os.environ)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        advice = (
            f"jobs are given {', '.join(pool)}, but torch sees no GPU: install the torch that is "
            "built for CUDA, or a newer driver"
        )
        return Found("none: models run on the CPU", advice if pool else None)
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
    return Found("\n".join(lines), "; ".join(advice) or None)


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    if not shutil.which(command[0]):
        return "unknown"
    return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]


def triton_compiler() -> Found:
    import triton

    # Of CUDA, for GPUs from Blackwell on; GB10 is sm_121.
    ptxas = triton.knobs.nvidia.ptxas_blackwell
    known = subprocess.run([ptxas.path, "--help"], capture_output=True, text=True).stdout
    does = "compiles" if "sm_121" in known else "cannot compile"
    return Found(
        f"{triton.__version__}, its ptxas {ptxas.version} {does} for GB10",
        None
        if "sm_121" in known
        else "on GB10, name the ptxas of CUDA 13 in "
        "TRITON_PTXAS_BLACKWELL_PATH, or attention goes without our kernel",
    )


def attention_paths() -> Found:
    """Which attention serves DNABERT-S on the first GPU, as a job would choose and log it."""
    import torch

    from seqloom.encoders import attention

    told = BufferingHandler(100)
    attention.log.addHandler(told)
    attention.log.setLevel(logging.INFO)
    attention.log.propagate = False
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    slopes = torch.full((12,), 0.1, device=device)
    with torch.inference_mode():
        # On a CPU there is no choice, and the long bias would take its time.
        for length in _LENGTHS if device.type == "cuda" else _LENGTHS[:1]:
            shape = (_TOKENS // length, slopes.numel(), length, 64)
            attention.kernel_serves(slopes, shape, torch.float16, device, padded=False)
    failed = any(record.levelno >= logging.WARNING for record in told.buffer)
    lines = [_first_line(record.getMessage()) for record in told.buffer]
    return Found(
        "\n".join(line.removeprefix("attention ") for line in lines),
        "long windows need much memory without our kernel: try another driver, or the locked "
        "torch and triton"
        if failed
        else None,
    )


def slurm() -> Found:
    if not shutil.which("sbatch"):
        return Found("none")
    told = subprocess.run(["sbatch", "--version"], capture_output=True, text=True).stdout.strip()
    needed = ("scancel", "squeue", "sacct")
    missing = [command for command in needed if not shutil.which(command)]
    advice = f"not on the PATH: {', '.join(missing)}" if missing else None
    return Found(f"{told}: sbatch, {', '.join(c for c in needed if c not in missing)}", advice)


def hugging_face() -> Found:
    """The environment of huggingface_hub, whose token is nobody's business."""
    names = sorted(name for name in os.environ if name.startswith("HF_"))
    shown = [f"{name}={'...' if 'TOKEN' in name else os.environ[name]}" for name in names]
    return Found("\n".join(shown) or "no HF_ variable is set")


def model(folder: Path) -> Found:
    """Checksums and golden vectors of a model folder, on the device that a job would take."""
    from seqloom.embedding.engine import load_model
    from seqloom.embedding.goldens import check_goldens

    loaded = load_model(folder, "auto", len(os.sched_getaffinity(0)))
    return Found(f"checksums right; {check_goldens(loaded, folder)}")
