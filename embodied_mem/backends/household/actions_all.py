"""Actions on the state of many objects at once."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.actions_state import change_state, switch
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.backends.household.states import CRACKED, cut


class Toggle(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of SetObjectToggles: all objects of a type."""

    object_type: str
    is_on: bool


def set_object_toggles(sim: Simulation, *, object_toggles: list[Toggle]) -> None:
    """Switch all objects of some types on or off, wherever they are."""
    for toggle in object_toggles:
        for item in list(sim.world.objects.values()):
            if item.type_name == toggle.object_type and item.has("toggleable"):
                switch(sim, item, on=toggle.is_on)


StateName = Literal[
    "toggleable", "openable", "dirtyable", "breakable", "cookable", "sliceable",
    "canFillWithLiquid", "canBeUsedUp",
]  # fmt: skip


class StateChange(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of SetObjectStates: what all objects with a property, or of a type, become."""

    state_change: StateName
    object_type: str | None = None
    is_toggled: bool = False
    is_open: bool = False
    openness: float | None = None
    is_dirty: bool = False
    is_broken: bool = False
    is_cooked: bool = False
    is_sliced: bool = False
    is_filled_with_liquid: bool = False
    fill_liquid: str = "water"
    is_used_up: bool = False


def set_object_states(sim: Simulation, *, set_object_states: StateChange) -> None:
    """Change a state of all objects of a type, or of all that have the property."""
    change = set_object_states
    for item in list(sim.world.objects.values()):
        if not item.removed and change.object_type in (None, item.type_name):
            _apply(sim, item, change)


def set_state_of_all_objects(
    sim: Simulation, *, state_change: str, force_action: bool = True
) -> None:
    """Set a property of all objects that have it: `CanBeDirty` makes them dirty, and so on.

    Without `forceAction` the state is taken away instead.
    """
    names: dict[str, StateName] = {
        "CanToggleOnOff": "toggleable",
        "CanOpen": "openable",
        "CanBeDirty": "dirtyable",
        "CanBreak": "breakable",
        "CanBeCooked": "cookable",
        "CanBeSliced": "sliceable",
        "CanBeFilled": "canFillWithLiquid",
        "CanBeUsedUp": "canBeUsedUp",
    }
    if state_change not in names:
        raise ActionError(
            f"{state_change} is not a state that can be set. States: {', '.join(names)}."
        )
    on = force_action
    change = StateChange(
        state_change=names[state_change], is_toggled=on, is_open=on, is_dirty=on, is_broken=on,
        is_cooked=on, is_sliced=on, is_filled_with_liquid=on, is_used_up=on,
    )  # fmt: skip
    for item in list(sim.world.objects.values()):
        if not item.removed:
            _apply(sim, item, change)


def _apply(sim: Simulation, item: SimObject, change: StateChange) -> None:
    match change.state_change:
        case "toggleable" if item.has("toggleable"):
            switch(sim, item, on=change.is_toggled)
        case "openable" if item.has("openable"):
            wanted = float(change.is_open) if change.openness is None else change.openness
            sim.world.set_openness(item, min(max(wanted, 0.0), 1.0))
        case "dirtyable" if item.has("dirtyable"):
            change_state(sim, item, dirty=change.is_dirty)
        case "breakable" if item.has("breakable") and item.type_name not in CRACKED:
            change_state(sim, item, broken=change.is_broken)
        case "cookable" if item.has("cookable"):
            change_state(sim, item, cooked=change.is_cooked)
        case "sliceable" if item.has("sliceable") and change.is_sliced and not item.held:
            cut(sim.world, item)
        case "canFillWithLiquid" if item.has("fillable"):
            liquid = change.fill_liquid if change.is_filled_with_liquid else None
            change_state(sim, item, liquid=liquid)
        case "canBeUsedUp" if item.has("usable_up"):
            change_state(sim, item, used_up=change.is_used_up)
        case _:
            pass


ALL_ACTIONS: Mapping[str, Callable[..., object]] = {
    "SetObjectToggles": set_object_toggles,
    "SetObjectStates": set_object_states,
    "SetStateOfAllObjects": set_state_of_all_objects,
}
"""Actions of this file by AI2-THOR's names."""
