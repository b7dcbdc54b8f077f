"""The floor plan against a naive loop, and its frontiers."""

import time

import numpy as np
from box_world import BoxWorld
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform

from embodied_mem.memory.occupancy import (
    FREE,
    OCCUPIED,
    UNKNOWN,
    OccupancyConfig,
    OccupancyMap,
)
from embodied_mem.types import Camera, Frame


def empty_room() -> BoxWorld:
    return BoxWorld(pixels=300, room=(-3.02, -3.02, 3.02, 3.02))


def naive(frames: list[Frame], config: OccupancyConfig) -> dict[tuple[int, int], int]:
    """Count as the map does, one point at a time."""
    score: dict[tuple[int, int], int] = {}
    for frame in frames:
        assert frame.depth is not None
        assert frame.camera is not None
        assert frame.T_world_camera is not None
        pose = frame.T_world_camera.as_matrix().astype(np.float32)
        rotation, shift = pose[:3, :3], pose[:3, 3]
        floors: dict[tuple[int, int], int] = {}
        hits: dict[tuple[int, int], int] = {}
        for v in range(0, frame.camera.height, config.stride):
            for u in range(0, frame.camera.width, config.stride):
                z = np.float32(frame.depth[v, u])
                if not 0 < z < config.range:
                    continue
                x = (u + 0.5 - frame.camera.cx) / frame.camera.fx * z
                y = (v + 0.5 - frame.camera.cy) / frame.camera.fy * z
                spot = np.array([x, y, z], np.float32)
                x, y, height = rotation @ spot + shift
                cell = (
                    int(np.floor(x / config.resolution)),
                    int(np.floor(y / config.resolution)),
                )
                if abs(height) <= config.floor_tolerance:
                    floors[cell] = floors.get(cell, 0) + 1
                elif 0 < height < config.body_height:
                    hits[cell] = hits.get(cell, 0) + 1
        for cell in floors.keys() | hits.keys():
            some, many = hits.get(cell, 0), hits.get(cell, 0) >= 2
            change = 2 if many else (0 if some else -1) if cell in floors else 1
            score[cell] = int(np.clip(score.get(cell, 0) + change, -8, 8))
    return score


