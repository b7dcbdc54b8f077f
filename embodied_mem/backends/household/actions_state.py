"""Actions on the state of objects: open, toggle, slice, clean, cook, fill, use up, break."""

from collections.abc import Callable, Mapping

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.collision import CollisionMap
from embodied_mem.backends.household.obstacles import AGENT_RADIUS, moving_obstacles
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.backends.household.states import CRACKED, cut
from embodied_mem.backends.household.targets import find_target

LIQUIDS = ("water", "coffee", "wine")
"""What things can be filled with."""

CLOSED_WHEN_ON = frozenset(("Microwave", "WashingMachine", "ClothesDryer"))
"""Machines that run only while closed, and open only while off."""


def open_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    openness: float = 1.0,
    force_action: bool = False,
) -> None:
    """Open a door, a drawer or a lid, wholly or in part."""
    item = find_target(sim, "OpenObject", object_id=object_id, x=x, y=y, force=force_action)
    _check_openable(item)
    if not 0 <= openness <= 1:
        raise ActionError(f"openness must lie in [0, 1], got {openness:g}.", "InvalidArgument")
    if item.type_name in CLOSED_WHEN_ON and item.toggled:
        raise ActionError("Target must be OFF to open!")
    _set_openness(sim, item, openness)


def close_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Close what is open; what is closed stays so."""
    item = find_target(sim, "CloseObject", object_id=object_id, x=x, y=y, force=force_action)
    _check_openable(item)
    _set_openness(sim, item, 0.0)


def _check_openable(item: SimObject) -> None:
    if not item.has("openable"):
        raise ActionError(f"{item.object_id} is not an Openable object")


def _set_openness(sim: Simulation, item: SimObject, openness: float) -> None:
    """Move doors and drawers, unless the agent stands in their way."""
    swing = [item.openness + (openness - item.openness) * step / 4 for step in range(1, 5)]
    for part_way in () if item.held else swing:
        obstacles = CollisionMap(moving_obstacles(item, part_way))
        if not obstacles.is_free(sim.agent.x, sim.agent.z, AGENT_RADIUS):
            raise ActionError("Object failed to open/close successfully.")
    sim.world.set_openness(item, openness)


def toggle_object_on(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Switch an appliance on; a stove knob lights its burner."""
    item = find_target(sim, "ToggleObjectOn", object_id=object_id, x=x, y=y, force=force_action)
    _check_toggleable(item)
    if item.toggled:
        raise ActionError("can't toggle object on if it's already on!")
    if item.type_name in CLOSED_WHEN_ON and item.is_open:
        raise ActionError("Target must be closed to Toggle On!")
    switch(sim, item, on=True)


