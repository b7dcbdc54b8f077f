"""Discs against rectangles, judged against brute force."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from embodied_mem.backends.household.collision import CollisionMap, Obstacle

coordinates = st.floats(-3, 3)
points = st.tuples(coordinates, coordinates)
obstacles = st.builds(
    Obstacle,
    name=st.just("box"),
    center_x=coordinates,
    center_z=coordinates,
    half_x=st.floats(0.02, 1.5),
    half_z=st.floats(0.02, 1.5),
    yaw=st.floats(0, 360),
)


def distance(obstacle: Obstacle, places: np.ndarray) -> np.ndarray:
    """Distance of points to a rectangle, by its definition."""
    yaw = np.deg2rad(obstacle.yaw)
    offset = places - (obstacle.center_x, obstacle.center_z)
    x = offset @ (np.cos(yaw), -np.sin(yaw))
    z = offset @ (np.sin(yaw), np.cos(yaw))
    return np.hypot(
        np.maximum(np.abs(x) - obstacle.half_x, 0), np.maximum(np.abs(z) - obstacle.half_z, 0)
    )


def along(start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    way = np.linspace(0, 1, 4001)[:, None]
    return np.array(start) * (1 - way) + np.array(end) * way


@given(st.lists(obstacles, max_size=6), st.lists(points, min_size=1, max_size=20))
def test_a_disc_is_free_where_no_rectangle_is_within_its_radius(
    boxes: list[Obstacle], places: list[tuple[float, float]]
) -> None:
    board = CollisionMap(boxes)
    spots = np.array(places)
    gaps = np.min([distance(box, spots) for box in boxes] or [np.full(len(spots), 9.0)], axis=0)
    clear = np.abs(gaps - 0.2) > 1e-3
    free = board.free(spots, 0.2)
    assert (free == (gaps > 0.2))[clear].all()
    assert free.tolist() == [board.is_free(x, z, 0.2) for x, z in places]


@given(obstacles, points, points, st.floats(0.05, 0.5))
def test_a_sweep_stops_where_sampling_the_way_touches(
    box: Obstacle, start: tuple[float, float], end: tuple[float, float], radius: float
) -> None:
    gap = distance(box, along(start, end)).min()
    assume(abs(gap - radius) > 5e-3)
    assume(distance(box, np.array([start]))[0] > radius)
    board = CollisionMap([box])
    assert (board.sweep(start, end, radius) == "box") == (gap < radius)
    moves = np.array([start]), np.array([end])
    assert bool(board.free_moves(*moves, radius)[0]) == (gap > radius)


@given(obstacles, st.floats(0, 360))
def test_who_touches_something_may_leave_it_but_not_go_deeper(
    box: Obstacle, bearing: float
) -> None:
    outward = np.array((np.sin(np.deg2rad(bearing)), np.cos(np.deg2rad(bearing))))
    center = np.array((box.center_x, box.center_z))
    ring = center + outward * np.linspace(0, 4, 4001)[:, None]
    touching = ring[int(np.argmax(distance(box, ring) > 0.19))]
    board = CollisionMap([box])
    assert not board.is_free(*touching.tolist())
    assert board.sweep(touching, touching + 0.5 * (touching - center)) is None
    assert board.sweep(touching, center) == "box"


def test_the_nearest_of_several_is_named() -> None:
    boxes = [
        Obstacle(name=name, center_x=1.0, center_z=z, half_x=0.1, half_z=0.3)
        for name, z in (("left", 0.45), ("right", -0.4))
    ]
    assert CollisionMap(boxes).sweep((0.0, 0.0), (2.0, 0.0)) == "right"


def test_the_agent_steps_over_what_is_flat_and_walks_under_what_is_high() -> None:
    def at(low: float, high: float) -> Obstacle:
        return Obstacle(name="x", center_x=0, center_z=0, half_x=1, half_z=1, low=low, high=high)

    assert CollisionMap([at(0.0, 0.04)]).is_free(0, 0)
    assert CollisionMap([at(1.9, 2.4)]).is_free(0, 0)
    assert not CollisionMap([at(1.2, 1.9)]).is_free(0, 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), obstacles), max_size=12), st.sampled_from("abc"))
def test_replacing_by_name_is_building_anew(named: list[tuple[str, Obstacle]], name: str) -> None:
    def called(box: Obstacle, new: str) -> Obstacle:
        return replace(box, name=new)

    boxes = [called(box, label) for label, box in named]
    board = CollisionMap(boxes)
    moved = [called(box, name) for _, box in named[:3]]
    board.replace(name, moved)
    anew = CollisionMap([*(box for box in boxes if box.name != name), *moved])
    axis = np.linspace(-4, 4, 15)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    assert board.free(grid).tolist() == anew.free(grid).tolist()
    board.remove(name)
    assert name not in board.names


def test_an_empty_map_is_free() -> None:
    board = CollisionMap([])
    assert board.is_free(0, 0)
    assert board.sweep((0, 0), (1, 1)) is None
    assert board.bounds[0] == pytest.approx([0, 0])
