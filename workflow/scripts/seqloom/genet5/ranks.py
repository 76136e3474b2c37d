"""The processes of a training, one for each GPU, as torchrun starts them on one node or several."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from seqloom.errors import InputError

# Others wait so long for the first rank, which alone writes checkpoints.
_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class Ranks:
    """This process among all."""

    number: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.number == 0

    def summed(self, values: Tensor) -> Tensor:
        """The sum over all ranks; the same bits for each."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Wait for all ranks."""
        self.summed(torch.zeros(1, device=self.device))


@contextlib.contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """Join the others of a torchrun, by NCCL on GPUs and by gloo on CPUs; alone without one."""
    number, count, local = (
        int(os.environ.get(name, default))
        for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if count > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Ranks(number, count, device)
    except RuntimeError as error:
        if not _is_of_others(error):
            raise
        raise InputError(
            f"rank {number} of {count}: another rank ended or cannot be reached; see its log, and "
            "start the same command again, which goes on from the last checkpoint"
        ) from error
    if count > 1:
        dist.destroy_process_group()


def _is_of_others(error: RuntimeError) -> bool:
    """Whether it comes from the connection with other ranks; gloo has no exception of its own."""
    return isinstance(error, dist.DistError) or "gloo" in str(error).lower()
