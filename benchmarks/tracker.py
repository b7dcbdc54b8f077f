"""How well and how fast the compact tracker follows things through films of houses.

    python benchmarks/tracker.py [--weights FILE] [--films DIR] [--first 0] [--houses 10]
    python benchmarks/tracker.py --speed [--threads 2]

Films are taken of generated houses, one of each; seeds from 1000 on were trained on, those from 900
on were looked at in training, those below 100 are held out. Up to three things, of all sizes, are
followed from their masks in the first frame. J and F as in DAVIS: means over all frames but the
first and the last, then over objects. Beside the tracker: the first masks kept where they are, and
the last masks moved by dense optical flow (OpenCV's DIS). `late` is J over the last quarter.

The speed is of one step at 480x854 with three objects, by stages: CPU time and time on the wall.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
import tyro
from jaxtyping import Int32, UInt8

from embodied_mem.runtime.mask_scoring import boundary_accuracy, region_similarity
from perception.compact.clips import Clip, clip_path, read_clips
from perception.compact.films_config import FilmsConfig
from perception.compact.generation import generate_clips
from perception.compact.network import CompactXMem
from perception.compact.validation import choose_targets
from perception.compact.weights import SHIPPED
from perception.xmem.loading import load_network
from perception.xmem.network import MemoryNetwork
from perception.xmem.tracker import ObjectTracker
from perception.xmem.tracker_config import TrackerConfig

_WARM, _TIMED = 41, 20
"""Steps before those that are timed, and timed steps: the memory was consolidated by then."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Benchmark of the compact tracker."""

    weights: Path = SHIPPED
    """Weights to score; `random` draws some, for speed alone."""
    films: Path = Path("runs/tracker_films")
    """Folder of films; what is missing there is filmed first."""
    first: int = 0
    """Seed of the first house."""
    houses: int = 10
    frames: int = 72
    """Of each film."""
    width: int = 640
    height: int = 480
    """Of the pictures [px]."""
    objects: int = 3
    """Followed in each film at most."""
    speed: bool = False
    """Whether to time instead."""
    threads: int = 2
    """Of torch."""
    precision: str = "float32"
    """Of the network: float32, bfloat16."""
    json: Path | None = None
    """File for all scores."""


class Follower(Protocol):
    """Whatever follows things: ids in the first frame, then none."""

    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], given: Int32[np.ndarray, "h w"] | None
    ) -> Int32[np.ndarray, "h w"]:
        """Return where the things are."""
        ...


class Still:
    """Everything stays where it was."""

    def __init__(self) -> None:
        self._ids = np.zeros((0, 0), np.int32)

    def __call__(self, rgb: np.ndarray, given: np.ndarray | None) -> np.ndarray:  # noqa: ARG002
        """Return the first ids."""
        self._ids = self._ids if given is None else given
        return self._ids


