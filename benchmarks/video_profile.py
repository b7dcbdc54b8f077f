"""Where the CPU time goes when videos are taken into a memory.

    python benchmarks/video_profile.py VIDEO... --rate 5

Reads, decodes and looks on one thread, so that each CPU second has one owner, and prints a table:
seconds and share of each step, without those of the steps inside it. `ours` marks steps whose time
is spent in this project's own Python and in the numpy and OpenCV calls that it chooses; the others
are FFmpeg, SQLite with the disk, and JPEG.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from embodied_mem.memory.events.boundaries import SurpriseBoundaries
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.video.frames import VideoFile
from perception.video import chunks, eye, intake
from perception.video.background import Background
from perception.video.intake import IntakeConfig, take_in
from perception.video.look import GridLook
from perception.video.recorder import Recorder, RecorderConfig
from perception.video.teller import Teller

_STEPS: list[tuple[str, bool, Any, str]] = [
    ("decode", False, VideoFile, "shown"),
    ("reformat and shrink", False, "embodied_mem.video.samples", "_shrunk_frame"),
    ("content digest", False, intake, "content_digest"),
    ("shrink to 160 px", True, eye, "shrink"),
    ("colour terms", True, eye, "colour_terms"),
    ("background", True, Background, "__call__"),
    ("movers", True, eye, "movers"),
    ("coloured things", True, eye, "coloured_things"),
    ("look", True, GridLook, "__call__"),
    ("JPEG", False, chunks, "_jpeg"),
    ("followers and telling", True, Teller, "__call__"),
    ("surprise", True, SurpriseBoundaries, "__call__"),
    ("segments, moments, checkpoint", True, Recorder, "__call__"),
    ("SQLite, pictures, fsync", False, EventIndex, "add"),
]


class Meter:
    """CPU time of steps, each without the steps inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._inside = [0.0]

    def step(self, name: str, function: Callable) -> Callable:
        """Return a function that is metered; of a generator, each of its steps is."""

        def metered(*args: Any, **kwargs: Any) -> Any:
            made = self._timed(name, lambda: function(*args, **kwargs))
            return self._steps(name, made) if isinstance(made, Generator) else made

        return metered

    def _steps(self, name: str, items: Iterator[Any]) -> Iterator[Any]:
        end = object()
        while (item := self._timed(name, lambda: next(items, end))) is not end:
            yield item

    def _timed(self, name: str, work: Callable[[], Any]) -> Any:
        self._inside.append(0.0)
        began = time.process_time()
        try:
            return work()
        finally:
            took = time.process_time() - began
            own = took - self._inside.pop()
            self._inside[-1] += took
            self.seconds[name] = self.seconds.get(name, 0.0) + own
            self.calls[name] = self.calls.get(name, 0) + 1


def main() -> None:
    """Meter, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--side", type=int, default=480)
    arguments = parser.parse_args()
    config = IntakeConfig(
        rate=arguments.rate, side=arguments.side, folder_rate=30.0, look="grid",
        recorder=RecorderConfig(),
    )  # fmt: skip
    meter = Meter()
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        index = stack.enter_context(EventIndex(Path(folder) / "store"))
        _install(meter, stack)
        began = time.process_time()
        for video in arguments.videos:
            seconds += take_in(index, video, config, GridLook()).seconds
        whole = time.process_time() - began
    _print(meter, whole, seconds)


def _install(meter: Meter, stack: ExitStack) -> None:
    """Have all steps metered, and everything done on one thread."""
    stack.enter_context(mock.patch.object(intake, "_AHEAD", 0))
    for name, _, owner, attribute in _STEPS:
        target = f"{owner}.{attribute}" if isinstance(owner, str) else None
        if target is not None:
            module = __import__(owner, fromlist=[attribute])
            function = getattr(module, attribute)
            stack.enter_context(mock.patch(target, meter.step(name, function)))
        else:
            function = getattr(owner, attribute)
            stack.enter_context(mock.patch.object(owner, attribute, meter.step(name, function)))


def _print(meter: Meter, whole: float, seconds: float) -> None:
    print(f"{seconds:.0f} s of video, {whole:.2f} CPU-s: {seconds / whole:.0f} times real time\n")
    print("| step | ours | CPU-s | share | calls | ms a call |\n|---|---|---|---|---|---|")
    ours = {name for name, own, *_ in _STEPS if own} | {"everything else"}
    rest = whole - sum(meter.seconds.values())
    rows = [*meter.seconds.items(), ("everything else", rest)]
    for name, took in sorted(rows, key=lambda row: -row[1]):
        calls = meter.calls.get(name, 0)
        each = f"{1000 * took / calls:.2f}" if calls else ""
        mark = "x" if name in ours else ""
        print(f"| {name} | {mark} | {took:.2f} | {took / whole:.0%} | {calls or ''} | {each} |")
    share = sum(took for name, took in rows if name in ours) / whole
    print(f"\nours: {share:.0%}")


if __name__ == "__main__":
    main()
