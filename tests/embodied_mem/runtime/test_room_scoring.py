"""Scores of rooms against naive counts, and names on the map that do not meet."""

import re
from itertools import combinations
from math import comb, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embodied_mem.runtime.belief import Belief, ObjectBelief
from embodied_mem.runtime.report_map import MapFrame, draw_map
from embodied_mem.runtime.room_scoring import (
    adjusted_rand,
    score_rooms,
    true_labels,
    v_measure,
)

TABLES = arrays(np.int64, (3, 4), elements=st.integers(0, 6)).filter(lambda t: t.sum() > 1)


@given(TABLES)
def test_the_rand_index_is_that_of_counting_pairs(table: np.ndarray):
    cells = [(f, t) for f, t in np.ndindex(table.shape) for _ in range(table[f, t])]
    pairs = list(combinations(cells, 2))
    same = [(a[0] == b[0], a[1] == b[1]) for a, b in pairs]
    both, found = sum(f and t for f, t in same), sum(f for f, _ in same)
    true, expected = sum(t for _, t in same), 0.0
    expected = found * true / comb(len(cells), 2)
    most = (found + true) / 2
    naive = 1.0 if most == expected else (both - expected) / (most - expected)
    assert adjusted_rand(table) == pytest.approx(naive, abs=1e-9)


@given(TABLES)
def test_the_v_measure_is_that_of_its_definition(table: np.ndarray):
    p = table / table.sum()
    f, t = p.sum(axis=1), p.sum(axis=0)
    cells = [(i, j) for i, j in np.ndindex(table.shape) if table[i, j]]
    true_given_found = -sum(p[i, j] * log(p[i, j] / f[i]) for i, j in cells)
    found_given_true = -sum(p[i, j] * log(p[i, j] / t[j]) for i, j in cells)
    h_true = -sum(x * log(x) for x in t if x)
    h_found = -sum(x * log(x) for x in f if x)
    homogeneity = 1 - true_given_found / h_true if h_true > 1e-12 else 1.0
    completeness = 1 - found_given_true / h_found if h_found > 1e-12 else 1.0
    naive = 2 * homogeneity * completeness / max(homogeneity + completeness, 1e-12)
    assert v_measure(table) == pytest.approx(naive, abs=1e-6)


def test_two_rooms_found_as_one_cost_recall_and_purity():
    squares = [np.array([[x, 0], [x + 2, 0], [x + 2, 2], [x, 2.0]]) for x in (0.0, 2.0)]
    true = true_labels(squares, np.zeros(2), 0.05, (40, 80))
    assert (true[:, :39] == 1).all()
    assert (true[:, 41:] == 2).all()
    names = {1: "Kitchen", 2: "Bedroom"}
    perfect = score_rooms(
        3 - true, true, true > 0, found_categories={2: "Kitchen", 1: "Bath"}, true_categories=names
    )
    assert perfect.f1 == perfect.iou == perfect.v_measure == perfect.rand == 1.0
    assert perfect.category == 0.5
    joined = score_rooms(np.minimum(true, 1), true, true > 0)
    assert (joined.true_rooms, joined.found_rooms) == (2, 1)
    assert joined.recall == 0.5
    assert joined.coverage == 1.0
    assert 0.45 < joined.purity < 0.55
    assert joined.rand == pytest.approx(0.0)
    unseen = score_rooms(true, true, true == 1)
    assert unseen.true_rooms == 1
    assert unseen.f1 == 1.0


def test_names_of_rooms_on_a_map_do_not_meet():
    things = tuple(
        ObjectBelief(
            object_id=f"bed_{n}",
            label="Bed",
            box=((0.1 * n, 0.0, 0.0), (0.1 * n + 0.2, 0.2, 0.2)),
            status="present",
            room=f"room_{n}",
        )
        for n in range(4)
    )
    rooms = {f"room_{n}": "LivingRoom" for n in range(4)}
    spots = {f"room_{n}": (0.1 * n, 0.1) for n in range(3)}
    belief = Belief(stamp=0.0, objects=things, rooms=rooms, room_spots=spots)
    drawn = draw_map(belief, (), MapFrame(belief, ()))
    places = [
        (float(x), float(y))
        for x, y in re.findall(r'<text class="room" x="([\d.-]+)" y="([\d.-]+)"', drawn)
    ]
    assert len(places) == 4
    for (x0, y0), (x1, y1) in combinations(places, 2):
        assert abs(x0 - x1) >= 120 or abs(y0 - y1) >= 24
