"""Several processes that train one network: each learns from its share of every batch.

`torchrun` starts them and tells each by environment variables which one it is. A process that
nothing started so is alone: it does what it would do without this module, and nothing of
`torch.distributed` is touched.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor

from embodied_mem.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a training run, as one of them sees them; by default it is alone."""

    rank: int = 0
    """This one's number."""
    count: int = 1
    """How many there are."""

    @property
    def leads(self) -> bool:
        """Whether this one writes, measures and tells."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """Return the rows of a batch that this process learns from.

        Raises:
            ConfigError: They cannot all have as many: the mean of their gradients would not be the
                batch's.
        """
        if batch % self.count:
            raise ConfigError(
                f"{self.count} processes cannot have equal shares of a batch of {batch}. "
                f"Make it a multiple of {self.count}, or start as many processes as divide it."
            )
        each = batch // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def device(self, wanted: str) -> str:
        """Return where this process computes, when all are told the same."""
        return wanted

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their means over all processes."""

    def any(self, said: bool) -> bool:  # noqa: FBT001 - what it is asked about.
        """Say whether one of the processes says so."""
        return said

    def first(self, number: float) -> float:
        """Return what the first process says."""
        return number


ALONE = Processes()


def started() -> Processes:
    """Return what this process was told by its start, before it joins the others."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    return ALONE if count == 1 else Processes(int(os.environ.get("RANK", "0")), count)


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes that were started together with this one, if any were.

    Raises:
        ConfigError: One of the variables that `torchrun` sets is not there.
    """
    if started() == ALONE:
        yield ALONE
        return
    from embodied_mem.runtime.exchange import exchanging  # noqa: PLC0415 - none where alone.

    with exchanging() as processes:
        yield processes
