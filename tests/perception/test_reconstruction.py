"""The static scene stays sharp while things move: against analytic rooms of boxes."""

from dataclasses import replace

import numpy as np
import pytest
from box_world import BoxWorld
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform

from embodied_mem.errors import ConfigError, FrameError
from embodied_mem.types import Camera, Frame
from perception.ghosts import ghost_voxels
from perception.piercing import Background
from perception.reconstruction import (
    Reconstruction,
    ReconstructionConfig,
)
from perception.transient import TransientConfig, TransientMemory

COARSE = ReconstructionConfig(voxel=0.05)
TRUSTING = ReconstructionConfig(voxel=0.05, residual=1e9, bad_pose=1.0)
"""Believes all that it has, whatever contradicts it."""
VIEWS = ((-1.3, -0.3, 0.0), (-1.3, 0.3, 0.1), (-1.2, 0.0, -0.1), (-1.4, 0.1, 0.05))
OLD, NEW = (0.8, -0.5, 0.3), (0.9, 0.6, 0.3)


def room() -> BoxWorld:
    world = BoxWorld(room=(-2.0, -2.0, 2.0, 2.0), pixels=80)
    world.add("crate", "Box", OLD, (0.5, 0.5, 0.6))
    return world


def look(world: BoxWorld) -> list[Frame]:
    return [world.frame(x, y, yaw)[0] for x, y, yaw in VIEWS]


def fused(frames: list[Frame], config: ReconstructionConfig = COARSE) -> Reconstruction:
    memory = Reconstruction(config)
    for frame in frames:
        memory.integrate(frame)
    return memory


def distance_to_shell(points: np.ndarray) -> np.ndarray:
    """How far points are from the nearest of floor, ceiling and walls [m]."""
    walls = 2.0 - np.abs(points[:, :2]).max(axis=1)
    return np.abs([walls, points[:, 2], 2.6 - points[:, 2]]).min(axis=0)


def near(points: np.ndarray, centre: tuple[float, float, float]) -> np.ndarray:
    """Points about a thing, the floor left out."""
    about = (np.abs(points - np.array(centre)) < (0.35, 0.35, 0.4)).all(axis=1)
    return points[about & (points[:, 2] > 0.08)]


def ordered(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(points.T)]


def test_surfaces_lie_where_they_are():
    memory = fused(look(room()))
    points = memory.points()
    shell = points[~(np.abs(points - np.array(OLD)) < (0.35, 0.35, 0.4)).all(axis=1)]
    assert len(shell) > 1000
    # Pixels are 4 to 7 cm apart there: more than a voxel.
    assert np.sqrt(np.mean(distance_to_shell(shell) ** 2)) < COARSE.voxel
    mesh = memory.mesh()
    assert mesh.triangles.max() < len(mesh.vertices)
    assert len(near(mesh.vertices, OLD)) > 20
    assert not memory.things()


def test_what_moved_leaves_no_ghost_and_one_memory_alone_keeps_one():
    world = room()
    before = look(world)
    world.things["crate"].center = NEW
    after = look(world)
    two = fused([*before, *after])
    one = fused([*before, *after], TRUSTING)
    views = tuple(after)
    ghosts = [len(ghost_voxels(m.points(), views, voxel=0.05, margin=0.15)) for m in (two, one)]
    assert ghosts[1] > 20
    assert ghosts[0] < 0.1 * ghosts[1]


def test_what_left_is_taken_out_by_views_of_its_other_side():
    """A ray cast from behind shows nothing of a side that was seen from before alone."""
    world = room()
    memory = fused(look(world))
    assert len(near(memory.points(), OLD)) > 20
    del world.things["crate"]
    for y in (-0.7, -0.5, -0.3):
        memory.integrate(world.frame(1.6, y, np.pi, pitch=0.9)[0])
    assert len(near(memory.points(), OLD)) < 10


