"""Does the static scene stay sharp while an outside hand moves things in it?

python benchmarks/reconstruction.py [--houses 3] [--moves 6] [--visits 3] [--sensor exact|kinect]

Each house of one room is looked at from a tour, several times; between two visits an outside hand
moves things. As a control everything lies from the first visit on as it does in the last. The same
frames go to the two memories of `perception.reconstruction` and to one TSDF
that fuses everything (Open3D's VoxelBlockGrid alone). Reported, against exact depth of the last
state from the same places: the root mean square distance of reconstructed points to true surfaces
(of points that some view of the last visit sees, or sees through),
the share of true surface points with a reconstructed one within 5 cm, ghost voxels (cells that hold
points where all views see only air), and the time for one frame.
"""

import argparse
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from scipy.spatial import KDTree

from embodied_mem.backends.depth_sensor import DepthSensor, StereoConfig, StructuredLightConfig
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.household.tour import TourConfig, tour
from embodied_mem.types import Frame
from perception import DepthFilter
from perception.ghosts import ghost_voxels
from perception.lift import pixel_rays
from perception.reconstruction import Reconstruction, ReconstructionConfig

SENSORS = {"exact": None, "kinect": StructuredLightConfig(), "stereo": StereoConfig()}
NEVER = 1e9


class Row(msgspec.Struct):
    """One house, one condition, one method."""

    house: int
    moved: int
    method: str
    rmse: float
    complete: float
    ghosts: int
    milliseconds: float
    points: int


def single_memory() -> Reconstruction:
    """One TSDF that fuses every pixel: no residual ever contradicts it."""
    return Reconstruction(ReconstructionConfig(residual=NEVER, bad_pose=1.0))


def visit(sim: HouseholdSim, moves: list[tuple[str, str]] | None) -> Iterator[Frame]:
    """Walk through the house after the hand has repeated all its moves so far."""

    def arrange(sim: HouseholdSim) -> None:
        for thing, place in moves or ():
            sim.relocate(thing, place)

    yield from tour(sim, TourConfig(spacing=0.9, headings=6), arrange=arrange)


def more_moves(
    sim: HouseholdSim, done: list[tuple[str, str]], count: int, chance: np.random.Generator
) -> list[tuple[str, str]]:
    """Let the hand move so many things of fair size from where they are now."""
    objects = sim.metadata["objects"]
    things = [entry for entry in objects if entry["pickupable"] or entry["moveable"]]
    chance.shuffle(things)
    found = list(done)
    for thing in things:
        if len(found) - len(done) == count:
            break
        places = [
            place["objectId"]
            for place in objects
            if can_hold(place["objectType"], thing["objectType"])
            and place["objectId"] not in (thing["parentReceptacles"] or ())
        ]
        chance.shuffle(places)
        for place in places[:3]:
            if sim.relocate(thing["objectId"], place):
                found.append((thing["objectId"], place))
                break
    return found


def surface(views: list[Frame], *, voxel: float, far: float) -> np.ndarray:
    """Points of the true surfaces that the views show, one for each voxel (n, 3) [m]."""
    clouds = []
    for view in views:
        assert view.depth is not None
        assert view.camera is not None
        assert view.T_world_camera is not None
        depth = view.depth.reshape(-1)
        with np.errstate(invalid="ignore"):
            near = depth < far
        clouds.append(view.T_world_camera.apply(pixel_rays(view.camera)[near] * depth[near, None]))
    points = np.concatenate(clouds)
    _, first = np.unique(np.floor(points / voxel).astype(np.int64), axis=0, return_index=True)
    return points[first]


def judged(points: np.ndarray, views: list[Frame], margin: float = 0.1) -> np.ndarray:
    """Tell of each point whether some view sees it, or sees through where it is (n,).

    Of what is hidden from all views, such as the place of a thing before which another was put,
    nothing is known: neither that it is true nor that it is not.
    """
    found = np.zeros(len(points), bool)
    for view in views:
        assert view.depth is not None
        assert view.camera is not None
        assert view.T_world_camera is not None
        local = view.T_world_camera.inv().apply(points)
        pixels = view.camera.project(local)
        with np.errstate(invalid="ignore"):
            size = (view.camera.width, view.camera.height)
            rows = np.flatnonzero(((pixels >= 0) & (pixels < size)).all(axis=1))
            column, row = np.floor(pixels[rows]).astype(np.int64).T
            found[rows] |= local[rows, 2] < view.depth[row, column] + margin
    return found


