"""What a report is made from: one run's folder, or a memory alone."""

import base64
from dataclasses import dataclass
from pathlib import Path

from embodied_mem.errors import StoreError
from embodied_mem.memory import Memory
from embodied_mem.runtime.belief import Belief, believe, load_belief
from embodied_mem.runtime.metrics import EpisodeRow
from embodied_mem.runtime.recorders import BELIEF, METRICS
from embodied_mem.runtime.trace import EndLine, StartLine, StepLine, read_trace


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """One column of a report."""

    title: str
    belief: Belief | None
    starts: tuple[StartLine, ...] = ()
    steps: tuple[StepLine, ...] = ()
    ends: tuple[EndLine, ...] = ()
    folder: Path | None = None
    """Where the pictures lie."""

    def goal_words(self, episode: int) -> str:
        """Return the words of an episode's goal, its predicates where there are none."""
        for start in self.starts:
            if start.episode == episode:
                return start.text or start.goal
        return ""

    def end(self, episode: int) -> EndLine | None:
        """Return how an episode ended; None where it did not."""
        return next((end for end in self.ends if end.episode == episode), None)

    def picture(self, name: str) -> str:
        """Return a picture as a data URI; "" where it is missing."""
        if self.folder is None or not name:
            return ""
        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            return ""  # A report of what there is: pictures may have been cleaned away.
        return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"

    def rows(self) -> list[EpisodeRow]:
        """Return the finished episodes as rows of a table."""
        return [
            EpisodeRow(
                group=self.title,
                task=str(end.episode),
                goal=self.goal_words(end.episode),
                success=end.success,
                met=end.met,
                total=end.total,
                steps=end.steps,
                failed_actions=end.failed_actions,
                exploration_steps=end.exploration_steps,
                path_length=end.path_length,
                seconds=end.seconds,
                reason=end.reason,
            )
            for end in self.ends
        ]


def load_run(folder: str | Path, title: str = "") -> ReportRun:
    """Read the folder of a run.

    Args:
        folder: What `EpisodeWriter` filled.
        title: Heading; the folder's name by default.

    Raises:
        StoreError: The folder holds no run.
    """
    folder = Path(folder)
    if not (folder / METRICS).is_file():
        raise StoreError(
            f"{folder} is not the folder of a run: it has no {METRICS}. "
            "Give a folder that `embodied-mem episode` or `demo` wrote, or a memory's store."
        )
    lines = read_trace(folder / METRICS)
    return ReportRun(
        title=title or folder.name,
        belief=load_belief(folder / BELIEF) if (folder / BELIEF).is_file() else None,
        starts=tuple(line for line in lines if isinstance(line, StartLine)),
        steps=tuple(line for line in lines if isinstance(line, StepLine)),
        ends=tuple(line for line in lines if isinstance(line, EndLine)),
        folder=folder,
    )


def run_of_memory(memory: Memory, title: str) -> ReportRun:
    """Return a run that shows a memory alone."""
    return ReportRun(title=title, belief=believe(memory))
