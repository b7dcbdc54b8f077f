"""Subscribers that put an episode on disk. They may watch several episodes, one after another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2

from embodied_mem.config import Config, dump_config
from embodied_mem.errors import StoreError
from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Memory
from embodied_mem.runtime.belief import believe, save_belief
from embodied_mem.runtime.changes import ChangeWatcher
from embodied_mem.runtime.trace import (
    ChangeLine,
    EndLine,
    LineWriter,
    StartLine,
    StepLine,
    read_trace,
)
from embodied_mem.types import Frame, Percept

METRICS, CONFIG, BELIEF, FRAMES, STORE = (
    "metrics.jsonl",
    "config.yaml",
    "belief.json",
    "frames",
    "memory",
)
"""Names inside the folder of a run."""

MOVES = ("Move", "Rotate", "Look", "Pass", "Done", "Teleport")
"""How the names of actions begin that touch nothing."""


class MetricsLogger:
    """Writes metrics.jsonl: one line for each start, decision and end, flushed as it is written."""

    def __init__(self, path: str | Path):
        """Open a file; one that exists is continued, and its episodes are counted on."""
        self._lines = LineWriter(path)
        self._changes = ChangeWatcher()
        self._plan: tuple[str, ...] = ()
        self._episode = max((line.episode for line in read_trace(path)), default=-1)
        self._step = 0

    def on_start(self, goal: Goal, memory: Memory) -> None:
        """Note the goal."""
        self._episode += 1
        self._step, self._plan = 0, ()
        self._changes.start(memory)
        self._lines.write(
            StartLine(episode=self._episode, goal=str(goal), text=goal.text, known=len(memory))
        )

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:
        """Note one decision."""
        self.write_step(step, percept, decision, self.changes(memory))

    def changes(self, memory: Memory) -> tuple[ChangeLine, ...]:
        """Return what memory learnt since the last decision; once for each decision."""
        return self._changes.changes(memory)

    def write_step(
        self,
        step: Step,
        percept: Percept,
        decision: Decision,
        changes: tuple[ChangeLine, ...],
        picture: str = "",
    ) -> None:
        """Write the line of one decision.

        Args:
            step: What the decision was based on.
            percept: What was seen in it.
            decision: What was decided.
            changes: What memory learnt from it.
            picture: Where the frame's picture lies, relative to the run's folder.
        """
        self._lines.write(
            StepLine(
                episode=self._episode,
                step=self._step,
                stamp=step.frame.stamp,
                action=str(decision.action),
                phase=decision.phase,
                target=decision.target or "",
                reason=decision.reason,
                last_success=step.action_success,
                last_message=step.message,
                plan=decision.plan if decision.plan != self._plan else None,
                pose=body_pose(step.frame),
                seen=len(percept),
                changes=changes,
                frame=picture,
            )
        )
        self._plan = decision.plan
        self._step += 1

    def on_end(self, outcome: Outcome, memory: Memory) -> None:  # noqa: ARG002
        """Note the outcome."""
        self._lines.write(end_line(outcome, self._episode), sync=True)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._lines.close()


def end_line(outcome: Outcome, episode: int) -> EndLine:
    """Return the line of an outcome."""
    return EndLine(
        episode=episode,
        success=outcome.success,
        met=outcome.progress.met,
        total=outcome.progress.total,
        steps=outcome.steps,
        failed_actions=outcome.failed_actions,
        exploration_steps=outcome.exploration_steps,
        path_length=outcome.path_length,
        seconds=outcome.seconds,
        reason=outcome.reason,
    )


def body_pose(frame: Frame) -> tuple[float, float, float] | None:
    """Return x, y [m] and yaw [rad] of the body; None where its pose is unknown."""
    if frame.T_world_body is None:
        return None
    x, y, _ = frame.T_world_body.translation.tolist()
    yaw = frame.T_world_body.rotation.as_euler("zyx")[0]
    return round(x, 3), round(y, 3), round(float(yaw), 4)


@dataclass(slots=True)
class _Pictures:
    """Keeps the frames that matter, as JPEG, up to a number."""

    folder: Path
    limit: int
    kept: int = 0

    def keep(self, frame: Frame) -> str:
        """Write a frame and return its path relative to the run's folder; "" beyond the limit."""
        if self.kept >= self.limit:
            return ""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.kept:05d}.jpg"
        if not cv2.imwrite(str(path), frame.rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85]):
            raise StoreError(f"cannot write the picture {path}. Is the disk full?")
        self.kept += 1
        return f"{self.folder.name}/{path.name}"


Keyframes = Literal["changes", "all", "none"]


class EpisodeWriter:
    """Fills the folder of a run: config, metrics, pictures of key frames, what memory believes.

    A key frame is one on which something is touched, something moved or vanished, or several things
    appeared at once; also the first and the last of an episode. The memory's own store lies in the
    folder too when it was opened there (`Memory.open(folder / "memory")`).
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        config: Config | None = None,
        keyframes: Keyframes = "changes",
        max_keyframes: int = 400,
    ):
        """Create the folder.

        Raises:
            StoreError: The folder cannot be written.
        """
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if config is not None:
                (self.folder / CONFIG).write_text(dump_config(config))
        except OSError as error:
            raise StoreError(f"cannot write {self.folder}: {error.strerror}.") from error
        self._metrics = MetricsLogger(self.folder / METRICS)
        kept = len(list((self.folder / FRAMES).glob("*.jpg")))
        self._pictures = _Pictures(self.folder / FRAMES, max_keyframes, kept)
        self._keyframes = keyframes
        self._fresh = True

    def on_start(self, goal: Goal, memory: Memory) -> None:
        """Note the goal."""
        self._metrics.on_start(goal, memory)
        self._fresh = True

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:
        """Note one decision, with its picture where it is a key frame."""
        changes = self._metrics.changes(memory)
        picture = self._pictures.keep(step.frame) if self._is_key(decision, changes) else ""
        self._metrics.write_step(step, percept, decision, changes, picture)
        self._fresh = False

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Note the outcome and what memory believes."""
        save_belief(believe(memory), self.folder / BELIEF)
        self._metrics.on_end(outcome, memory)

    def close(self) -> None:
        """Close the files. May be called twice."""
        self._metrics.close()

    def _is_key(self, decision: Decision, changes: tuple[ChangeLine, ...]) -> bool:
        if self._keyframes != "changes":
            return self._keyframes == "all"
        touches = not decision.action.name.startswith(MOVES)
        moved = any(line.change in ("moved", "gone") for line in changes)
        appeared = sum(line.change == "appeared" for line in changes)
        return self._fresh or touches or moved or appeared >= 3 or decision.action.name == "Done"