def test_nothing_of_a_still_scene_is_looked_through():
    world = room()
    around = [(-1.3, -0.3, 0.0), (0.8, 1.3, -1.6), (1.6, 0.9, -2.4), (-1.2, 0.0, -0.1)]
    frames = [world.frame(*view)[0] for view in around * 3]
    counts = [
        len(near(fused(frames[:number], config).points(), OLD))
        for config, number in ((COARSE, 4), (COARSE, 8), (COARSE, 12), (TRUSTING, 12))
    ]
    assert counts[0] < counts[1] < counts[2]  # More is seen of it all the time.
    assert counts[2] > 0.8 * counts[3] > 100


@given(st.integers(0, 1000), st.floats(0.3, 4.0), st.floats(0.01, 0.2))
@settings(max_examples=30, deadline=None)
def test_a_ball_is_looked_through_when_all_pixels_about_it_lie_behind(
    seed: int, z: float, size: float
):
    chance = np.random.default_rng(seed)
    camera = Camera(width=24, height=18, fx=20.0, fy=20.0, cx=12.0, cy=9.0)
    limit = chance.uniform(0.2, 5.0, (18, 24)).astype(np.float32)
    limit[3:15, 4:20] += chance.choice([0.0, 4.0])
    limit[chance.random((18, 24)) < 0.02] = np.nan
    rows, columns = chance.integers(0, 18, 40), chance.integers(0, 24, 40)
    found = Background(limit, camera).lies_behind(np.full(40, z), rows, columns, size)
    wide = size / 2 * 20.0 / z
    reach = next((reach for reach in (1, 2, 4, 8, 16) if reach >= wide), 16)
    for row, column, through in zip(rows, columns, found, strict=True):
        window = limit[
            max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1
        ]
        assert through == bool((np.nan_to_num(window) > z).all())


def test_the_shell_is_no_worse_for_what_moves_before_it():
    world, still = room(), room()
    frames, rest = look(world), look(still)
    for step in range(1, 9):
        world.things["crate"].center = (0.8, -0.5 + 0.15 * step, 0.3)
        frames.append(world.frame(*VIEWS[step % 4])[0])
        rest.append(still.frame(*VIEWS[step % 4])[0])
    errors = []
    for memory in (fused(frames), fused(rest)):
        points = memory.points()
        shell = points[(points[:, 2] > 0.8) | (points[:, 0] > 1.5)]
        errors.append(np.sqrt(np.mean(distance_to_shell(shell) ** 2)))
    assert errors[0] < errors[1] + 0.002


def test_what_moves_is_kept_apart_until_it_rests():
    world = room()
    before = look(world)
    memory = fused(before + look(world))
    world.things["ball"] = replace(world.things["crate"], center=(0.2, 0.9, 0.3), size=(0.3,) * 3)
    split = memory.integrate(world.frame(*VIEWS[0])[0])
    assert split.trusted
    (thing,) = memory.things()
    np.testing.assert_allclose(thing.points.mean(axis=0), (0.1, 0.9, 0.35), atol=0.15)
    assert thing.last_seen == world.stamp
    assert not len(near(memory.points(), (0.2, 0.9, 0.3)))
    for _ in range(3):  # It rests: four frames show it, and twice more it is fused.
        look_again = look(world)
        for frame in look_again:
            memory.integrate(frame)
    assert len(near(memory.points(), (0.2, 0.9, 0.3))) > 10
    assert sum(len(left.points) for left in memory.things()) < 0.2 * len(thing.points)


def test_a_wrong_pose_is_not_believed():
    frames = look(room())
    memory = fused(frames + frames)
    points = memory.points()
    pose = frames[0].T_world_camera
    assert pose is not None
    lost = replace(frames[0], T_world_camera=RigidTransform.from_translation([0.0, 0, 0.7]) * pose)
    assert not memory.integrate(lost).trusted
    assert memory.rejected == 1
    np.testing.assert_array_equal(ordered(memory.points()), ordered(points))


def test_pixels_that_are_known_to_move_are_not_fused():
    frame = look(room())[0]
    everything = np.ones(frame.rgb.shape[:2], bool)
    memory = Reconstruction(COARSE)
    memory.integrate(frame, moving=everything)
    assert not len(memory.points())
    assert len(memory.transient) > 0


