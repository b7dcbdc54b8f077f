"""Floors cover their rooms, and holes are open exactly where doors and windows are."""

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.backends.household import polygons
from embodied_mem.backends.household.collision import CollisionMap, Obstacle
from embodied_mem.backends.household.floorplan import SPECS, draw_plan
from embodied_mem.backends.household.house import load_houses
from embodied_mem.backends.household.reachability import reachable_positions, shortest_path
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.household.shell import Shell, build_shell, cut_rectangle
from embodied_mem.backends.household.structure import build_structure

SHARED = Path(os.environ.get("EMBODIED_MEM_SHARED", Path(__file__).parents[4] / "shared"))
REAL = SHARED / "data" / "procthor" / "houses_20.jsonl.gz"
ASSETS = SHARED / "data" / "procthor" / "asset-database.json"
needs_real = pytest.mark.skipif(
    not (REAL.exists() and ASSETS.exists()), reason=f"no ProcTHOR houses at {REAL}"
)


@st.composite
def staircases(draw: st.DrawFn) -> np.ndarray:
    """Concave rectilinear polygons: columns of different heights above and below a line."""
    columns = draw(
        st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=7)
    )
    widths = draw(st.lists(st.integers(1, 3), min_size=len(columns), max_size=len(columns)))
    edges = np.concatenate(([0], np.cumsum(widths)))
    upper = [(x, up) for k, (up, _) in enumerate(columns) for x in edges[k : k + 2]]
    lower = [(x, -down) for k, (_, down) in enumerate(columns) for x in edges[k : k + 2]]
    polygon = np.array(lower + upper[::-1], dtype=float) * draw(st.floats(0.2, 1.7))
    return polygon[:: draw(st.sampled_from((-1, 1)))]


@given(staircases())
def test_triangles_cover_a_concave_floor_exactly(polygon: np.ndarray) -> None:
    floor = polygons.without_repeats(polygon)
    triangles = polygons.triangulate(floor)
    areas = [polygons.signed_area(floor[t]) for t in triangles]
    assert min(areas) > 0
    assert sum(areas) == pytest.approx(abs(polygons.signed_area(polygon)), rel=1e-6)
    centres = floor[triangles].mean(axis=1)
    assert polygons.contains(floor, centres).all()


@given(staircases())
def test_a_staircase_does_not_cross_itself_and_a_bow_tie_does(polygon: np.ndarray) -> None:
    assert polygons.crossing(polygons.without_repeats(polygon)) is None
    assert polygons.crossing(np.array([(0, 0), (1, 1), (1, 0), (0, 1)], dtype=float)) is not None


def test_an_interior_point_is_inside() -> None:
    corner = np.array([(0, 0), (4, 0), (4, 1), (1, 1), (1, 4), (0, 4)], dtype=float)
    assert polygons.contains(corner, np.array([polygons.interior_point(corner)])).all()


rectangles = st.tuples(st.floats(0, 3), st.floats(0, 2), st.floats(0.1, 1), st.floats(0.1, 1)).map(
    lambda r: (r[0], r[1], r[0] + r[2], r[1] + r[3])
)


@given(st.lists(rectangles, max_size=4), st.integers(0, 2**16))
def test_a_cut_rectangle_covers_all_but_its_holes_once(
    holes: list[tuple[float, float, float, float]], seed: int
) -> None:
    pieces = np.array(cut_rectangle((0.0, 0.0, 4.0, 2.5), holes)).reshape(-1, 4)
    points = np.random.default_rng(seed).uniform((0, 0), (4, 2.5), size=(200, 2))

    def count(boxes: np.ndarray) -> np.ndarray:
        low = (boxes[:, None, :2] < points).all(axis=2)
        return (low & (points < boxes[:, None, 2:]).all(axis=2)).sum(axis=0)

    in_hole = count(np.array(holes).reshape(-1, 4)) > 0
    near_edge = np.abs(points[:, :1] - np.array([u for h in holes for u in h[::2]] or [9])) < 1e-5
    keep = ~near_edge.any(axis=1)
    assert (count(pieces)[keep] == np.where(in_hole, 0, 1)[keep]).all()


def _empty_house(rooms: int, seed: int) -> House:
    rng = np.random.default_rng(seed)
    spec = SPECS[rooms][0]
    return build_structure(draw_plan(spec, rng, candidates=2), spec.id, rng)


def _walls_hit(shell: Shell, start: np.ndarray, end: np.ndarray) -> int:
    """Number of wall triangles between two points (Moeller and Trumbore)."""
    way, hits = end - start, 0
    for mesh in shell.meshes:
        if mesh.kind != "wall":
            continue
        a, b, c = (mesh.vertices[mesh.triangles[:, k]].astype(float) for k in range(3))
        normal = np.cross(way, c - a)
        inverse = np.einsum("ij,ij->i", b - a, normal)
        safe = np.where(np.abs(inverse) < 1e-12, np.nan, inverse)
        offset = start - a
        u = np.einsum("ij,ij->i", offset, normal) / safe
        q = np.cross(offset, b - a)
        v = (q @ way) / safe
        t = np.einsum("ij,ij->i", c - a, q) / safe
        hits += int(((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < 1)).sum())
    return hits


