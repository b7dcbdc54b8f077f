"""Rooms and places from a floor plan, and what the graph makes of them."""

from collections import deque

import cv2
import numpy as np
import pytest
from box_world import BoxWorld
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embodied_mem.memory import Memory, pieces
from embodied_mem.memory.occupancy import OccupancyMap
from embodied_mem.memory.partition import flood, part, wall_angle
from embodied_mem.memory.rooms import RoomConfig, RoomMap, guess_category
from embodied_mem.runtime.room_scoring import adjusted_rand


def two_rooms() -> BoxWorld:
    """Return two rooms of 4x4 m with a door of 0.9 m between them."""
    world = BoxWorld(room=(-4.0, -2.0, 4.0, 2.0), pixels=160)
    world.walls = [
        np.array([[-0.05, -2.0, 0.0], [0.05, -0.45, 2.6]]),
        np.array([[-0.05, 0.45, 0.0], [0.05, 2.0, 2.6]]),
        np.array([[-0.05, -0.45, 2.1], [0.05, 0.45, 2.6]]),
    ]
    world.add("fridge", "Fridge", (-3.5, 1.5, 0.9), (0.7, 0.7, 1.8))
    world.add("bed", "Bed", (3.0, 1.2, 0.25), (1.6, 1.4, 0.5))
    world.add("clock", "AlarmClock", (3.0, 1.2, 0.55), (0.1, 0.1, 0.1))
    return world


def explore(memory: Memory, world: BoxWorld) -> None:
    for x, y in [(-2.0, 0.0), (-1.0, 0.0), (0.0, 0.0), (1.5, -0.5), (2.5, -0.8)]:
        for yaw in np.arange(0, 6.2, 0.7):
            memory.write(world.look(x, y, float(yaw), 0.4))


def test_a_doorway_parts_two_rooms():
    domain = np.zeros((60, 100), bool)
    domain[5:55, 5:45] = domain[5:55, 50:95] = True
    domain[25:40, 45:50] = True  # 0.75 m wide.
    labels = part(domain, ~domain, 0.05)
    assert (labels > 0).sum() == domain.sum()
    assert labels[30, 20] != labels[30, 70]
    assert len(np.unique(labels[domain])) == 2


def test_one_open_space_is_one_room():
    domain = np.zeros((80, 80), bool)
    domain[5:75, 5:75] = True
    domain[30:40, 30:40] = False  # A table.
    assert len(np.unique(part(domain, ~domain, 0.05)[domain])) == 1


