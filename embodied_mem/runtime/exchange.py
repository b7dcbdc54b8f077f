"""What processes of one training run tell each other, by `torch.distributed`.

Gradients go by NCCL on GPUs and by Gloo otherwise; what the processes agree upon goes by Gloo, from
memory to memory, so that no GPU is waited for.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

# Its functions have the group of when it is imported as a default argument, and an optimizer may
# import it. A group that is kept has threads that outlive `destroy_process_group`, and one that
# lets go of a tensor while the interpreter ends aborts the process. Here is no group yet.
import torch.distributed.nn.functional
from torch import Tensor

from embodied_mem.errors import ConfigError
from embodied_mem.runtime.processes import Processes

_PATIENCE = timedelta(days=7)
"""The first process measures while the others wait. Where one dies, `torchrun` ends them all."""

_TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Variables by which `torchrun` tells a process who it is."""


@dataclass(frozen=True, slots=True)
class JoinedProcesses(Processes):
    """Two or more processes that do the same steps in the same order."""

    local: int = 0
    """This one's number on its machine."""

    def device(self, wanted: str) -> str:
        """Return where this process computes: with `cuda`, each has a GPU of its own.

        Raises:
            ConfigError: There are not enough of them, or one is named.
        """
        if not wanted.startswith("cuda"):
            return wanted
        if wanted != "cuda":
            raise ConfigError(
                f"{self.count} processes cannot share {wanted}. Say `cuda`, and each takes its own."
            )
        if self.local >= torch.cuda.device_count():
            raise ConfigError(
                f"each process needs a GPU of its own, and {torch.cuda.device_count()} are here. "
                "Start as many processes (`torchrun --nproc-per-node`), or train on the CPU."
            )
        torch.cuda.set_device(self.local)
        return f"cuda:{self.local}"

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their means over all processes, as one message."""
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.count
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def any(self, said: bool) -> bool:  # noqa: FBT001
        """Say whether one of the processes says so."""
        flag = torch.tensor([int(said)])
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def first(self, number: float) -> float:
        """Return what the first process says."""
        told = torch.tensor([number], dtype=torch.float64)
        dist.broadcast(told, src=0)
        return float(told)


@contextmanager
def exchanging() -> Iterator[JoinedProcesses]:
    """Join the others, and leave when all have done what they do or were interrupted.

    Raises:
        ConfigError: One of the variables that `torchrun` sets is not there.
    """
    missing = [name for name in _TOLD if name not in os.environ]
    if missing:
        raise ConfigError(
            f"WORLD_SIZE says that there are several processes, but {missing[0]} is not set. "
            "Start them with torchrun, or unset WORLD_SIZE."
        )
    rank, count, local, here = (int(os.environ[name]) for name in _TOLD[:4])
    if here == count:  # All on this machine: nobody else need hear them.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)
    processes = JoinedProcesses(rank, count, local)
    try:
        yield processes
    except KeyboardInterrupt:  # All of them. After an error the others may not come to leave.
        _leave(processes)
        raise
    _leave(processes)


def _leave(processes: JoinedProcesses) -> None:
    """Wait for the others, of whom the first may have to write, and part."""
    processes.any(said=False)
    dist.destroy_process_group()
