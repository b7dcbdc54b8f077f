"""A policy at a task with a cue: episodes by their seeds, a line of JSON each, and their sum.

Success counts if it is reached once. The first touch tells memory from search. The decision is what
the first action after the reveal leads to. Several episodes may go on at once: the policy then acts
on all of them, and what comes of each is the same as one by one.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from embodied_mem.backends.demonstrations import Task
from embodied_mem.errors import ConfigError, StoreFormatError
from planners.diffusion.trial import EpisodeOutcome, Seen, Trial


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
        seeds: Int64[np.ndarray, "b"] | None = None,
    ) -> Float32[np.ndarray, "b a"]:
        """Take in a frame of each episode, and say what to do."""
        ...


@runtime_checkable
class Environment(Protocol):
    """A simulator that is asked first and answers later, so that several can work at once."""

    task: Task
    horizon: int

    def reset(self, seed: int) -> None:
        """Ask for the episode of a seed."""
        ...

    def step(self, action: Float32[np.ndarray, "a"]) -> None:
        """Ask for one action to be done."""
        ...

    def seen(self) -> Seen:
        """Wait for what is seen then."""
        ...


class Here:
    """A simulator in this process, which answers at once."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.task, self.horizon = simulator.task, simulator.horizon

    def reset(self, seed: int) -> None:
        """Begin the episode of a seed."""
        self._seen = self._simulator.reset(seed)

    def step(self, action: Float32[np.ndarray, "a"]) -> None:
        """Do one action."""
        self._seen = self._simulator.step(action)

    def seen(self) -> Seen:
        """Return what is seen then."""
        return self._seen


Watch = Callable[[Trial, EpisodeOutcome], None]
"""Is told of every episode that ends, before it is in the log."""


def evaluate(
    environments: Sequence[Environment],
    policy: Acting,
    name: str,
    seeds: Iterable[int],
    log: Path | None = None,
    *,
    forgets: bool = False,
    watch: Watch | None = None,
) -> Iterator[EpisodeOutcome]:
    """Run episodes and yield what came of each, first of those that the log tells of already.

    Args:
        environments: The task, as often as episodes shall go on at once.
        policy: Which acts.
        name: Of the policy, as the log has it.
        seeds: Of the episodes.
        log: File of JSON lines, which grows by one after each episode.
        forgets: Whether the policy's memory is emptied before each step.
        watch: Is told of every episode that is run.
    """
    task, name = environments[0].task, f"{name}, emptied" if forgets else name
    past = {(row.policy, row.task, row.seed): row for row in _logged(log)}
    waiting: deque[int] = deque()
    for seed in seeds:
        row = past.get((name, task.name, seed))
        if row is None:
            waiting.append(seed)
        else:
            yield row
    for trial in _trials(environments[: len(waiting)], policy, waiting, forgets=forgets):
        row = trial.outcome(name, task)
        if watch is not None:
            watch(trial, row)
        if log is not None:
            with log.open("ab") as file:
                file.write(msgspec.json.encode(row) + b"\n")
        yield row


def _trials(
    environments: Sequence[Environment], policy: Acting, waiting: deque[int], *, forgets: bool
) -> Iterator[Trial]:
    """Run the episodes that wait, each until all is known of it, at most to its horizon."""
    begun = {place: waiting.popleft() for place in range(len(environments))}
    going: dict[int, Trial] = {}
    for place, seed in begun.items():
        environments[place].reset(seed)
    while begun or going:
        for place, seed in begun.items():
            going[place] = Trial(seed, environments[place].seen())
        actions = _acted(policy, going, begun, environments, forgets=forgets)
        begun = {}
        for place in going:
            environments[place].step(actions[place])
        for place, trial in list(going.items()):
            trial.go_on(actions[place], environments[place].seen())
            if not trial.is_decided and len(trial.moments) <= environments[place].horizon:
                continue
            del going[place]
            if waiting:
                begun[place] = waiting.popleft()
                environments[place].reset(begun[place])
            yield trial


def _acted(
    policy: Acting,
    going: dict[int, Trial],
    begun: dict[int, int],
    environments: Sequence[Environment],
    *,
    forgets: bool,
) -> Float32[np.ndarray, "b a"]:
    """Let the policy act on all places; those where nothing goes on any more repeat another's."""
    spare = next(iter(going.values()))
    shown = [going.get(place, spare) for place in range(len(environments))]
    fresh = [forgets or place in begun or place not in going for place in range(len(shown))]
    return policy.act(
        np.stack([trial.now.image for trial in shown]),
        np.stack([trial.now.proprio for trial in shown]),
        environments[0].task.instruction,
        steps=np.array([trial.now.step for trial in shown], np.float32),
        begins=np.array(fresh),
        seeds=np.array([trial.seed for trial in shown], np.int64),
    )


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