class Flow:
    """The last ids, each pixel from where the flow says that it came."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._grey = self._ids = np.zeros((0, 0), np.int32)

    def __call__(self, rgb: np.ndarray, given: np.ndarray | None) -> np.ndarray:
        """Move the last ids."""
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        if given is None:
            back = self._flow.calc(grey, self._grey, None)  # type: ignore[call-overload]
            rows, columns = np.indices(grey.shape, dtype=np.float32)
            moved = cv2.remap(
                self._ids.astype(np.float32), columns + back[..., 0], rows + back[..., 1],
                cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT,
            )  # fmt: skip
            given = moved.astype(np.int32)
        self._grey, self._ids = grey, given
        return given


class Tracker:
    """Ours."""

    def __init__(self, network: MemoryNetwork, config: TrackerConfig) -> None:
        self._tracker = ObjectTracker(network, config)

    def __call__(self, rgb: np.ndarray, given: np.ndarray | None) -> np.ndarray:
        """Track."""
        return self._tracker.step(rgb, given).ids


@dataclass(slots=True)
class Scores:
    """Means for each object of all films."""

    region: list[float] = field(default_factory=list)
    boundary: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    seconds: float = 0.0
    """CPU time of all steps [s]."""
    steps: int = 0

    def add(self, film: Clip, targets: list[int], follow: Follower) -> None:
        """Follow things through one film."""
        rows: list[list[float]] = [[] for _ in targets]
        edges: list[list[float]] = [[] for _ in targets]
        given = np.where(np.isin(film.ids[0], targets), film.ids[0], 0).astype(np.int32)
        for number, (rgb, ids) in enumerate(zip(film.rgb, film.ids, strict=True)):
            begun = time.process_time()
            found = follow(rgb, given if number == 0 else None)
            self.seconds += time.process_time() - begun
            self.steps += 1
            if 0 < number < len(film) - 1:
                for row, edge, target in zip(rows, edges, targets, strict=True):
                    row.append(region_similarity(found == target, ids == target))
                    edge.append(boundary_accuracy(found == target, ids == target))
        self.region += [float(np.mean(row)) for row in rows]
        self.boundary += [float(np.mean(edge)) for edge in edges]
        self.late += [float(np.mean(row[-len(row) // 4 :])) for row in rows]

    def summary(self) -> dict[str, float]:
        """Return what the table shows."""
        j, f = float(np.mean(self.region)), float(np.mean(self.boundary))
        return {
            "J&F": (j + f) / 2,
            "J": j,
            "F": f,
            "late": float(np.mean(self.late)),
            "objects": len(self.region),
            "cpu s/frame": self.seconds / self.steps,
        }


def films_of(arguments: Arguments) -> Iterator[Clip]:
    """Yield the films, and take those that are missing."""
    config = FilmsConfig(
        clips=1, frames=arguments.frames, width=arguments.width, height=arguments.height, quality=20
    )
    seeds = range(arguments.first, arguments.first + arguments.houses)
    for seed in seeds:
        for _ in generate_clips(arguments.films, [seed], config):
            print(f"filmed house {seed}", flush=True)
        yield from read_clips(clip_path(arguments.films, seed))


def score(arguments: Arguments) -> dict[str, dict[str, float]]:
    """Follow things through all films in three ways, and print a table."""
    network = load_network(arguments.weights)
    config = TrackerConfig(precision=arguments.precision)  # type: ignore[arg-type]
    ways: dict[str, Callable[[], Follower]] = {
        "still": Still,
        "flow": Flow,
        "tracker": lambda: Tracker(network, config),
    }
    scores = {name: Scores() for name in ways}
    for number, film in enumerate(films_of(arguments)):
        targets = choose_targets(film.ids[0], arguments.objects)
        if not targets:
            print(f"film {number} shows nothing of a fitting size")
            continue
        for name, way in ways.items():
            scores[name].add(film, targets, way())
        last = {
            name: round(float(np.mean(s.region[-len(targets) :])), 3) for name, s in scores.items()
        }
        print(f"film {number}: {len(targets)} objects, J {last}", flush=True)
    table = {name: one.summary() for name, one in scores.items()}
    columns = list(table["tracker"])
    print(f"{'':10}" + "".join(f"{column:>13}" for column in columns))
    for name, row in table.items():
        print(f"{name:10}" + "".join(f"{row[column]:13.3f}" for column in columns))
    return table


def time_steps(arguments: Arguments) -> dict[str, dict[str, float]]:
    """Time steps at 480x854 with three objects, and print a table of stages."""
    random = str(arguments.weights) == "random"
    network = CompactXMem().prepare() if random else load_network(arguments.weights)
    config = TrackerConfig(precision=arguments.precision)  # type: ignore[arg-type]
    tracker = ObjectTracker(network, config)
    film = np.random.default_rng(0).integers(0, 255, (480, 900, 3), dtype=np.uint8)
    film = cv2.GaussianBlur(film, (0, 0), 4)
    ids = np.zeros((480, 854), np.int32)
    ids[100:200, 100:250], ids[220:400, 300:420], ids[50:150, 500:800] = 1, 2, 3
    stages: dict[str, list[float]] = {}
    for number in range(_WARM + _TIMED):
        if number == _WARM:
            for owner, name in ((network, "encode_key"), (network, "encode_value"),
                                (network, "segment"), (tracker.memory, "read"),
                                (tracker.memory, "add")):  # fmt: skip
                _timed(owner, name, stages)
            _timed(tracker, "step", stages)
        left = number % 40
        tracker.step(film[:, left : left + 854], ids if number == 0 else None)
    table = {
        name: {"cpu ms": 1e3 * cpu / _TIMED, "wall ms": 1e3 * wall / _TIMED}
        for name, (cpu, wall) in stages.items()
    }
    for name, row in table.items():
        print(f"{name:14}{row['cpu ms']:10.1f} ms CPU{row['wall ms']:10.1f} ms")
    print(f"{1e3 / table['step']['wall ms']:.2f} frames/s with {arguments.threads} threads")
    return table


def _timed(owner: object, name: str, stages: dict[str, list[float]]) -> None:
    """Let a method add its times to the stages."""
    call = getattr(owner, name)
    times = stages.setdefault(name, [0.0, 0.0])

    def timed(*args: object, **options: object) -> object:
        cpu, wall = time.process_time(), time.perf_counter()
        result = call(*args, **options)
        times[0] += time.process_time() - cpu
        times[1] += time.perf_counter() - wall
        return result

    setattr(owner, name, timed)


def main() -> None:
    """Score or time, as asked."""
    arguments = tyro.cli(Arguments, description=__doc__)
    torch.set_num_threads(arguments.threads)
    table = time_steps(arguments) if arguments.speed else score(arguments)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
