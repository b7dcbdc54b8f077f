"""Simulators in processes of their own, so that several episodes can go on at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from jaxtyping import Float32

from embodied_mem.backends.demonstrations import Task
from embodied_mem.runtime.remote import Remote
from planners.diffusion.evaluation import Simulator
from planners.diffusion.trial import Seen


class Apart:
    """A simulator in a process of its own; see `apart`."""

    task: Task
    horizon: int

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.task, self.horizon = remote.answer()

    def reset(self, seed: int) -> None:
        """Ask for the episode of a seed."""
        self._remote.what = f"the simulator, in the episode with seed {seed},"
        self._remote.ask("reset", seed)

    def step(self, action: Float32[np.ndarray, "a"]) -> None:
        """Ask for one action to be done."""
        self._remote.ask("step", action)

    def seen(self) -> Seen:
        """Wait for what is seen then."""
        return self._remote.answer()


class Host:
    """A simulator on the other side."""

    def __init__(self, build: Callable[[], Simulator]) -> None:
        self._simulator = build()

    def described(self) -> tuple[Task, int]:
        """Say what it is, and how many steps an episode has."""
        return self._simulator.task, self._simulator.horizon

    def reset(self, seed: int) -> Seen:
        """Begin the episode of a seed."""
        return self._simulator.reset(seed)

    def step(self, action: Float32[np.ndarray, "a"]) -> Seen:
        """Do one action."""
        return self._simulator.step(action)


@contextmanager
def apart(build: Callable[[], Simulator], count: int) -> Iterator[list[Apart]]:
    """Start simulators side by side, and end them.

    Args:
        build: Makes one; a function of a module, or a partial of one.
        count: How many.

    Raises:
        BackendError: One cannot be built, or its process died.
    """
    remotes: list[Remote] = []
    try:
        for _ in range(count):
            remotes.append(Remote(partial(Host, build), "the simulator"))
            remotes[-1].ask("described")
        yield [Apart(remote) for remote in remotes]
    finally:
        for remote in remotes:
            remote.close()