def score(memory: Reconstruction, truth: list[Frame]) -> tuple[float, float, int, int]:
    """Return RMSE [m] of what can be judged, completeness, ghost voxels and number of points."""
    points = memory.points().astype(np.float64)
    points = points[judged(points, truth)]
    true = surface(truth, voxel=0.015, far=memory.config.max_depth)
    away, _ = KDTree(true).query(points)
    coarse = surface(truth, voxel=0.05, far=memory.config.max_depth - 0.5)
    missing, _ = KDTree(points).query(coarse)
    ghosts = ghost_voxels(points, tuple(truth), voxel=0.05, margin=0.1)
    rmse = float(np.sqrt(np.mean(np.square(away))))
    return rmse, float((missing < 0.05).mean()), len(ghosts), len(points)


def run_house(seed: int, moves: int, visits: int, sensor: str, size: int) -> Iterator[Row]:
    """Score both memories on one house: things moved between visits, and still from the first.

    Both end in the same state and are scored against it: what differs is that things moved.
    """
    config = HouseholdSimConfig(
        house=HouseSource(seed=seed, rooms=1), width=size, height=size * 3 // 4, field_of_view=60.0
    )
    with HouseholdSim(config) as sim:
        states: list[list[tuple[str, str]]] = [[]]
        chance = np.random.default_rng(seed)
        for _ in range(visits - 1):
            list(islice(visit(sim, states[-1]), 1))  # The world as it is then.
            states.append(more_moves(sim, states[-1], moves, chance))
        for arrangement in ([states[-1]] * visits, states):
            yield from run_visits(sim, arrangement, seed, sensor)


def run_visits(
    sim: HouseholdSim, states: list[list[tuple[str, str]]], seed: int, sensor: str
) -> Iterator[Row]:
    """Score both memories on visits to one house, before each of which a hand made some moves."""
    memories = {"two memories": Reconstruction(), "one TSDF": single_memory()}
    seconds, count = dict.fromkeys(memories, 0.0), 0
    kind = SENSORS[sensor]
    spoil = DepthSensor(kind) if kind is not None else None
    clean = DepthFilter()
    truth: list[Frame] = []
    for done in states:
        truth = []
        for frame in islice(visit(sim, done), 400):
            truth.append(frame)
            seen = frame if spoil is None else clean(spoil(frame))
            count += 1
            for name, memory in memories.items():
                begin = time.process_time()
                memory.integrate(seen)
                seconds[name] += time.process_time() - begin
    for name, memory in memories.items():
        rmse, complete, ghosts, points = score(memory, truth)
        yield Row(
            house=seed,
            moved=len(states[-1]) - len(states[0]),
            method=name,
            rmse=rmse,
            complete=complete,
            ghosts=ghosts,
            milliseconds=1000 * seconds[name] / count,
            points=points,
        )


def show_growth(rows: list[Row]) -> None:
    """Print by how much each memory is worse where things moved, mean and range over houses."""
    for method in dict.fromkeys(row.method for row in rows):
        still, moved = (
            [r for r in rows if r.method == method and (r.moved > 0) == b] for b in (False, True)
        )
        pairs = list(zip(still, moved, strict=True))
        error = [1000 * (after.rmse - before.rmse) for before, after in pairs]
        ghosts = [after.ghosts - before.ghosts for before, after in pairs]
        print(
            f"{method}: RMSE {np.mean(error):+.2f} mm ({min(error):+.2f} to {max(error):+.2f}), "
            f"ghosts {np.mean(ghosts):+.1f} ({min(ghosts):+d} to {max(ghosts):+d}) with moves"
        )


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=3)
    parser.add_argument("--first", type=int, default=40, help="seed of the first house")
    parser.add_argument("--moves", type=int, default=6, help="things moved between two visits")
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--sensor", choices=SENSORS, default="exact")
    parser.add_argument("--size", type=int, default=240, help="image width [px]")
    parser.add_argument("--json", help="file for one line for each row")
    options = parser.parse_args()
    print("house moved method          RMSE [cm]  complete  ghosts  ms/frame   points")
    rows = []
    for seed in range(options.first, options.first + options.houses):
        for row in run_house(seed, options.moves, options.visits, options.sensor, options.size):
            rows.append(row)
            print(
                f"{row.house:5d} {row.moved:5d} {row.method:14s} {100 * row.rmse:10.2f} "
                f"{row.complete:9.3f} {row.ghosts:7d} {row.milliseconds:9.1f} {row.points:8d}",
                flush=True,
            )
    show_growth(rows)
    if options.json:
        Path(options.json).write_bytes(b"".join(msgspec.json.encode(r) + b"\n" for r in rows))


if __name__ == "__main__":
    main()
