"""Ways over the lattice: A* against brute force, and what the map closes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.memory.occupancy import OccupancyMap
from planners.lattice import HEADINGS, Lattice, heading_of
from planners.navigation import (
    FailedMoves,
    NavigationConfig,
    find_path,
    is_open,
    standpoints,
    survey,
)

CONFIG = NavigationConfig()


def grid_price(open_cells: np.ndarray, prices: np.ndarray):
    """Price of a move on a grid: that of the dearer of its two cells."""

    def price(start, end):
        for node in (start, end):
            inside = all(0 <= v < n for v, n in zip(node, open_cells.shape, strict=True))
            if not inside or not open_cells[node]:
                return np.inf
        return float(max(prices[start], prices[end]))

    return price


def path_cost(path, price) -> float:
    total = 0.0
    for (i, j, a), (k, m, b) in itertools.pairwise(path):
        if (i, j) == (k, m):
            assert a != b
            total += CONFIG.turn_cost
            continue
        assert a == b
        forward = (k - i, m - j) == HEADINGS[a]
        total += price((i, j), (k, m)) * (1 if forward else CONFIG.sideways_cost)
    return total


def cheapest(start, goals, price, shape) -> float:
    """Bellman-Ford over all poses, to the fixed point."""
    states = list(itertools.product(range(shape[0]), range(shape[1]), range(4)))
    cost = dict.fromkeys(states, np.inf)
    cost[start] = 0.0
    for _ in states:
        changed = False
        for i, j, h in states:
            if not np.isfinite(cost[i, j, h]):
                continue
            for d, (di, dj) in enumerate(HEADINGS):
                moved = (i + di, j + dj, h)
                factor = 1 if d == h else CONFIG.sideways_cost
                for after, step in (
                    (moved, price((i, j), moved[:2]) * factor),
                    ((i, j, d), CONFIG.turn_cost),
                ):
                    if after in cost and cost[i, j, h] + step < cost[after] - 1e-12:
                        cost[after] = cost[i, j, h] + step
                        changed = True
        if not changed:
            break
    return min(cost[*goal, h] for goal in goals for h in range(4))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(2, 6), columns=st.integers(2, 6))
def test_paths_cost_what_brute_force_finds(seed, rows, columns):
    rng = np.random.default_rng(seed)
    open_cells = rng.random((rows, columns)) < 0.75
    open_cells[0, 0] = True
    prices = 1 + rng.integers(0, 3, (rows, columns)) * 0.5
    goals = {(int(rng.integers(rows)), int(rng.integers(columns))) for _ in range(2)}
    price = grid_price(open_cells, prices)
    start = (0, 0, int(rng.integers(4)))
    path = find_path(start, goals, price, CONFIG)
    expected = cheapest(start, goals, price, (rows, columns))
    if path is None:
        assert not np.isfinite(expected)
    else:
        assert path[0] == start
        assert path[-1][:2] in goals
        assert path_cost(path, price) == pytest.approx(expected)


def room(width: float = 4.0, height: float = 3.0) -> OccupancyMap:
    """A walled room whose lower left corner is the world's origin."""
    occupancy = OccupancyMap()
    for x in np.arange(0.025, width, 0.05):
        for y in np.arange(0.025, height, 0.05):
            wall = min(x, width - x, y, height - y) < 0.1
            point = np.array([x, y])
            if wall:
                occupancy.mark_blocked(point, radius=0.01)
            else:
                occupancy.mark_free(point, radius=0.01)
    return occupancy


def test_the_body_keeps_its_radius_from_walls():
    lattice = Lattice(origin=(1.0, 1.0))
    ground = survey(room(), lattice, (0, 0), CONFIG)
    points = lattice.points(np.argwhere(ground.open & ground.known) + ground.low)
    assert len(points) > 50
    assert (points > 0.24).all()
    assert (points < [3.76, 2.76]).all()


