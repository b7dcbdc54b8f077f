"""A policy at a task with a cue: episodes by their seeds, a line of JSON each, and their sum.

Success counts if it is reached once. The first touch tells memory from search. The decision is what
the first action after the reveal leads to.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from embodied_mem.backends.demonstrations import Task
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, StoreFormatError
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
    def reveal(self) -> int:
        """First step that shows them all."""
        ...

    @property
    def tool(self) -> Float32[np.ndarray, "3"]:
        """Where the tool is [m]."""
        ...

    @property
    def touched(self) -> int | None:
        """The thing that the tool is at, if any."""
        ...


@runtime_checkable
class Simulator(Protocol):
    """A task with a cue, one episode at a time."""

    task: Task
    horizon: int

    def reset(self, seed: int) -> Seen:
        """Begin the episode of a seed."""
        ...

    def step(self, action: Float32[np.ndarray, "a"]) -> Seen:
        """Do one action."""
        ...


@runtime_checkable
class Acting(Protocol):
    """A policy for batches of episodes; see `DiffusionPolicy.act`."""

    def act(
        self,
        images: UInt8[np.ndarray, "b h w 3"],
        proprio: Float32[np.ndarray, "b p"],
        instruction: str,
        *,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
    ) -> Float32[np.ndarray, "b a"]:
        """Take in a frame of each episode, and say what to do."""
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


def run_episode(
    simulator: Simulator, policy: Acting, name: str, seed: int, *, forgets: bool = False
) -> EpisodeOutcome:
    """Run the episode of a seed until all is known of it, at most to its horizon.

    Args:
        simulator: The task.
        policy: Which acts.
        name: Of the policy.
        seed: Of the episode.
        forgets: Whether the policy's memory is emptied before each step.
    """
    seen, begins = simulator.reset(seed), True
    touched, success, decision = None, False, -1
    for _ in range(simulator.horizon):
        action = policy.act(
            seen.image[None],
            seen.proprio[None],
            simulator.task.instruction,
            steps=np.array([seen.step], np.float32),
            begins=np.array([begins or forgets]),
        )[0]
        if seen.step == seen.reveal:
            decision = decided(action[None, :3], seen.tool, seen.options)
        seen, begins = simulator.step(action), False
        touched = seen.touched if touched is None else touched
        success = success or seen.success
        if success and touched is not None and decision >= 0:
            break
    return EpisodeOutcome(
        policy=name,
        task=simulator.task.name,
        seed=seed,
        success=success,
        first_touch=touched == seen.cue,
        decision=decision == seen.cue,
        options=len(seen.options),
    )


def evaluate(
    simulator: Simulator,
    policy: Acting,
    name: str,
    seeds: Iterable[int],
    log: Path | None = None,
    *,
    forgets: bool = False,
) -> Iterator[EpisodeOutcome]:
    """Run episodes and yield what came of each; those that the log tells of are not run again.

    Args:
        simulator: The task.
        policy: Which acts.
        name: Of the policy, as the log has it.
        seeds: Of the episodes.
        log: File of JSON lines, which grows by one after each episode.
        forgets: Whether the policy's memory is emptied before each step.
    """
    name = f"{name}, emptied" if forgets else name
    past = {(row.policy, row.task, row.seed): row for row in _logged(log)}
    for seed in seeds:
        row = past.get((name, simulator.task.name, seed))
        if row is None:
            row = run_episode(simulator, policy, name, seed, forgets=forgets)
            if log is not None:
                with log.open("ab") as file:
                    file.write(msgspec.json.encode(row) + b"\n")
        yield row


def _logged(log: Path | None) -> list[EpisodeOutcome]:
    if log is None or not log.exists():
        return []
    try:
        return msgspec.json.Decoder(EpisodeOutcome).decode_lines(log.read_bytes())
    except msgspec.DecodeError as error:
        raise StoreFormatError(
            f"{log} does not hold outcomes of episodes: {error}. Give another file."
        ) from error


def summary(outcomes: Sequence[EpisodeOutcome]) -> dict[str, object]:
    """Shares with their 95 % intervals, and chance."""
    if not outcomes:
        raise ConfigError("at least one episode must be run, got 0.")
    scores: dict[str, object] = {"policy": outcomes[0].policy, "task": outcomes[0].task}
    scores |= {"episodes": len(outcomes), "chance": round(1 / outcomes[0].options, 3)}
    for name in ("success", "first_touch", "decision"):
        right = sum(getattr(outcome, name) for outcome in outcomes)
        share = (right / len(outcomes), *wilson(right, len(outcomes)))
        scores[name] = [round(x, 3) for x in share]
    return scores


def wilson(right: int, count: int) -> tuple[float, float]:
    """Interval that holds a share with 95 % confidence (Wilson, 1927)."""
    z = 1.96
    middle = (right + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(right * (count - right) / count + z * z / 4)
    return middle - half, middle + half
