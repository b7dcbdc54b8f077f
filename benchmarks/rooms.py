"""Score the rooms that memory finds against the true ones, beside two peers, on the same maps.

    python benchmarks/rooms.py [--generated 8] [--houses FILE.jsonl.gz] [--pictures FOLDER]

Each house is toured once with noisy perception. `memory` is what the memory holds in the end.
`watershed` floods from wherever no doorway of 1.1 m could be, in OpenCV's order. `hov-sg` follows
the rule that HOV-SG publishes: distance transform of the free space, Otsu's threshold, watershed.
With `--pictures`, one picture per house: found rooms, true rooms (outlined on both), the map.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import tyro
from jaxtyping import Bool, Int32

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.generator import generate_house
from embodied_mem.backends.household.house import House, load_houses
from embodied_mem.backends.household.tour import TrueRoom, tour, true_rooms
from embodied_mem.memory import Memory
from embodied_mem.memory.pieces import nearest_label
from embodied_mem.memory.rooms import DOMAIN, floor_plan
from embodied_mem.runtime.room_scoring import RoomScore, score_rooms, true_labels
from perception import NoiseConfig, OracleConfig, Pipeline

COLUMNS = ("f1", "precision", "recall", "iou", "v_measure", "rand", "purity", "coverage")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Benchmark of the rooms."""

    generated: int = 8
    """Houses of the generator, seeds from `seed`."""
    seed: int = 1
    """First seed."""
    houses: Path | None = None
    """More houses, in ProcTHOR's schema."""
    most: int = 8
    """Houses read from that file."""
    pixels: int = 224
    """Image size [px]."""
    pictures: Path | None = None
    """Folder for a picture of each house."""


def remember(house: House, pixels: int, seed: int) -> Memory:
    """Return a memory that has seen the whole house."""
    memory, see = Memory(), Pipeline(OracleConfig(noise=NoiseConfig(seed=seed)))
    with HouseholdSim(HouseholdSimConfig(width=pixels, height=pixels), house=house) as sim:
        for frame in tour(sim):
            memory.write(see(frame))
    return memory


def watershed(
    domain: Bool[np.ndarray, "r c"], resolution: float, least: float | None
) -> Int32[np.ndarray, "r c"]:
    """Part a region by OpenCV's watershed from seeds far from walls.

    Args:
        domain: Cells within walls.
        resolution: Edge of a cell [m].
        least: Seeds are farther from walls than this [m]; by Otsu's threshold when None.
    """
    inside = np.pad(domain.astype(np.uint8), 1)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    if least is None:
        scaled = (distance / max(float(distance.max()), 1e-9) * 255).astype(np.uint8)
        level, _ = cv2.threshold(scaled[inside > 0], 0, 255, cv2.THRESH_OTSU)
        seeds = (scaled > level).astype(np.uint8)
    else:
        seeds = (distance > least / resolution).astype(np.uint8)
    count, markers, stats, _ = cv2.connectedComponentsWithStats(seeds)
    small = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] * resolution**2 < 0.09]
    markers = np.where(np.isin(markers, small), 0, markers).astype(np.int32)
    markers[inside == 0] = count
    relief = 255 - np.clip(distance * (200 * resolution), 0, 255).astype(np.uint8)
    flooded = np.asarray(cv2.watershed(cv2.cvtColor(relief, cv2.COLOR_GRAY2BGR), markers))
    rooms = np.where((inside > 0) & (flooded > 0) & (flooded < count), flooded, 0)[1:-1, 1:-1]
    return np.where(domain, nearest_label(rooms.astype(np.int32)), 0).astype(np.int32)


METHODS: dict[str, Callable[[Memory], Int32[np.ndarray, "r c"]]] = {
    "memory": lambda m: m.rooms.labels,
    "watershed": lambda m: watershed(floor_plan(m.occupancy) == DOMAIN, 0.05, 0.55),
    "hov-sg": lambda m: watershed(floor_plan(m.occupancy) == DOMAIN, 0.05, None),
}