def flat(*, turned: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return domain and walls of four rooms off a hall, turned by an angle [rad]; 5 cm cells."""
    inside, wall = np.zeros((300, 300), np.uint8), np.zeros((300, 300), np.uint8)
    inside[60:240, 50:250] = 1
    for at in (
        np.s_[128:132, 50:250],
        np.s_[166:170, 50:250],
        np.s_[60:128, 148:152],
        np.s_[170:240, 138:142],
    ):
        wall[at] = 1
    for at in (
        np.s_[126:134, 90:110],
        np.s_[126:134, 190:226],
        np.s_[164:172, 80:100],
        np.s_[164:172, 200:218],
    ):
        wall[at] = 0
    wall[cv2.dilate(inside, np.ones((7, 7))) != inside] = 1
    if turned:
        matrix = cv2.getRotationMatrix2D((150, 150), np.degrees(turned), 1.0)
        inside, wall = (cv2.warpAffine(m, matrix, (300, 300), flags=0) for m in (inside, wall))
        wall = cv2.morphologyEx(wall, cv2.MORPH_CLOSE, np.ones((3, 3)))
    return (inside > 0) & (wall == 0), wall > 0


@pytest.mark.parametrize("turned", [0.0, 0.3, -0.7])
def test_door_wide_openings_part_rooms_whatever_way_the_house_is_turned(turned):
    domain, wall = flat(turned=turned)
    if turned:
        assert abs(abs(wall_angle(wall)) - abs(turned)) < 0.03
    labels = part(domain, wall, 0.05)
    sizes = np.bincount(labels[domain])[1:] * 0.05**2
    assert len(sizes) == 5
    assert sizes.min() > 10


def ways(seeds: np.ndarray, region: np.ndarray) -> dict[int, np.ndarray]:
    """Return how far each cell is from each seed by way of the region, by plain search."""
    found = {}
    for seed in np.unique(seeds[region & (seeds > 0)]).tolist():
        far = np.full(region.shape, np.inf)
        queue = deque(zip(*np.nonzero(region & (seeds == seed)), strict=True))
        for cell in queue:
            far[cell] = 0
        while queue:
            row, column = queue.popleft()
            for near in (
                (row - 1, column),
                (row + 1, column),
                (row, column - 1),
                (row, column + 1),
            ):
                inside = 0 <= near[0] < region.shape[0] and 0 <= near[1] < region.shape[1]
                if inside and region[near] and np.isinf(far[near]):
                    far[near] = far[row, column] + 1
                    queue.append(near)
        found[seed] = far
    return found


def floods_that_meet() -> tuple[np.ndarray, np.ndarray]:
    """Return walls and seeds where two floods meet in a cell, and others lie behind it."""
    walls, seeds = np.zeros((9, 11), bool), np.zeros((9, 11), np.int32)
    walls[1, 4] = True
    seeds[0, 0], seeds[2, 0], seeds[2, 5] = 2, 3, 1
    return walls, seeds


@given(
    walls=arrays(bool, (9, 11), elements=st.sampled_from([False, False, False, True])),
    seeds=arrays(np.int32, (9, 11), elements=st.sampled_from([0] * 12 + [1, 2, 3])),
)
@settings(max_examples=150, deadline=None)
@example(*floods_that_meet())
def test_cells_go_to_the_seed_that_is_nearest_by_way_of_the_region(walls, seeds):
    """Cells beside walls, and behind others where two floods meet, used to go to farther ones."""
    region = ~walls
    flooded, far = flood(seeds, region), ways(seeds, region)
    assert not flooded[walls].any()
    for cell in zip(*np.nonzero(region), strict=True):
        distances = {
            seed: by_way[cell] for seed, by_way in far.items() if np.isfinite(by_way[cell])
        }
        own = int(flooded[cell])
        if distances:
            assert distances[own] == min(distances.values())
        else:
            assert own == 0


def test_joining_pieces_never_goes_by_what_was_true_before():
    domain, _ = flat(turned=0.0)
    rows, columns = np.indices(domain.shape)
    checks = np.where(domain, 1 + rows // 25 * 100 + columns // 25, 0)
    labels = np.unique(checks, return_inverse=True)[1].reshape(domain.shape).astype(np.int32)
    config = pieces.PartitionConfig()
    found = pieces._measure(labels, np.zeros(domain.shape, np.uint8), 0.05, config)
    merges = 0
    while pair := pieces._worst(found, config):
        for piece in found.values():
            assert piece.scores == {n: piece.badness(n, config) for n in piece.borders}
        pieces._merge(found, labels, 0.05, *pair)
        merges += 1
    assert merges > 10


def as_occupancy(domain: np.ndarray, wall: np.ndarray) -> OccupancyMap:
    occupancy = OccupancyMap()
    occupancy.score = np.where(domain, -4, np.where(wall, 4, 0)).astype(np.int16)
    occupancy.tall = np.where(wall, 4, np.where(domain, -4, 0)).astype(np.int16)
    occupancy.blocked = np.zeros(domain.shape, np.uint8)
    return occupancy


def test_parting_bit_by_bit_ends_as_parting_all_at_once_and_ids_stay():
    domain, wall = flat()
    once, bit_by_bit = RoomMap(), RoomMap(RoomConfig(every=1))
    once.update(as_occupancy(domain, wall))
    shown = np.zeros_like(domain)
    for column in range(60, 301, 30):
        shown[:, :column] = True
        bit_by_bit.update(as_occupancy(domain & shown, wall & shown))
    table = np.zeros((1 + int(bit_by_bit.labels.max()), 1 + int(once.labels.max())), np.int64)
    np.add.at(table, (bit_by_bit.labels, once.labels), 1)
    assert adjusted_rand(table) > 0.99
    assert len(bit_by_bit.centers) == len(once.centers) == 5
    assert len(bit_by_bit.doors) == 4
    for number, center in bit_by_bit.centers.items():
        assert bit_by_bit.labels[tuple((center[::-1] / 0.05).astype(int))] == number
    before = bit_by_bit.labels.copy()
    wall[150:153, 60:63] = True  # A pillar.
    assert bit_by_bit.update(as_occupancy(domain & ~wall, wall))
    same = (before == bit_by_bit.labels) | (before == 0) | (bit_by_bit.labels == 0)
    assert same.mean() > 0.999
    again = RoomMap()
    again.restore(bit_by_bit.fields(), bit_by_bit.next_room)
    assert again.centers.keys() == bit_by_bit.centers.keys()
    assert again.doors.keys() == bit_by_bit.doors.keys()


def test_a_change_leaves_rooms_far_away_alone():
    domain, wall = (np.kron(np.eye(3, dtype=bool), part) for part in flat())
    rooms = RoomMap(RoomConfig(every=1))
    rooms.update(as_occupancy(domain, wall))
    assert len(rooms.centers) == 15
    before, far = rooms.labels.copy(), np.s_[320:, 320:]
    wall[60:128, 100:104] = True
    domain &= ~wall
    changed = as_occupancy(domain, wall)
    assert any(rooms.update(changed) for _ in range(10))  # Large maps wait longer.
    assert np.array_equal(before[far], rooms.labels[far])
    parts = rooms.labels[80, 70], rooms.labels[80, 130]
    assert 0 < parts[0] != parts[1] > 0


def test_rooms_are_named_by_what_is_in_them_and_keep_their_ids():
    world, memory = two_rooms(), Memory()
    explore(memory, world)
    memory.graph.check()
    rooms = {node.label: node for node in memory.graph.nodes("room")}
    assert {"Kitchen", "Bedroom"} <= set(rooms)
    assert memory.find("fridge")[0].room == rooms["Kitchen"].id
    assert memory.find("alarmclock")[0].room == rooms["Bedroom"].id
    assert rooms["Bedroom"].id in memory.graph.neighbours(rooms["Kitchen"].id, "connects")
    assert memory.graph.ancestor("alarmclock_1", "room") == rooms["Bedroom"].id
    assert memory.graph.parent("alarmclock_1") == "bed_1"
    assert memory.graph.ancestor("agent_1", "building") == "building_1"
    explore(memory, world)
    again = {node.label: node.id for node in memory.graph.nodes("room")}
    assert again["Kitchen"] == rooms["Kitchen"].id
    assert again["Bedroom"] == rooms["Bedroom"].id
    text = memory.describe("put the alarm clock in the fridge", budget=60)
    assert text.splitlines()[0].startswith(("alarmclock_1", "fridge_1"))
    assert len(text) <= 240


def test_places_lie_on_free_floor_apart_from_each_other():
    world, memory = two_rooms(), Memory()
    explore(memory, world)
    places = memory.rooms.places
    assert len(places) >= 4
    assert (memory.occupancy.states_at(places) == 1).mean() > 0.8
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + 9 * np.eye(len(places))
    assert apart.min() > memory.rooms.config.spacing * 0.9


def test_categories_need_a_hint():
    assert guess_category(["Fridge", "Chair"]) == "Kitchen"
    assert guess_category(["Toilet", "Bed", "Bathtub"]) == "Bathroom"
    assert guess_category(["Chair"]) == ""
