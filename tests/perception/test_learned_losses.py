"""Targets and losses of the segmenter, against loops over pixels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.learned.losses import centre_loss, kind_loss, offset_loss, state_loss
from perception.learned.strides import COARSE, FINE, REACH
from perception.learned.targets import Targets, make_targets


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Instance numbers of three boxes, their kinds, and their states."""
    rng = np.random.default_rng(seed)
    ids = np.zeros((32, 40), np.uint16)
    for number in (1, 2, 3):
        top, left = rng.integers(0, 20, 2)
        ids[top : top + rng.integers(4, 12), left : left + rng.integers(4, 16)] = number
    states = rng.integers(-1, 2, (3, 2)).astype(np.int8)
    return ids, rng.integers(1, 5, 3).astype(np.int32), states


def targets(seed: int) -> tuple[np.ndarray, Targets]:
    ids, kinds, states = scene(seed)
    return ids, make_targets(ids, kinds, states)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_pixel_and_its_offset_lead_to_the_middle_of_its_thing(seed: int):
    ids, truth = targets(seed)
    offsets, inside = np.asarray(truth.offsets), np.asarray(truth.inside)
    for y, x in np.ndindex(inside.shape[1:]):
        number = ids[y * COARSE, x * COARSE]
        assert inside[0, y, x] == (number > 0)
        if number:
            rows, columns = np.nonzero(ids == number)
            found = np.array((y, x)) * COARSE + offsets[:, y, x] * REACH
            np.testing.assert_allclose(found, (rows.mean(), columns.mean()), atol=1e-3)
        else:
            assert (offsets[:, y, x] == 0).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_each_thing_has_a_middle_of_height_one(seed: int):
    ids, truth = targets(seed)
    heat = np.asarray(truth.centres)[0]
    cells = set()
    for number in np.unique(ids[ids > 0]):
        rows, columns = np.nonzero(ids == number)
        y = min(round(float(rows.mean()) / COARSE), heat.shape[0] - 1)
        x = min(round(float(columns.mean()) / COARSE), heat.shape[1] - 1)
        assert heat[y, x] == 1
        cells.add((y, x))
    assert (heat == 1).sum() == len(cells)
    assert heat.min() >= 0


def test_kinds_and_states_are_those_of_every_second_pixel():
    ids, kinds, states = scene(3)
    truth = make_targets(ids, kinds, states)
    for y, x in np.ndindex(ids.shape[0] // FINE, ids.shape[1] // FINE):
        number = int(ids[y * FINE, x * FINE])
        assert truth.kinds[y, x] == (kinds[number - 1] if number else 0)
        expected = states[number - 1] if number else (-1, -1)
        np.testing.assert_array_equal(truth.states[:, y, x], expected)


def test_the_loss_of_kinds_is_a_weighted_cross_entropy():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4, 3, 5))
    kinds = rng.integers(0, 4, (2, 3, 5))
    weights, kind_weights = rng.uniform(1, 3, (2, 3, 5)), rng.uniform(0.4, 3, 4)
    total = whole = 0.0
    for b, y, x in np.ndindex(kinds.shape):
        row = logits[b, :, y, x]
        weight = weights[b, y, x] * kind_weights[kinds[b, y, x]]
        total -= weight * (row[kinds[b, y, x]] - math.log(sum(math.exp(v) for v in row)))
        whole += weight
    found = kind_loss(
        torch.tensor(logits), torch.tensor(kinds), torch.tensor(weights),
        torch.tensor(kind_weights),
    )  # fmt: skip
    assert found.item() == pytest.approx(total / whole, rel=1e-5)


def test_the_loss_of_middles_is_cornernets_focal_loss():
    rng = np.random.default_rng(1)
    logits, heat = rng.normal(size=(2, 1, 4, 4)), rng.uniform(0, 0.9, (2, 1, 4, 4))
    heat[0, 0, 1, 2] = heat[1, 0, 3, 3] = 1
    total = 0.0
    for place in np.ndindex(heat.shape):
        p, y = sigmoid(float(logits[place])), heat[place]
        if y == 1:
            total -= (1 - p) ** 2 * math.log(p)
        else:
            total -= (1 - y) ** 4 * p**2 * math.log(1 - p)
    found = centre_loss(torch.tensor(logits), torch.tensor(heat))
    assert found.item() == pytest.approx(total / 2, rel=1e-5)


def test_offsets_count_only_inside_things():
    rng = np.random.default_rng(2)
    offsets, truth = rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(2, 2, 3, 3))
    inside = rng.integers(0, 2, (2, 1, 3, 3))
    errors = [
        abs(offsets[b, axis, y, x] - truth[b, axis, y, x])
        for b, axis, y, x in np.ndindex(offsets.shape)
        if inside[b, 0, y, x]
    ]
    found = offset_loss(
        torch.tensor(offsets), torch.tensor(truth), torch.tensor(inside, dtype=torch.float64)
    )
    assert found.item() == pytest.approx(np.mean(errors), rel=1e-5)


def test_each_state_counts_alike_where_it_applies():
    rng = np.random.default_rng(4)
    logits, states = rng.normal(size=(2, 3, 4, 4)), rng.integers(-1, 2, (2, 3, 4, 4))
    states[:, 2] = -1  # Applies nowhere.
    means = []
    for s in (0, 1):
        losses = [
            -math.log(sigmoid(logits[b, s, y, x] * (1 if states[b, s, y, x] else -1)))
            for b, y, x in np.ndindex(2, 4, 4)
            if states[b, s, y, x] >= 0
        ]
        means.append(np.mean(losses))
    found = state_loss(torch.tensor(logits), torch.tensor(states, dtype=torch.int8))
    assert found.item() == pytest.approx(np.mean(means), rel=1e-5)


def test_losses_of_images_without_things_are_finite():
    nothing = make_targets(
        np.zeros((32, 32), np.uint16), np.zeros(0, np.int32), np.zeros((0, 2), np.int8)
    )
    flat = torch.zeros
    centres = torch.as_tensor(nothing.centres)[None]
    assert math.isfinite(centre_loss(flat(1, 1, 8, 8), centres).item())
    offsets, inside = (torch.as_tensor(t)[None] for t in (nothing.offsets, nothing.inside))
    assert offset_loss(flat(1, 2, 8, 8), offsets, inside).item() == 0
    assert state_loss(flat(1, 2, 16, 16), torch.as_tensor(nothing.states)[None]).item() == 0
