"""Beliefs made by hand: a kitchen as a planner may know it."""

import numpy as np

from embodied_mem.types import AttributeValue
from planners.affordances import kind_of
from planners.belief import Belief, Thing
from planners.referents import Names


def thing(name: str, parent: str | None = None, x: float = 0.0, **states: AttributeValue) -> Thing:
    """Return a thing `mug_1` at x [m], on or in another, in some states."""
    label = name.split("_", maxsplit=1)[0]
    box = np.array([[x, 0.0, 0.8], [x + 0.1, 0.1, 0.9]])
    return Thing(
        object_id=name, label=label, kind=kind_of(label), box=box, attributes=states,
        parent=parent, status="present", last_seen=1.0,
    )  # fmt: skip


def kitchen(*more: Thing, held: str | None = None) -> Belief:
    """Return a kitchen: a mug on the counter, an apple in the closed fridge, a vase ..."""
    things = [
        thing("countertop_1"),
        thing("diningtable_1", x=3.0),
        thing("fridge_1", x=2.0, open=False),
        thing("microwave_1", "countertop_1", open=False, on=False),
        thing("sinkbasin_1", x=1.0),
        thing("faucet_1", x=1.1, on=False),
        thing("mug_1", "countertop_1", dirty=True),
        thing("apple_1", "fridge_1", x=2.0),
        thing("knife_1", "countertop_1"),
        thing("vase_1", "diningtable_1", x=3.0),
        thing("laptop_1", "diningtable_1", x=3.0),
        thing("potato_1", "countertop_1"),
        thing("cup_1", "countertop_1"),
        thing("cup_2", "diningtable_1", x=3.0),
        *more,
    ]
    return Belief({t.object_id: t for t in things}, held, 1.0)


def names(belief: Belief) -> Names:
    """Return what names mean to one who stands at x = 0."""
    return Names(belief, lambda thing: float(thing.center[0]))
