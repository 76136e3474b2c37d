"""Checkpoints, read strictly: every tensor by name and shape, none left random, no code run."""

import re
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from seqloom.errors import InputError

SHOWN = 3
# The forms of a checkpoint, the preferred one first; a shard says how many there are.
_FORMS = (
    r"model\.safetensors",
    r"model-\d+-of-(\d+)\.safetensors",
    r"pytorch_model\.bin",
    r"pytorch_model-\d+-of-(\d+)\.bin",
)


def weight_files(folder: Path, pinned: Sequence[str] = ()) -> list[Path]:
    """The checkpoint of a model folder: the files `pinned` if they are there, else any form."""
    names = [path.name for path in folder.glob("*")]
    files = weight_names(names, pinned) or weight_names(names)
    if not files:
        raise InputError(
            f"{folder}: no weights here; expected model.safetensors, pytorch_model.bin or all of "
            "their numbered shards"
        )
    return [folder / name for name in files]


def weight_names(names: Collection[str], pinned: Sequence[str] = ()) -> list[str]:
    """A whole checkpoint among the files `names`, which is `pinned` if any is; else nothing."""
    if pinned:
        return list(pinned) if set(pinned) <= set(names) else []
    return next(filter(None, (_whole(names, form) for form in _FORMS)), [])


def _whole(names: Iterable[str], form: str) -> list[str]:
    """The files of this form, unless shards are missing."""
    found = [match for name in sorted(names) if (match := re.fullmatch(form, name))]
    totals = {int(match[1]) if match.re.groups else 1 for match in found}
    return [match[0] for match in found] if totals == {len(found)} else []


def read_tensors(files: Sequence[Path]) -> dict[str, Tensor]:
    """All tensors of a checkpoint, mapped from the disk: what is not used is not read."""
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= (
                load_file(file)
                if file.suffix == ".safetensors"
                # Files of before torch 1.6 are no zip and cannot be mapped.
                else torch.load(file, "cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
            )
        except Exception as error:  # the readers raise whatever damaged bytes lead them to
            raise InputError(
                f"{file}: cannot be read as plain tensors ({type(error).__name__}): it is damaged, "
                "or holds code, which is never run; fetch it again, or convert it to safetensors"
            ) from error
    return tensors


def encoder_tensors(
    tensors: Mapping[str, Tensor], encoder: nn.Module, where: str | Path
) -> dict[str, Tensor]:
    """The tensors of `encoder` by its own names; any missing, unknown or misshapen is an error.

    `encoder` may be on the meta device; it knows its prefix and the heads to leave out.
    """
    named = encoder.own_tensors(tensors)
    wanted = {name: tensor.shape for name, tensor in encoder.state_dict().items()}
    _refuse(where, "lacks", wanted.keys() - named.keys())
    _refuse(where, "has unknown", named.keys() - wanted.keys())
    misshapen = {
        f"{name} {list(named[name].shape)} instead of {list(shape)}"
        for name, shape in wanted.items()
        if named[name].shape != shape
    }
    _refuse(where, "does not fit config.json, in", misshapen)
    return {name: named[name] for name in wanted}


def _refuse(where: str | Path, problem: str, names: set[str]) -> None:
    if names:
        shown = ", ".join(sorted(names)[:SHOWN])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise InputError(
            f"{where}: the checkpoint {problem} {shown}{more}; "
            "these are not the weights of this architecture"
        )


def write_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write model.safetensors; the same tensors give the same bytes."""
    arrays = {name: tensor.contiguous() for name, tensor in tensors.items()}
    path.touch()
    mode = path.stat().st_mode
    save_file(arrays, path, metadata={"format": "pt"})
    path.chmod(mode)  # the library keeps its files from the group


def load_weights(encoder: nn.Module, file: Path) -> None:
    """Fill `encoder` (on the meta device) from a model.safetensors of ours."""
    tensors = encoder_tensors(load_file(file), encoder, file)
    encoder.load_state_dict(tensors, strict=True, assign=True)