def toggle_object_off(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Switch an appliance off."""
    item = find_target(sim, "ToggleObjectOff", object_id=object_id, x=x, y=y, force=force_action)
    _check_toggleable(item)
    if not item.toggled:
        raise ActionError("can't toggle object off if it's already off!")
    switch(sim, item, on=False)


def _check_toggleable(item: SimObject) -> None:
    if not item.has("toggleable"):
        raise ActionError("object is not toggleable")
    if item.broken:
        raise ActionError("Target is broken and cannot be Toggled at all!")


def switch(sim: Simulation, item: SimObject, *, on: bool) -> None:
    """Switch an object with what it controls, and the knob that controls it."""
    linked = [item, *(sim.world.objects[name] for name in item.controls)]
    linked += [other for other in sim.world.objects.values() if item.object_id in other.controls]
    for other in linked:
        other.toggled = on
        sim.world.touch(other)


def slice_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Cut food into slices, crack an egg; no knife is asked for, as in AI2-THOR's engine."""
    item = find_target(sim, "SliceObject", object_id=object_id, x=x, y=y, force=force_action)
    if not item.has("sliceable"):
        raise ActionError(f"{item.name} Does not have the CanBeSliced property!")
    _check_whole(item)
    if item.held:
        raise ActionError("target object cannot be sliced if it is in the agent's hand")
    cut(sim.world, item)


def _check_whole(item: SimObject) -> None:
    if item.sliced:
        raise ActionError(f"{item.object_id} is already sliced!")


def break_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Break what can break; its liquid is lost, an egg cracks."""
    item = find_target(sim, "BreakObject", object_id=object_id, x=x, y=y, force=force_action)
    if not item.has("breakable"):
        raise ActionError(f"{item.object_id} does not have the CanBreak property!")
    if item.broken:
        raise ActionError(f"{item.object_id} is already broken!")
    _check_whole(item)
    if item.held:
        raise ActionError("target object cannot be broken if it is in the agent's hand")
    item.broken, item.liquid, item.toggled = True, None, False
    if item.type_name in CRACKED:
        cut(sim.world, item)
    else:
        sim.world.touch(item)


def dirty_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Make an object dirty."""
    item = find_target(sim, "DirtyObject", object_id=object_id, x=x, y=y, force=force_action)
    _check_dirtyable(item)
    if item.dirty:
        raise ActionError(f"{item.object_id} is already dirty!")
    change_state(sim, item, dirty=True)


def clean_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Make an object clean."""
    item = find_target(sim, "CleanObject", object_id=object_id, x=x, y=y, force=force_action)
    _check_dirtyable(item)
    if not item.dirty:
        raise ActionError(f"{item.object_id} is already Clean!")
    change_state(sim, item, dirty=False)


def _check_dirtyable(item: SimObject) -> None:
    if not item.has("dirtyable"):
        raise ActionError(f"{item.object_id} does not have dirtyable property!")


def change_state(sim: Simulation, item: SimObject, **state: bool | str | None) -> None:
    """Set state fields of an object by name."""
    for name, value in state.items():
        setattr(item, name, value)
    sim.world.touch(item)


def cook_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Cook an object, without any heat."""
    item = find_target(sim, "CookObject", object_id=object_id, x=x, y=y, force=force_action)
    if not item.has("cookable"):
        raise ActionError(f"{item.object_id} does not have the CanBeCooked property!")
    if item.cooked:
        raise ActionError(f"{item.object_id} is already cooked!")
    change_state(sim, item, cooked=True)


def fill_object_with_liquid(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    fill_liquid: str = "water",
    force_action: bool = False,
) -> None:
    """Fill a vessel with water, coffee or wine."""
    item = find_target(
        sim, "FillObjectWithLiquid", object_id=object_id, x=x, y=y, force=force_action
    )
    _check_fillable(item)
    if fill_liquid not in LIQUIDS:
        raise ActionError(
            f"{fill_liquid} is not a valid Liquid Type. Liquids: {', '.join(LIQUIDS)}."
        )
    if item.broken:
        raise ActionError(f"{item.object_id} is broken and cannot be filled.")
    if item.liquid is not None:
        raise ActionError(f"{item.object_id} is already filled with {item.liquid}!")
    change_state(sim, item, liquid=fill_liquid)


def empty_liquid_from_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Pour out what is in a vessel."""
    item = find_target(
        sim, "EmptyLiquidFromObject", object_id=object_id, x=x, y=y, force=force_action
    )
    _check_fillable(item)
    if item.liquid is None:
        raise ActionError(f"{item.object_id} is already empty!")
    change_state(sim, item, liquid=None)


def _check_fillable(item: SimObject) -> None:
    if not item.has("fillable"):
        raise ActionError(f"{item.object_id} does not have the CanBeFilled property!")


def use_up_object(
    sim: Simulation,
    *,
    object_id: str | None = None,
    x: float | None = None,
    y: float | None = None,
    force_action: bool = False,
) -> None:
    """Use up paper, soap and the like."""
    item = find_target(sim, "UseUpObject", object_id=object_id, x=x, y=y, force=force_action)
    if not item.has("usable_up"):
        raise ActionError(f"{item.object_id} does not have the CanBeUsedUp property!")
    if item.used_up:
        raise ActionError(f"{item.object_id} is already used up!")
    change_state(sim, item, used_up=True)


STATE_ACTIONS: Mapping[str, Callable[..., object]] = {
    "OpenObject": open_object,
    "CloseObject": close_object,
    "ToggleObjectOn": toggle_object_on,
    "ToggleObjectOff": toggle_object_off,
    "SliceObject": slice_object,
    "BreakObject": break_object,
    "DirtyObject": dirty_object,
    "CleanObject": clean_object,
    "CookObject": cook_object,
    "FillObjectWithLiquid": fill_object_with_liquid,
    "EmptyLiquidFromObject": empty_liquid_from_object,
    "UseUpObject": use_up_object,
}
"""Actions of this file by AI2-THOR's names."""