def score(memory: Memory, rooms: tuple[TrueRoom, ...]) -> dict[str, RoomScore]:
    """Score each method on one map."""
    occupancy = memory.occupancy
    seen = (occupancy.states > 0) & (occupancy.tall <= 0)
    polygons = [room.polygon for room in rooms]
    true = true_labels(polygons, occupancy.origin, occupancy.resolution, occupancy.shape)
    found = {n: memory.graph[f"room_{n}"].label for n in memory.rooms.centers}
    names = {number: room.category for number, room in enumerate(rooms, start=1)}
    return {
        method: score_rooms(
            part(memory),
            true,
            seen,
            found_categories=found if method == "memory" else None,
            true_categories=names,
        )
        for method, part in METHODS.items()
    }


def picture(memory: Memory, rooms: tuple[TrueRoom, ...]) -> np.ndarray:
    """Draw found rooms, true rooms and the map side by side (BGR), y up."""
    occupancy = memory.occupancy
    polygons = [room.polygon for room in rooms]
    true = true_labels(polygons, occupancy.origin, occupancy.resolution, occupancy.shape)
    edges = cv2.morphologyEx(true.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((2, 2))) > 0
    states, plan = occupancy.states, np.zeros((*occupancy.shape, 3), np.uint8)
    for state, colour in ((1, 220), (2, 110)):
        plan[states == state] = colour
    plan[occupancy.tall > 0] = (40, 40, 200)
    views = [_coloured(memory.rooms.labels), _coloured(true), plan]
    for view in views[:2]:
        view[edges] = 255
    rows, columns = np.nonzero(states)
    crop = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    drawn = np.concatenate([np.pad(v[crop], ((4, 4), (4, 4), (0, 0))) for v in views], axis=1)
    return cv2.resize(drawn[::-1], None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)


def _coloured(labels: Int32[np.ndarray, "r c"]) -> np.ndarray:
    palette = np.random.default_rng(3).integers(60, 235, (int(labels.max()) + 1, 3))
    palette[0] = 0
    return palette.astype(np.uint8)[labels]


def houses(arguments: Arguments) -> Iterator[tuple[str, House]]:
    """Yield names and houses."""
    for seed in range(arguments.seed, arguments.seed + arguments.generated):
        yield f"generated {seed}", generate_house(seed)
    if arguments.houses is not None:
        for index, house in enumerate(islice(load_houses(arguments.houses), arguments.most)):
            yield f"file {index}", house


def main(arguments: Arguments) -> None:
    """Tour, score, print."""
    lines: dict[tuple[str, str], list[RoomScore]] = {}
    for name, house in houses(arguments):
        memory, rooms = remember(house, arguments.pixels, arguments.seed), true_rooms(house)
        for method, result in score(memory, rooms).items():
            lines.setdefault((name.split(" ", maxsplit=1)[0], method), []).append(result)
            counts = f"{result.true_rooms:3} true {result.found_rooms:3} found"
            sys.stdout.write(f"{name:14}{method:11}{counts}  f1 {result.f1:.2f}\n")
        if arguments.pictures is not None:
            arguments.pictures.mkdir(parents=True, exist_ok=True)
            file = arguments.pictures / f"{name.replace(' ', '_')}.png"
            cv2.imwrite(str(file), picture(memory, rooms))
    known = {field.name for field in fields(RoomScore)}
    columns = [c for c in (*COLUMNS, "category") if c in known]
    sys.stdout.write(f"\n{'':22}{''.join(f'{c:>11}' for c in columns)}\n")
    for (source, method), results in lines.items():
        means = [np.mean([getattr(r, c) for r in results]) for c in columns]
        cells = [f"{m:11.3f}" for m in means]
        if method != "memory":
            cells[-1] = f"{'-':>11}"
        sys.stdout.write(f"{source:11}{method:11}{''.join(cells)}\n")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
