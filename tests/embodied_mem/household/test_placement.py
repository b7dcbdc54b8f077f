"""Whatever is put anywhere rests on a surface, apart from everything else."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kitchen import act, entry, kitchen_engine

from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.placement import (
    LIFT,
    PERCHES,
    find_spot,
    put,
    solid_boxes,
    stack_height,
)
from embodied_mem.backends.household.poses import plan_extent, surface_center, to_local
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.world import World

_ENGINE = kitchen_engine(size=16)
NAMES = sorted(_ENGINE.world.objects)
RECEPTACLES = [n for n in NAMES if _ENGINE.world.objects[n].has("receptacle")]
MOVABLE = [n for n in NAMES if _ENGINE.world.objects[n].pickupable]


def overlap(a: SimObject, b: SimObject) -> float:
    """Depth to which the boxes of two objects reach into one another [m]."""
    worst = 0.0
    for (xa, ya, za), size_a, yaw_a in solid_boxes(a):
        for (xb, yb, zb), size_b, yaw_b in solid_boxes(b):
            half_a, half_b = plan_extent(size_a, yaw_a), plan_extent(size_b, yaw_b)
            depth = min(
                half_a[0] + half_b[0] - abs(xa - xb),
                half_a[1] + half_b[1] - abs(za - zb),
                (size_a[1] + size_b[1]) / 2 - abs(ya - yb),
            )
            worst = max(worst, depth)
    return worst


def put_on(world: World, item: SimObject, receptacle: SimObject) -> None:
    spot = find_spot(world, item, receptacle, near=receptacle.position)
    assert spot is not None
    put(world, item, receptacle, spot)


def check_rests(world: World, item: SimObject) -> None:
    parent = world.parent_of(item)
    assert parent is not None
    surface = parent.body.surfaces[item.surface]
    center = surface_center(surface, parent.openness)
    x, y, z = to_local(item.position, parent.position, parent.yaw)
    assert y - item.size[1] / 2 == pytest.approx(center[1] + LIFT, abs=1e-6)
    assert stack_height(world, item) <= surface.clearance
    half = plan_extent(item.size, item.yaw - parent.yaw)
    for offset, side, extent in zip(
        (x - center[0], z - center[2]), half, surface.extent, strict=True
    ):
        if parent.type_name in PERCHES:
            assert abs(offset) <= extent / 2
        else:
            assert abs(offset) + side <= extent / 2 + 1e-6


@settings(max_examples=25, deadline=None)
@given(
    moves=st.lists(st.tuples(st.sampled_from(MOVABLE), st.sampled_from(RECEPTACLES)), max_size=12)
)
def test_what_is_put_is_supported_and_meets_nothing(moves: list[tuple[str, str]]):
    world = kitchen_engine(size=16).world
    placed: set[str] = set()
    for name, receptacle_name in moves:
        item, receptacle = world.objects[name], world.objects[receptacle_name]
        inside = {child.object_id for child in world.descendants(item)}
        if item is receptacle or receptacle_name in inside:
            continue
        if not can_hold(receptacle.type_name, item.type_name):
            continue
        spot = find_spot(world, item, receptacle, near=(3.5, 1.6, 4.0), inside_closed=True)
        if spot is not None:
            put(world, item, receptacle, spot)
            check_rests(world, item)
            placed.add(name)
    for a, b in combinations(sorted(placed), 2):
        first, second = world.objects[a], world.objects[b]
        related = {first.parent, second.parent} & {a, b}
        if not related and first.parent == second.parent:
            assert overlap(first, second) <= 1e-6, (a, b)


def test_the_house_is_settled_without_overlaps():
    world = kitchen_engine(size=16).world
    items = [item for item in world.objects.values() if item.parent is not None]
    for item in items:
        check_rests(world, item)
    for a, b in combinations(items, 2):
        if a.parent == b.parent:
            assert overlap(a, b) <= 1e-6, (a.object_id, b.object_id)


def test_the_place_nearest_to_the_point_is_taken():
    world = kitchen_engine(size=16).world
    item, table = world.objects["Candle|1"], world.objects["DiningTable|1"]
    for x in (2.9, 4.1):
        spot = find_spot(world, item, table, near=(x, 0.8, 3.15))
        assert spot is not None
        assert abs(spot.position[0] - x) < 0.2


def test_a_surface_behind_a_closed_door_is_not_used():
    world = kitchen_engine(size=16).world
    item, fridge = world.objects["Mug|1"], world.objects["Fridge|1"]
    assert find_spot(world, item, fridge, near=(0.5, 1.0, 5.0)) is None
    assert find_spot(world, item, fridge, near=(0.5, 1.0, 5.0), inside_closed=True) is not None


def test_a_receptacle_fills_up():
    world = kitchen_engine(size=16).world
    bin_ = world.objects["Sink|1"]
    bowls = [world.objects[n] for n in ("Bowl|1", "Plate|1", "Pan|1", "Pot|1", "Mug|1", "Cup|1")]
    put_in = 0
    for item in bowls:
        spot = find_spot(world, item, bin_, near=bin_.position)
        if spot is not None:
            put(world, item, bin_, spot)
            check_rests(world, item)
            put_in += 1
    assert 0 < put_in < len(bowls)


def test_contents_travel_with_their_container():
    world = kitchen_engine(size=16).world
    pot, knife = world.objects["Pot|1"], world.objects["Knife|1"]
    put_on(world, knife, pot)
    offset = to_local(knife.position, pot.position, pot.yaw)
    world.move(pot, (1.0, 0.5, 2.0), 37.0)
    assert to_local(knife.position, pot.position, pot.yaw) == pytest.approx(offset)
    put_on(world, pot, world.objects["DiningTable|1"])
    assert to_local(knife.position, pot.position, pot.yaw) == pytest.approx(offset)


def test_what_lies_in_a_drawer_moves_with_it():
    world = kitchen_engine(size=16).world
    drawer = world.objects["Drawer|1"]
    (index,) = [i for i, surface in enumerate(drawer.body.surfaces) if surface.joint is not None]
    pen = world.objects["Knife|1"]
    world.attach(pen, drawer, index)
    world.move(pen, drawer.surface_position(index))
    before = pen.position
    world.set_openness(drawer, 1.0)
    assert pen.position == pytest.approx(drawer.surface_position(index))
    assert pen.position != before


def test_things_in_closed_containers_are_hidden_and_out_of_reach():
    engine = kitchen_engine(size=60)
    apple = engine.world.objects["Apple|1"]
    assert engine.world.is_shut_in(apple)
    drawn = {item.number: item for item in engine.world.draw_items()}
    assert drawn[apple.number].hidden
    act(engine, "OpenObject", objectId="Fridge|1", forceAction=True)
    drawn = {item.number: item for item in engine.world.draw_items()}
    assert not drawn[apple.number].hidden
    assert entry(engine, "Apple|1")["parentReceptacles"] == ["Fridge|1"]
