"""Episodes of the toy task that other processes run too: they import this file by its name."""

import os
import signal
from pathlib import Path

import numpy as np
from cue_task import CueTask, Shown
from jaxtyping import UInt8

from embodied_mem.backends.mikasa.expert import motion_towards
from planners.diffusion import rollout_video
from planners.diffusion.rollout_video import write_rollout
from planners.diffusion.trial import Moment, Trial


class Shorter(CueTask):
    """Episodes of different lengths, so that places of a batch begin at different times."""

    horizon = 9

    def step(self, action: np.ndarray) -> Shown:
        seen = super().step(action)
        ends = self._now.episode.seed % 4 == seen.step % 4 and seen.step > 4
        tool = seen.options[seen.cue] if ends else seen.tool
        self._now = Shown(seen.episode, seen.step, tool)
        return self._now


class Dying(CueTask):
    """Ends its process, or fails, in the middle of the episode with seed 3."""

    def __init__(self, kill: bool) -> None:
        super().__init__()
        self._kill = kill

    def step(self, action: np.ndarray) -> Shown:
        if self._now.episode.seed == 3 and self._now.step == 5:
            if self._kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise ZeroDivisionError("by zero")
        return super().step(action)


def walked(off: int, steps: int = 14) -> Trial:
    """An episode in which the tool is walked to an option, told by the distance from the right."""
    simulator = CueTask()
    trial = Trial(7, simulator.reset(7))
    for _ in range(steps):
        now, action = trial.now, np.zeros(7, np.float32)
        if now.step >= now.reveal:
            action[:3] = motion_towards(now.options[(now.cue + off) % 3], now.tool)
        trial.go_on(action, simulator.step(action))
    return trial


def kill_at_the_fourth_picture(path: str) -> None:
    real, drawn = rollout_video.draw, []

    def draw_or_die(moments: list[Moment], step: int) -> UInt8[np.ndarray, "h w 3"]:
        drawn.append(step)
        if len(drawn) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(moments, step)

    rollout_video.draw = draw_or_die
    write_rollout(Path(path), walked(0))


class Tracker:
    """Takes the place of trackio in its process: writes what it is told, and may die of it."""

    def __init__(self, name: str) -> None:
        self._told = Path(name)

    def log(self, rows: list[dict[str, float]]) -> None:
        with self._told.open("a") as file:
            file.writelines(f"{row['step']}\n" for row in rows)
        if any(row["step"] == 13 for row in rows):
            os.kill(os.getpid(), signal.SIGKILL)

    def finish(self) -> None:
        with self._told.open("a") as file:
            file.write("end\n")