@settings(max_examples=8, deadline=None)
@given(st.integers(2, 6), st.integers(0, 1000))
def test_one_walks_and_looks_through_doors_and_not_through_walls(rooms: int, seed: int) -> None:
    shell = build_shell(_empty_house(rooms, seed))
    obstacles = CollisionMap(shell.obstacles)
    for door in shell.doors:
        yaw = np.deg2rad(door.yaw)
        front, right = np.array((np.sin(yaw), np.cos(yaw))), np.array((np.cos(yaw), -np.sin(yaw)))
        middle = np.array((door.position[0], door.position[2]))
        inside, beyond = middle + 0.3 * front, middle - 0.3 * front
        assert shell.room_at(*inside).id == door.room0  # type: ignore[union-attr]
        eyes = [np.insert(p, 1, 1.5) for p in (inside, beyond)]
        assert _walls_hit(shell, *eyes) == 0
        if door.exterior:
            assert shell.room_at(*beyond) is None
            assert obstacles.sweep(inside, beyond) == door.id
        else:
            assert shell.room_at(*beyond).id == door.room1  # type: ignore[union-attr]
            assert obstacles.sweep(inside, beyond) is None
        beside = [p + right * (door.width / 2 + 0.1) for p in (inside, beyond)]
        assert _walls_hit(shell, *(np.insert(p, 1, 1.5) for p in beside)) > 0
        blocker = obstacles.sweep(beside[0], beside[1])
        assert blocker is not None
        assert blocker.startswith("wall|") or door.exterior
        over = [np.insert(p, 1, door.height + 0.1) for p in (inside, beyond)]
        assert _walls_hit(shell, *over) > 0
    for window in shell.windows:
        yaw = np.deg2rad(window.yaw)
        front = np.array((np.sin(yaw), 0, np.cos(yaw)))
        middle = np.array(window.position)
        assert _walls_hit(shell, middle + 0.3 * front, middle - 0.3 * front) == 0
        here, there = ((middle + s * front)[::2] for s in (0.3, -0.3))
        assert obstacles.sweep(here, there) is not None


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 6), st.integers(0, 1000))
def test_walls_stand_1_cm_inside_their_own_room(rooms: int, seed: int) -> None:
    shell = build_shell(_empty_house(rooms, seed))
    for mesh in shell.meshes:
        if mesh.kind == "wall" and len(mesh.triangles):
            centre = mesh.vertices[mesh.triangles[0]].mean(axis=0)
            room = shell.room_at(float(centre[0]), float(centre[2]))
            assert (room.id if room else "exterior") == mesh.room_id


def test_nobody_leaves_a_house() -> None:
    shell = build_shell(_empty_house(5, 3))
    start = polygons.interior_point(shell.rooms[0].polygon)
    reached = reachable_positions(CollisionMap(shell.obstacles), start)
    assert {room.id for room in shell.rooms} == {
        room.id if (room := shell.room_at(*p)) else None for p in reached.tolist()
    }


def test_a_path_steps_on_the_grid_and_ends_near_its_goal() -> None:
    shell = build_shell(_empty_house(5, 3))
    obstacles = CollisionMap(shell.obstacles)
    start = polygons.interior_point(shell.rooms[0].polygon)
    goal = polygons.interior_point(shell.rooms[-1].polygon)
    path = shortest_path(obstacles, start, goal)
    assert path is not None
    assert path[0] == pytest.approx(start)
    assert np.hypot(*np.subtract(path[-1], goal)) <= 0.25
    steps = np.diff(np.array(path), axis=0)
    assert np.abs(steps).sum(axis=1) == pytest.approx(0.25)
    assert all(obstacles.sweep(a, b) is None for a, b in pairwise(path))
    assert shortest_path(obstacles, start, (99.0, 99.0)) is None


@needs_real
def test_every_room_of_the_real_houses_can_be_reached() -> None:
    database = json.loads(ASSETS.read_text())
    sizes = {a["assetId"]: a["boundingBox"] for kind in database.values() for a in kind}
    for house in load_houses(REAL):
        shell = build_shell(house)
        furniture = [
            Obstacle(
                name=item.id, center_x=item.position.x, center_z=item.position.z,
                half_x=box["x"] / 2, half_z=box["z"] / 2, yaw=item.rotation.y,
                low=item.position.y - box["y"] / 2, high=item.position.y + box["y"] / 2,
            )
            for item in house.objects
            if (box := sizes.get(item.assetId)) is not None
        ]  # fmt: skip
        obstacles = CollisionMap([*shell.obstacles, *furniture])
        assert house.metadata.agent is not None
        start = house.metadata.agent.position
        assert obstacles.is_free(start.x, start.z)
        reached = reachable_positions(obstacles, (start.x, start.z)).tolist()
        assert {room.id if (room := shell.room_at(*p)) else None for p in reached} == {
            room.id for room in shell.rooms
        }
