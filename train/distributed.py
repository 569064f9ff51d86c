"""Several processes as one run: started by torchrun, NCCL on GPUs, Gloo on CPUs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from port.errors import InputError

# How long a process waits for another one that has stopped answering. Long enough for one to write
# a checkpoint meanwhile, or to read the first batch from a slow disk.
TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True)
class World:
    """The processes of a run as one of them sees it; without torchrun it is alone."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def main(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in any process."""
        return self.sum(torch.tensor(float(flag))).item() > 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, on the device of `values`."""
        if self.size == 1:
            return values
        total = values.to(self.device, copy=True)
        dist.all_reduce(total)
        return total.to(values.device)

    def gather(self, value: Any) -> list[Any]:
        """`value` of every process, by rank."""
        values: list[Any] = [None] * self.size
        if self.size == 1:
            return [value]
        dist.all_gather_object(values, value)
        return values

    def share_buffers(self, net: nn.Module) -> None:
        """Give every process the first one's batch-norm statistics."""
        if self.size > 1:
            for buffer in net.buffers():
                dist.broadcast(buffer, 0)


@contextmanager
def joined(device: str) -> Iterator[World]:
    """This process's place among those that torchrun started.

    Args:
        device: `cpu`, `cuda` or `auto`.

    Raises:
        InputError: `cuda` and there is none, or too few for the processes of this machine.
    """
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    chosen = choose_device(device, local)
    if size == 1:
        yield World(chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=TIMEOUT)
    yield World(chosen, dist.get_rank(), size)
    # Only after success: in an error another process may be gone, and leaving would wait for it.
    dist.destroy_process_group()


def choose_device(device: str, local_rank: int = 0) -> torch.device:
    """The device of the process that is `local_rank` on its machine."""
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if local_rank >= torch.cuda.device_count():
        raise InputError(
            f"device={device}: process {local_rank} of this machine finds "
            f"{torch.cuda.device_count()} GPUs; start fewer processes, or use --set=device=cpu"
        )
    return torch.device("cuda", local_rank)