@settings(max_examples=10, deadline=None)
@given(
    yaws=st.lists(st.floats(0, 6.2), min_size=1, max_size=2),
    spot=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_the_map_counts_as_a_naive_loop_does(yaws, spot):
    world = empty_room()
    world.pixels = 60
    world.add("box", "Box", (1.5, 0.2, 0.3), (0.5, 0.5, 0.6))
    frames = []
    for yaw in yaws:
        frame, _ = world.frame(spot[0] + 0.0123, spot[1] + 0.0217, yaw + 0.0123)
        frames.append(
            Frame(
                stamp=frame.stamp,
                rgb=frame.rgb,
                depth=frame.depth,
                camera=frame.camera,
                T_world_camera=frame.T_world_camera,
            )
        )
    occupancy = OccupancyMap(OccupancyConfig(closing=1))
    for frame in frames:
        occupancy.update(frame)
    expected = naive(frames, occupancy.config)
    cells = np.array(list(expected))
    columns, rows = (cells - np.round(occupancy.origin / 0.05).astype(int)).T
    # A point on the very edge of a cell may round either way.
    assert np.mean(occupancy.score[rows, columns] != list(expected.values())) < 0.02


def test_a_room_seen_from_its_middle_is_free_with_walls_about_it():
    world, occupancy = empty_room(), OccupancyMap()
    for yaw in np.arange(0, 6.3, 0.6):
        occupancy.update(world.frame(0, 0, float(yaw), 0.5)[0])
    inside = np.stack(np.meshgrid([-2.0, 0.0, 2.0], [-2.0, 0.0, 2.0]), -1).reshape(-1, 2)
    assert set(occupancy.states_at(inside)) == {FREE}
    walls = np.array([[3.02, 0.5], [-3.02, 0.5], [0.5, 3.02]])
    assert OCCUPIED in set(occupancy.states_at(walls))
    assert set(occupancy.states_at(np.array([[9.0, 9.0], [-90.0, 0.0]]))) == {UNKNOWN}


def test_what_was_occupied_and_is_seen_free_becomes_free():
    world, occupancy = empty_room(), OccupancyMap()
    world.add("box", "Box", (1.5, 0.0, 0.3), (0.4, 0.4, 0.6))
    spot = np.array([[1.32, 0.0]])
    occupancy.update(world.frame(0, 0, 0, 0.5)[0])
    assert occupancy.states_at(spot)[0] == OCCUPIED
    del world.things["box"]
    for _ in range(6):
        occupancy.update(world.frame(0, 0, 0, 0.5)[0])
    assert occupancy.states_at(spot)[0] == FREE


def test_frontiers_lie_between_free_and_unknown_and_end_when_all_is_seen():
    world, occupancy = empty_room(), OccupancyMap()
    occupancy.update(world.frame(0, 0, 0, 0.5)[0])
    frontiers = occupancy.frontiers()
    assert frontiers
    assert [f.size for f in frontiers] == sorted((f.size for f in frontiers), reverse=True)
    for frontier in frontiers:
        assert occupancy.states_at(frontier.center[None])[0] == FREE
        assert occupancy.free[frontier.cells[:, 1], frontier.cells[:, 0]].all()
    one_view = sum(f.size for f in frontiers)
    for yaw in np.arange(0, 6.3, 0.4):
        for pitch in (0.2, 0.6, 1.0):
            occupancy.update(world.frame(0, 0, float(yaw), pitch)[0])
    assert sum(f.size for f in occupancy.frontiers()) < one_view / 2


def test_bumps_are_remembered_and_standing_there_clears_them():
    occupancy = OccupancyMap()
    occupancy.mark_free(np.zeros(2))
    occupancy.mark_blocked(np.array([0.15, 0.0]))
    assert occupancy.states_at(np.array([[0.15, 0.0]]))[0] == OCCUPIED
    occupancy.mark_free(np.array([0.15, 0.0]))
    assert occupancy.states_at(np.array([[0.15, 0.0]]))[0] == FREE


def test_unknown_zero_and_infinite_depth_teach_nothing():
    occupancy = OccupancyMap()
    for value in (np.nan, 0.0, np.inf, -1.0):
        occupancy.update(
            Frame(
                stamp=0.0,
                rgb=np.zeros((8, 8, 3), np.uint8),
                depth=np.full((8, 8), value, np.float32),
                camera=Camera.from_fov(8, 8, 1.5),
                T_world_camera=RigidTransform.from_translation([0, 0, 1.5]),
            )
        )
    assert not occupancy.score.any()


def test_the_map_grows_only_to_its_cap():
    occupancy = OccupancyMap(OccupancyConfig(max_extent=10.0))
    for x in np.linspace(0, 100, 30):
        occupancy.mark_free(np.array([x, -x]))
    assert max(occupancy.shape) * 0.05 <= 10.0
    assert occupancy.states_at(np.zeros((1, 2)))[0] == FREE


def test_blocks_bring_the_map_back():
    world, occupancy, again = empty_room(), OccupancyMap(), OccupancyMap()
    occupancy.update(world.frame(0.5, 0.3, 1.0)[0])
    occupancy.mark_blocked(np.array([-2.0, 0.4]))
    for key in occupancy.dirty:
        again.set_block(key, occupancy.block(key))
    grid = np.stack(np.meshgrid(np.arange(-4, 4, 0.05), np.arange(-4, 4, 0.05)), -1)
    spots = grid.reshape(-1, 2)
    np.testing.assert_array_equal(occupancy.states_at(spots), again.states_at(spots))


def test_an_update_is_many_times_faster_than_the_naive_loop():
    world, occupancy = empty_room(), OccupancyMap()
    world.pixels = 300
    frame = world.frame(0, 0, 0.3)[0]
    taken = []
    for _ in range(5):
        began = time.process_time()
        occupancy.update(frame)
        taken.append(time.process_time() - began)
    began = time.process_time()
    naive([frame], occupancy.config)
    assert np.median(taken) * 10 < time.process_time() - began
