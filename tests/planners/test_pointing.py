"""Where the hand points: at the thing itself, and not through its bow at what is behind."""

from dataclasses import replace

import numpy as np
import pytest
from box_world import BoxWorld

from embodied_mem.memory import Memory
from embodied_mem.types import Action
from planners.pointing import choose_pixel, choose_within, familiar, project


def world() -> BoxWorld:
    """Return a table with a cup on it."""
    found = BoxWorld()
    found.add("table", "DiningTable", (1.2, 0.0, 0.4), (0.8, 1.6, 0.8))
    found.add("cup", "Cup", (1.1, -0.3, 0.9), (0.1, 0.1, 0.2))
    return found


def test_what_is_seen_through_a_mask_is_not_pointed_at():
    percept = world().look(0, 0, 0)
    frame = percept.frame
    assert frame.depth is not None
    index = percept.labels.index("Cup")
    rows, columns = np.nonzero(percept.masks[index])
    depth = frame.depth.copy()
    row, column = int(rows.mean()), int(columns.mean())
    depth[row - 2 : row + 3, column - 2 : column + 3] += 0.5  # A ring: behind it is something else.
    ring = replace(percept, frame=replace(frame, depth=depth))
    x, y = choose_pixel(ring, index, reach=3.0) or pytest.fail("nothing to point at")
    row, column = int(y * depth.shape[0]), int(x * depth.shape[1])
    assert depth[row, column] == frame.depth[row, column]


def test_a_point_is_projected_to_the_pixel_that_shows_it():
    percept = world().look(0, 0, 0)
    index = percept.labels.index("Cup")
    middle = percept.boxes[index].mean(axis=0)
    x, y = project(percept.frame, middle, reach=3.0) or pytest.fail("it is in view")
    height, width = percept.masks[index].shape
    assert percept.masks[index][int(y * height), int(x * width)]
    assert project(percept.frame, middle, reach=0.5) is None, "too far"
    assert project(percept.frame, np.array([1.4, 0.4, 0.2]), reach=3.0) is None, "hidden"
    assert project(percept.frame, np.array([-1.0, 0.0, 1.0]), reach=3.0) is None, "behind"


def test_what_is_put_down_lies_where_the_hand_pointed():
    scene, memory = world(), Memory()
    percept = scene.look(0, 0, 0)
    memory.write(percept)
    cup, table = memory.find("cup")[0].object_id, memory.find("diningtable")[0].object_id
    memory.record(Action(name="PickupObject"), target=cup, succeeded=True, stamp=scene.stamp)
    spot = np.array([1.1, 0.4, 0.8])
    x, y = project(percept.frame, spot, reach=3.0) or pytest.fail("the table is in view")
    put = Action(name="PutObject", arguments={"x": x, "y": y})
    memory.record(put, target=table, succeeded=True, stamp=scene.stamp)
    np.testing.assert_allclose(memory.get(cup).position[:2], spot[:2], atol=0.05)
    assert memory.get(cup).box[0, 2] == pytest.approx(0.8, abs=0.05)


def test_a_surface_is_known_again_where_it_was_seen_from_wherever_it_shows():
    scene, memory = world(), Memory()
    memory.write(scene.look(0, 0, 0))
    table = memory.objects[memory.find("diningtable")[0].object_id]
    size = memory.objects.voxel_size(table)
    elsewhere = scene.look(0.1, 0.3, -0.2)
    mask = familiar(elsewhere.frame, table.keys, size)
    assert mask is not None
    truth = elsewhere.masks[elsewhere.labels.index("DiningTable")]
    assert (mask & truth).sum() > 0.5 * truth.sum()
    assert (mask & ~truth).sum() < 0.2 * mask.sum()
    pixel = choose_within(elsewhere.frame, mask, reach=3.0, level=True)
    x, y = pixel or pytest.fail("it is in view")
    height, width = truth.shape
    assert truth[int(y * height), int(x * width)]
    scene.things.clear()
    bare = familiar(scene.look(0, 0, 0).frame, table.keys, size)
    assert bare is not None
    assert not bare.any(), "nothing is where it was, and the floor at its foot is no part of it"
    blind = replace(elsewhere.frame, depth=None)
    assert familiar(blind, table.keys, size) is None
