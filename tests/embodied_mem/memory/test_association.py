"""Association against brute force, voxels against sets, relations against examples."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from embodied_mem.memory import absence, association, matching, voxels
from embodied_mem.memory.association import assign, box_gap, box_iou, gate
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.placement import place_objects
from embodied_mem.memory.relations import RelationConfig, neighbours, supports

UNIT = st.floats(0, 1, width=32)


@given(
    scores=hnp.arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=UNIT),
    seed=st.integers(0, 99),
)
def test_assignment_is_the_best_of_all(scores, seed):
    allowed = (np.random.default_rng(seed).random(scores.shape) < 0.6) & (scores > 0)
    rows, columns = scores.shape
    best = 0.0
    for order in permutations(range(columns + rows), rows):
        pairs = [(r, c) for r, c in enumerate(order) if c < columns and allowed[r, c]]
        best = max(best, sum(scores[pair] for pair in pairs))
    found = assign(scores, allowed)
    assert all(allowed[pair] for pair in found)
    assert len({r for r, _ in found}) == len({c for _, c in found}) == len(found)
    assert sum(scores[pair] for pair in found) == pytest.approx(best)


def boxes_from(rng: np.random.Generator, count: int) -> np.ndarray:
    low = rng.uniform(-2, 2, (count, 3))
    return np.stack((low, low + rng.uniform(0, 1, (count, 3))), axis=1)


@given(seed=st.integers(0, 10_000), pad=st.floats(0, 0.5))
def test_the_gate_finds_every_pair_of_boxes_that_nearly_touch(seed, pad):
    found = _gated_against_brute_force(seed, pad)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(association, "_AT_ONCE", 0)  # One by one, as for very many.
        assert found == _gated_against_brute_force(seed, pad)


def _gated_against_brute_force(seed: int, pad: float) -> list[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    a, b = boxes_from(rng, 5), boxes_from(rng, 12)
    b[3], a[1] = np.nan, np.nan
    expected = {
        (i, j)
        for i in range(5)
        for j in range(12)
        if (a[i, 0] - pad <= b[j, 1]).all() and (b[j, 0] <= a[i, 1] + pad).all()
    }
    found = list(zip(*(ends.tolist() for ends in gate(a, b, pad)), strict=True))
    assert set(found) == expected
    return found


@given(seed=st.integers(0, 1000))
def test_overlap_and_gap_agree(seed):
    a, b = boxes_from(np.random.default_rng(seed), 2)
    iou = box_iou(a[None], b[None], 0.0)[0]
    assert 0 <= iou <= 1
    assert (box_gap(a, b) > 0) <= (iou == 0)
    assert box_iou(a[None], a[None])[0] == pytest.approx(1)


POINTS = hnp.arrays(
    np.float64, st.tuples(st.integers(0, 30), st.just(3)), elements=st.floats(-9, 9)
)


@given(points=POINTS, other=POINTS)
def test_voxels_are_sets_of_cells(points, other):
    def cells(values: np.ndarray) -> set[tuple[int, ...]]:
        return {tuple(cell) for cell in np.floor(values / 0.1).astype(int).tolist()}

    keys, wanted = voxels.encode(points, 0.1), voxels.encode(other, 0.1)
    assert {tuple(cell) for cell in voxels.cells(keys).tolist()} == cells(points)
    assert (np.diff(keys) > 0).all()
    known = cells(points)
    inside = [tuple(c) in known for c in voxels.cells(wanted).tolist()]
    np.testing.assert_array_equal(voxels.contains(keys, wanted), np.array(inside, bool))
    halves = {tuple(c) for c in np.floor_divide(voxels.cells(keys), 2).tolist()}
    assert {tuple(c) for c in voxels.cells(voxels.coarsen(keys)).tolist()} == halves
    np.testing.assert_array_equal(voxels.encode(voxels.decode(keys, 0.1), 0.1), keys)
    unknown = np.concatenate((other, [[np.nan, 0, 0]]))
    for found, alone in zip(
        voxels.encode_each([points, unknown], 0.1), (keys, wanted), strict=True
    ):
        np.testing.assert_array_equal(found, alone)


@given(
    values=hnp.arrays(float, st.integers(1, 40), elements=st.floats(-5, 5)),
    seed=st.integers(0, 99),
)
def test_medians_of_groups_are_those_of_each_alone(values, seed):
    owner = np.random.default_rng(seed).integers(0, 6, len(values))
    counts = np.bincount(owner, minlength=6)
    found = absence._medians(values, owner, counts)
    for number in np.flatnonzero(counts):
        assert found[number] == np.median(values[owner == number])


def test_coarse_voxels_follow_the_object():
    buffer = ObjectBuffer()
    entry = Entry(
        object_id="box_1", row=-1, label="Box", label_weights={}, first_seen=0.0, last_seen=0.0,
        bounds=np.array([[0.0] * 3, [1.0] * 3]),
    )  # fmt: skip
    buffer.add(entry, entry.bounds, np.zeros(0, np.float32))
    for x in (0.2, 0.7):
        buffer.set_voxels(entry, voxels.encode(np.array([[x, 0.1, 0.1], [x, 0.13, 0.1]]), 0.03))
        assert buffer.coarser(entry, 0) is entry.keys
        expected = voxels.coarsen(voxels.coarsen(entry.keys))
        np.testing.assert_array_equal(buffer.coarser(entry, 2), expected)


def box(x: float, y: float, z: float, *size: float) -> list[list[float]]:
    half = np.array(size) / 2
    return [(np.array([x, y, z]) - half).tolist(), (np.array([x, y, z]) + half).tolist()]


TABLE = box(0, 0, 0.4, 1.0, 1.0, 0.8)
EXAMPLES = {
    "on its top": (box(0.2, 0, 0.85, 0.1, 0.1, 0.1), TABLE, "on"),
    "a little sunk": (box(0.2, 0, 0.82, 0.1, 0.1, 0.1), TABLE, "on"),
    "floating above it": (box(0.2, 0, 1.1, 0.1, 0.1, 0.1), TABLE, None),
    "beside it": (box(0.8, 0, 0.85, 0.1, 0.1, 0.1), TABLE, None),
    "mostly over the edge": (box(0.53, 0, 0.85, 0.1, 0.1, 0.1), TABLE, None),
    "under it, inside its box": (box(0, 0, 0.1, 0.1, 0.1, 0.1), TABLE, "in"),
    "in a bowl": (box(0, 0, 0.05, 0.06, 0.06, 0.06), box(0, 0, 0.06, 0.2, 0.2, 0.1), "in"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_relations_of_two_boxes(name):
    small, big, relation = EXAMPLES[name]
    boxes = np.array([small, big])
    found = supports(np.array([0]), boxes, {}, RelationConfig())
    assert [s.relation for s in found] == ([relation] if relation else [])
    assert all(s.parent == 1 and 0 < s.confidence <= 1 for s in found)


def plane(z: float, half: float = 0.5) -> np.ndarray:
    steps = np.arange(-half, half, 0.03)
    x, y = np.meshgrid(steps, steps)
    return np.stack((x.ravel(), y.ravel(), np.full(x.size, z)), axis=1)


def test_a_counter_with_a_wall_behind_still_carries_what_stands_on_its_points():
    counter = box(0, 0, 0.6, 1.0, 1.0, 1.2)
    boxes = np.array([box(0, 0, 0.95, 0.1, 0.1, 0.1), counter])
    found = supports(np.array([0]), boxes, {1: plane(0.9)}, RelationConfig())
    assert [(s.relation, s.parent) for s in found] == [("on", 1)]


def test_a_shelf_with_a_board_above_contains():
    boxes = np.array([box(0, 0, 0.55, 0.1, 0.1, 0.1), box(0, 0, 0.8, 1.0, 1.0, 1.6)])
    points = np.concatenate((plane(0.5), plane(0.9)))
    found = supports(np.array([0]), boxes, {1: points}, RelationConfig())
    assert [(s.relation, s.parent) for s in found] == [("in", 1)]


def test_the_plate_comes_before_the_table():
    plate = box(0, 0, 0.81, 0.25, 0.25, 0.02)
    boxes = np.array([box(0, 0, 0.86, 0.08, 0.08, 0.08), TABLE, plate])
    found = supports(np.array([0, 2]), boxes, {}, RelationConfig())
    assert {(s.child, s.parent) for s in found} == {(0, 2), (2, 1)}


def test_near_keeps_the_nearest():
    boxes = np.array([box(x, 0, 0, 0.1, 0.1, 0.1) for x in (0, 0.2, 0.3, 0.45, 3.0)])
    assert neighbours(np.array([0]), boxes, RelationConfig(), most=2) == [(0, 1), (0, 2)]


def test_nothing_lies_in_what_is_flat_or_on_what_is_bare():
    sofa, pillow = box(0, 0, 0.4, 2.0, 0.9, 0.8), box(0.3, 0, 0.5, 0.4, 0.3, 0.15)
    seat, arms = plane(0.42), np.concatenate([plane(0.62), plane(0.62) + np.array([0.5, 0, 0])])
    boxes, asked = np.array([pillow, sofa]), np.array([0])
    for flat, bare, relations in (((), (), ["in"]), ((1,), (), ["on"]), ((1,), (1,), [])):
        found = supports(
            asked, boxes, {1: np.concatenate([seat, arms])}, RelationConfig(), flat=flat, bare=bare
        )
        assert [s.relation for s in found] == relations


def test_a_flat_support_goes_on_under_what_hides_it():
    bed, laptop = box(0, 0, 0.5, 2.0, 1.6, 1.0), box(0, 0, 0.61, 0.36, 0.26, 0.2)
    seen = plane(0.5)
    seen = seen[(np.abs(seen[:, 0]) > 0.26) | (np.abs(seen[:, 1]) > 0.21)]
    found = supports(np.array([0]), np.array([laptop, bed]), {1: seen}, RelationConfig(), flat=(1,))
    assert [(s.relation, s.parent) for s in found] == [("on", 1)]


def test_chairs_pushed_under_a_table_stand_beside_it():
    table, chair = box(0, 0, 0.37, 1.6, 1.0, 0.74), box(0.3, 0, 0.36, 0.45, 0.45, 0.72)
    assert supports(np.array([0]), np.array([chair, table]), {}, RelationConfig()) == []


def test_what_is_doubted_itself_is_not_taken_for_what_vanished():
    buffer = ObjectBuffer()
    feature = np.array([1.0, 0.0], np.float32)
    for number in range(3):  # Each may be the one before it, moved on.
        box = np.array([[number, 0.0, 0.0], [number + 0.1, 0.1, 0.1]])
        entry = Entry(
            object_id=buffer.new_id("Knife"),
            row=-1,
            label="Knife",
            label_weights={"Knife": 1.0},
            first_seen=10.0 * number,
            last_seen=10.0 * number + 5,
            bounds=box,
        )
        buffer.add(entry, box, feature)
    first, second, third = buffer.entries.values()
    assert matching.moved_before(buffer, [first]) in ([(first, second)], [(first, third)])
    assert matching.moved_before(buffer, [first, second]) in ([(first, third)], [(second, third)])
    assert not matching.moved_before(buffer, [first, second, third])


def test_a_pan_stands_on_its_burner_and_not_on_a_fork_under_its_rim():
    counter, burner = box(0, 0, 0.45, 2.0, 0.6, 0.9), box(0, 0, 0.91, 0.2, 0.2, 0.03)
    pan, fork = box(0.04, 0, 0.96, 0.36, 0.26, 0.07), box(0.15, 0.05, 0.91, 0.1, 0.02, 0.02)
    boxes = np.array([pan, counter, burner, fork])
    found = supports(np.array([0]), boxes, {1: plane(0.9, 1.0)}, RelationConfig())
    assert [(s.relation, s.parent) for s in found] == [("on", 2)]
    aside = np.array([box(0.3, 0, 0.96, 0.36, 0.26, 0.07), counter, burner, fork])
    found = supports(np.array([0]), aside, {1: plane(0.9, 1.0)}, RelationConfig())
    assert [(s.relation, s.parent) for s in found] == [("on", 1)]


@pytest.mark.parametrize(("hooks", "gap", "held"), [((1,), 0.0, True), ((), 0.0, False),
                                                    ((1,), 0.4, False)])  # fmt: skip
def test_a_towel_hangs_on_what_is_smaller_if_that_is_a_holder(hooks, gap, held):
    towel, holder = box(0, 0.05, 1.5 + gap, 0.45, 0.08, 0.6), box(0.2, 0, 1.21, 0.5, 0.1, 0.04)
    boxes = np.array([towel, holder])
    found = supports(np.array([0]), boxes, {}, RelationConfig(), hooks=hooks)
    assert [(s.relation, s.parent) for s in found] == ([("on", 1)] if held else [])


def test_what_is_hardly_believed_carries_nothing():
    for belief, carried in ((0.9, True), (0.4, False)):
        buffer = ObjectBuffer()
        for label, spot in (("Mug", box(0, 0, 0.85, 0.1, 0.1, 0.1)), ("DiningTable", TABLE)):
            entry = Entry(
                object_id=buffer.new_id(label),
                row=-1,
                label=label,
                label_weights={label: 1.0},
                first_seen=0.0,
                last_seen=0.0,
                sightings=3,
                belief=belief if label == "DiningTable" else 0.9,
                bounds=np.array(spot),
            )
            buffer.add(entry, np.array(spot), np.array([1.0], np.float32))
        place_objects(buffer, ["mug_1"], RelationConfig())
        assert (buffer["mug_1"].placement is not None) == carried