def test_blocks_are_bounded():
    config = ReconstructionConfig(voxel=0.02, max_blocks=150)
    memory = fused(look(room()), config)
    assert memory.blocks <= 150
    assert len(memory.points()) > 0


def test_nothing_is_known_at_first_and_after_reset():
    memory = Reconstruction(COARSE)
    frames = look(room())
    for _ in range(2):
        assert not len(memory.points())
        assert not len(memory.mesh().triangles)
        assert frames[0].camera is not None
        assert frames[0].T_world_camera is not None
        assert np.isnan(memory.render(frames[0].camera, frames[0].T_world_camera)).all()
        for frame in frames:
            memory.integrate(frame)
        memory.reset()
    blind = replace(frames[0], depth=np.full((80, 80), np.nan, np.float32))
    memory.integrate(blind)
    assert not len(memory.points())
    with pytest.raises(FrameError, match="depth"):
        memory.integrate(replace(frames[0], depth=None))


def test_transient_voxels_settle_age_and_are_bounded():
    memory = TransientMemory(TransientConfig(voxel=0.1, settle=3, life=10.0, capacity=4))
    points = np.zeros((1, 3, 3), np.float32)
    points[0, :, 0] = (0.05, 0.15, 0.25)
    seen = np.array([[True, True, False]])
    assert [memory.add(points, seen, t).sum() for t in (0.0, 1.0, 2.0)] == [0, 0, 2]
    memory.forget(points + np.float32(0.5), np.ones((1, 3), bool))
    assert len(memory) == 2
    memory.forget(points - np.array([0.1, 0, 0], np.float32), np.array([[True, False, False]]))
    assert memory.points[:, 0].tolist() == pytest.approx([0.15])  # Settled, and beside it.
    many = np.zeros((1, 6, 3), np.float32)
    many[0, :, 1] = np.arange(6) + 0.05
    memory.add(many, np.ones((1, 6), bool), 3.0)
    assert len(memory) == 4
    assert (memory.last_seen == 3.0).all()
    memory.add(points[:, :0], np.ones((1, 0), bool), 20.0)
    assert len(memory) == 0


def test_transient_voxels_vanish_when_seen_through():
    camera = Camera(width=3, height=1, fx=1.0, fy=1.0, cx=1.5, cy=0.5)
    memory = TransientMemory(TransientConfig(voxel=0.1))
    points = np.array([[[-1.0, 0, 1.0], [0.0, 0, 1.0], [1.0, 0, 1.0]]], np.float32)
    memory.add(points + np.float32(0.05), np.ones((1, 3), bool), 0.0)
    depth = np.array([[2.0, 1.0, np.nan]], np.float32)
    tolerance = np.full((1, 3), 0.2, np.float32)
    memory.see_through(depth, camera, RigidTransform.identity(), tolerance)
    assert sorted(np.round(memory.points[:, 0]).tolist()) == [0.0, 1.0]


def test_ghosts_are_points_in_the_air_of_some_view_and_on_no_surface():
    camera = Camera(width=1, height=1, fx=1.0, fy=1.0, cx=0.5, cy=0.5)
    view = Frame(
        stamp=0.0,
        rgb=np.zeros((1, 1, 3), np.uint8),
        depth=np.full((1, 1), 2.0, np.float32),
        camera=camera,
        T_world_camera=RigidTransform.identity(),
    )
    points = np.array([[0, 0, 1.0], [0, 0, 1.01], [0, 0, 1.95], [0, 0, 3.0], [0, 0, -1.0]])
    ghosts = ghost_voxels(points, (view,), voxel=0.1, margin=0.1)
    np.testing.assert_array_equal(ghosts, [[0, 0, 10]])


@pytest.mark.parametrize("wrong", [{"voxel": 0.0}, {"refutations": 0}, {"max_blocks": 5}], ids=str)
def test_senseless_settings_are_refused(wrong: dict):
    with pytest.raises(ConfigError, match=r"reconstruction\."):
        ReconstructionConfig(**wrong)
