"""Bodies fill their boxes, hold what they should, and open only where they have doors."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from embodied_mem.backends.household.bodies import build_body
from embodied_mem.backends.household.catalog import (
    AssetDatabase,
    form_of,
    object_type,
    object_types,
)
from embodied_mem.backends.household.mesh import body_mesh, joint_transform, posed
from embodied_mem.backends.household.parts import Body, Vector

SHARED = Path(os.environ.get("EMBODIED_MEM_SHARED", Path(__file__).parents[4] / "shared"))
DATABASE = SHARED / "data" / "procthor" / "asset-database.json"
TYPES = object_types()
TOLERANCE = 0.011
"""Parts may stick out of the box by this, closed [m]."""


def assert_fits(name: str, size: Vector, body: Body) -> None:
    half = np.array(size) / 2
    for part in body.parts:
        low = np.array(part.center) - np.array(part.size) / 2
        high = np.array(part.center) + np.array(part.size) / 2
        assert (low > -half - TOLERANCE).all(), (name, part)
        assert (high < half + TOLERANCE).all(), (name, part)
        assert all(0 <= channel <= 1 for channel in part.colour), (name, part)
    for surface in body.surfaces:
        (x, y, z), (w, d) = surface.center, surface.extent
        assert abs(x) + w / 2 <= half[0] + 1e-6, (name, surface)
        assert abs(y) <= half[1] + 0.001, (name, surface)
        assert abs(z) + d / 2 <= half[2] + 1e-6, (name, surface)
        assert w > 0
        assert d > 0
        assert surface.clearance > 0


@pytest.mark.parametrize("name", sorted(TYPES))
def test_bodies_stay_in_their_boxes(name: str):
    kind = TYPES[name]
    for variant in range(4):
        body = build_body(name, kind.size, variant=variant)
        assert_fits(name, kind.size, body)


@given(
    name=st.sampled_from(sorted(TYPES)),
    scale=st.tuples(*[st.floats(0.4, 2.5)] * 3),
    variant=st.integers(0, 50),
)
@example(name="Doorway", scale=(1.0, 1.0, 0.5), variant=0)
@settings(max_examples=150, deadline=None)
def test_bodies_can_have_any_size(name: str, scale: Vector, variant: int):
    x, y, z = (side * s for side, s in zip(TYPES[name].size, scale, strict=True))
    assert_fits(name, (x, y, z), build_body(name, (x, y, z), variant=variant))


@pytest.mark.skipif(not DATABASE.exists(), reason=f"no {DATABASE}")
def test_bodies_fit_every_size_of_the_asset_database():
    for asset in AssetDatabase.load(DATABASE):
        body = build_body(asset.type_name, asset.size)
        assert_fits(asset.asset_id, asset.size, body)
        assert body.surfaces or not object_type(asset.type_name).has("receptacle")


@pytest.mark.parametrize("name", sorted(n for n, k in TYPES.items() if k.has("receptacle")))
def test_receptacles_have_surfaces(name: str):
    assert build_body(name, TYPES[name].size).surfaces


@pytest.mark.parametrize("name", sorted(TYPES))
def test_openable_types_move_and_the_others_do_not(name: str):
    body = build_body(name, TYPES[name].size)
    assert any(part.joint for part in body.parts) == TYPES[name].has("openable")
    mesh = body_mesh(body)
    closed, opened = mesh.corners, posed(mesh, 1.0)[0]
    jointed = np.zeros(len(mesh), dtype=bool)
    for start, stop, _ in mesh.moving:
        jointed[start:stop] = True
    assert np.array_equal(closed[~jointed], opened[~jointed])
    if jointed.any():
        assert np.abs(closed[jointed] - opened[jointed]).max() > 0.03


@pytest.mark.parametrize("name", ["Fridge", "Microwave", "Cabinet", "Drawer", "Box", "Safe"])
def test_what_is_inside_openable_receptacles_is_enclosed(name: str):
    body = build_body(name, TYPES[name].size)
    assert all(surface.enclosed for surface in body.surfaces)
    assert all(surface.clearance < TYPES[name].size[1] for surface in body.surfaces)


@pytest.mark.parametrize("name", ["CounterTop", "DiningTable", "Desk", "Dresser", "GarbageCan"])
def test_what_is_open_is_not_enclosed(name: str):
    assert not any(s.enclosed for s in build_body(name, TYPES[name].size).surfaces)


def test_table_tops_are_usable_to_two_centimetres_from_the_edge():
    (surface,) = build_body("DiningTable", (1.6, 0.75, 0.9)).surfaces
    assert surface.center == pytest.approx((0, 0.375, 0))
    assert surface.extent == pytest.approx((1.56, 0.86))


@pytest.mark.parametrize(("asset_id", "legs"), [("Countertop_L_10x8", 2), ("Countertop_C_8x8", 3)])
def test_large_counters_leave_their_middle_free(asset_id: str, legs: int):
    body = build_body("CounterTop", (3.0, 0.92, 2.4), form=form_of(asset_id))
    assert len(body.surfaces) == legs
    for part in body.parts:
        left, right = (part.center[0] + side * part.size[0] / 2 for side in (-1, 1))
        front = part.center[2] + part.size[2] / 2
        assert front < -1.2 + 0.63 or left > 1.5 - 0.63 or (legs == 3 and right < -1.5 + 0.63)


def test_drawers_carry_their_floor_along():
    (surface,) = build_body("Drawer", TYPES["Drawer"].size).surfaces
    assert surface.joint is not None
    _, shift = joint_transform(surface.joint, 1.0)
    assert shift[2] == pytest.approx(0.75 * TYPES["Drawer"].size[2])


def test_doors_swing_to_the_front():
    for name in ("Fridge", "Cabinet", "Microwave", "Doorway", "Safe"):
        mesh = body_mesh(build_body(name, TYPES[name].size))
        opened = posed(mesh, 1.0)[0]
        assert opened[..., 2].max() > mesh.corners[..., 2].max() + 0.1, name


def test_wide_doorways_have_two_leaves():
    axes = {part.joint.axis for part in build_body("Doorway", (1.9, 2.1, 0.1)).parts if part.joint}
    assert len(axes) == 2


def test_normals_point_out_of_convex_shapes():
    mesh = body_mesh(build_body("Egg", (0.05, 0.06, 0.05)))
    outward = np.einsum("ti,ti->t", mesh.normals, mesh.corners.mean(axis=1))
    assert (outward > 0).all()


def test_variants_differ_in_colour():
    first, second = (build_body("Mug", TYPES["Mug"].size, variant=v) for v in (0, 1))
    assert first.parts[0].colour != second.parts[0].colour
