"""An episode of a task with a cue while it is judged: what was decided, touched and reached."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from embodied_mem.backends.demonstrations import Task
from embodied_mem.config import Config
from planners.diffusion.decisions import decided


@runtime_checkable
class Seen(Protocol):
    """What a simulator shows; see `embodied_mem.backends.mikasa.simulator.Observation`."""

    @property
    def image(self) -> UInt8[np.ndarray, "h w 3"]:
        """What the policy sees."""
        ...

    @property
    def proprio(self) -> Float32[np.ndarray, "p"]:
        """The robot's own state."""
        ...

    @property
    def step(self) -> int:
        """Steps since the episode began."""
        ...

    @property
    def success(self) -> bool:
        """Whether the task is done."""
        ...

    @property
    def options(self) -> Float32[np.ndarray, "o 3"]:
        """Where the things to choose from are [m]."""
        ...

    @property
    def cue(self) -> int:
        """Which of them is right."""
        ...

    @property
    def hides(self) -> int:
        """First step that shows nothing."""
        ...

    @property
    def reveal(self) -> int:
        """First step that shows them all."""
        ...

    @property
    def camera(self) -> Float32[np.ndarray, "3 4"]:
        """Takes a place (x y z 1) [m] to its column, row and 1 in the image, up to scale."""
        ...

    @property
    def tool(self) -> Float32[np.ndarray, "3"]:
        """Where the tool is [m]."""
        ...

    @property
    def touched(self) -> int | None:
        """The thing that the tool is at, if any."""
        ...


class EpisodeOutcome(Config, frozen=True):
    """What came of an episode."""

    policy: str
    """Name of its weights."""
    task: str
    seed: int
    success: bool
    first_touch: bool
    """Whether the first thing that was touched was the right one."""
    decision: bool
    """Whether the first action after the reveal leads to it."""
    options: int
    """Things to choose from; chance is one over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A step of an episode, and what was known of it then."""

    seen: Seen
    decision: int | None
    """What the first action after the reveal leads to; None before."""
    touched: int | None
    """What was touched first; None before."""
    success: bool
    """Whether the task was done, now or before."""


class Trial:
    """An episode that is being judged.

    Args:
        seed: Of the episode.
        first: What it begins with.
    """

    def __init__(self, seed: int, first: Seen) -> None:
        self.seed = seed
        self.moments = [Moment(seen=first, decision=None, touched=None, success=False)]

    @property
    def now(self) -> Seen:
        """What is seen now."""
        return self.moments[-1].seen

    @property
    def is_decided(self) -> bool:
        """Whether all is known of the episode."""
        last = self.moments[-1]
        return last.success and last.touched is not None and last.decision is not None

    def go_on(self, action: Float32[np.ndarray, "a"], seen: Seen) -> None:
        """Take in what was done at the last moment, and what is seen then."""
        past, before = self.moments[-1], self.now
        decision = past.decision
        if before.step == before.reveal:
            decision = decided(action[None, :3], before.tool, before.options)
        self.moments.append(
            Moment(
                seen=seen,
                decision=decision,
                touched=seen.touched if past.touched is None else past.touched,
                success=past.success or seen.success,
            )
        )

    def outcome(self, policy: str, task: Task) -> EpisodeOutcome:
        """Say what came of it."""
        last = self.moments[-1]
        return EpisodeOutcome(
            policy=policy,
            task=task.name,
            seed=self.seed,
            success=last.success,
            first_touch=last.touched == last.seen.cue,
            decision=last.decision == last.seen.cue,
            options=len(last.seen.options),
        )