def test_ways_keep_off_what_is_doubtfully_near():
    lattice = Lattice(origin=(1.0, 1.0))
    ground = survey(room(), lattice, (0, 0), CONFIG)
    beside_the_wall = [lattice.node(np.array(p)) for p in ((0.25, 1.0), (0.25, 1.25))]
    assert ground.price(*beside_the_wall) >= 1 + CONFIG.doubt_cost
    assert ground.price((0, 0), (1, 0)) == 1


def test_a_wall_parts_the_room_and_a_gap_joins_it():
    occupancy, lattice = room(), Lattice(origin=(1.0, 1.0))
    for y in np.arange(0.1, 2.9, 0.05):
        occupancy.mark_blocked(np.array([2.0, y]), radius=0.06)
    other_side = lattice.node(np.array([3.0, 1.0]))
    ground = survey(occupancy, lattice, (0, 0), CONFIG)
    assert find_path((0, 0, 0), {other_side}, ground.price, CONFIG) is None
    for y in np.arange(1.1, 1.9, 0.05):
        occupancy.mark_free(np.array([2.0, y]), radius=0.1)
    ground = survey(occupancy, lattice, (0, 0), CONFIG)
    path = find_path((0, 0, 0), {other_side}, ground.price, CONFIG)
    assert path is not None
    assert ground.costs_from((0, 0))[ground.index(other_side)] < len(path) + 2


def test_failed_moves_are_closed_on_any_lattice():
    failed, lattice = FailedMoves(), Lattice(origin=(1.0, 1.0))
    failed.add(lattice.point((0, 0)), lattice.point((1, 0)))
    for origin in ((1.0, 1.0), (1.5, 1.25)):
        again = Lattice(origin=origin)
        edges = failed.edges(again)
        here = again.node(np.array([1.0, 1.0]))
        assert edges == [(here, (here[0] + 1, here[1]))]
        ground = survey(room(), again, here, CONFIG, edges)
        assert ground.price(here, (here[0] + 1, here[1])) == np.inf
        assert ground.price(here, (here[0], here[1] + 1)) < 2


def test_the_near_look_agrees_with_the_survey():
    occupancy, lattice = room(), Lattice(origin=(1.0, 1.0))
    for point in ((2.0, 1.5), (2.3, 0.6), (1.2, 2.4)):
        occupancy.mark_blocked(np.array(point), radius=0.08)
    ground = survey(occupancy, lattice, (0, 0), CONFIG)
    nodes = [(i, j) for i in range(-3, 12) for j in range(-3, 8)]
    for node in nodes:
        for step in HEADINGS:
            after = (node[0] + step[0], node[1] + step[1])
            if np.isfinite(ground.price(node, after)):
                assert is_open(occupancy, lattice.point(node), lattice.point(after), CONFIG)


def test_standpoints_are_open_near_and_ordered():
    occupancy, lattice = room(), Lattice(origin=(1.0, 1.0))
    ground = survey(occupancy, lattice, (0, 0), CONFIG)
    box = np.array([[3.0, 1.0], [3.2, 1.2]])
    found = standpoints(ground, ground.costs_from((0, 0)), box, CONFIG)
    assert found
    assert [stand.cost for stand in found] == sorted(stand.cost for stand in found)
    for stand in found:
        gap = lattice.point(stand.node) - np.clip(lattice.point(stand.node), *box)
        assert np.linalg.norm(gap) == pytest.approx(stand.distance)
        assert stand.distance <= CONFIG.reach
    costs = ground.costs_from((0, 0))
    same_price = standpoints(ground, np.where(np.isfinite(costs), 0.0, np.inf), box, CONFIG)
    assert 0.3 < same_price[0].distance < 1.0


def test_an_empty_map_can_be_surveyed():
    ground = survey(OccupancyMap(), Lattice(origin=(0.0, 0.0)), (0, 0), CONFIG)
    assert ground.open.all()
    assert not ground.known.any()


@given(st.floats(-7, 7))
def test_headings_are_the_nearest_right_angle(yaw):
    heading, lacks = heading_of(yaw)
    assert abs(lacks) <= np.pi / 4 + 1e-9
    direction = np.array(HEADINGS[heading])
    assert np.allclose(direction, [np.cos(yaw + lacks), np.sin(yaw + lacks)], atol=1e-9)
