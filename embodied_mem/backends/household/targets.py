"""Finds the object that an action means, by id or by a point of the image."""

import numpy as np

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.simulation import Simulation
from embodied_mem.backends.household.visibility import pixel_ray


def find_target(
    sim: Simulation,
    action: str,
    *,
    object_id: str | None,
    x: float | None,
    y: float | None,
    force: bool = False,
) -> SimObject:
    """Find an action's target and check that the agent can reach it.

    Args:
        sim: Where to look.
        action: Name of the action, for its error sentences.
        object_id: The target's id; or
        x: the image point that shows it, from the left edge, 0..1, and
        y: from the top edge, 0..1.
        force: Whether to skip the checks of visibility (AI2-THOR's forceAction).

    Raises:
        ActionError: In AI2-THOR's words.
    """
    item = named_target(sim, action, object_id=object_id, x=x, y=y)
    if not force:
        check_reachable(sim, item)
    return item


def named_target(
    sim: Simulation, action: str, *, object_id: str | None, x: float | None, y: float | None
) -> SimObject:
    """Find the object that an id or an image point names, reachable or not."""
    if object_id is not None and (x is not None or y is not None):
        raise ActionError(
            f"Ambiguous action: {action} takes objectId, or x and y, and got both.",
            "AmbiguousAction",
        )
    if object_id is not None:
        return object_by_id(sim, object_id)
    missing = [name for name, value in (("x", x), ("y", y)) if value is None]
    if x is None or y is None:
        names = "objectId" if len(missing) == 2 else missing[0]
        raise ActionError(
            f"action: {action} is missing the following arguments: {names}", "MissingArguments"
        )
    item = object_at(sim, x, y)
    if item is None:
        raise ActionError(f"No SimObject found at (x: {x}, y: {y})", "ObjectNotVisible")
    return item


def object_by_id(sim: Simulation, object_id: str) -> SimObject:
    """Find an object by its id."""
    item = sim.world.objects.get(object_id)
    if item is None:
        raise ActionError(
            f"ArgumentException: objectId: {object_id} is not the objectId on any object in the "
            "scene!"
        )
    return item


def object_at(sim: Simulation, x: float, y: float) -> SimObject | None:
    """Find what the agent's image shows at a point; None for the building and beyond the edges.

    Args:
        sim: Where to look.
        x: From the left edge, 0..1.
        y: From the top edge, 0..1.
    """
    if not (0 <= x <= 1 and 0 <= y <= 1):
        return None
    ids = sim.look().image.ids
    height, width = ids.shape
    number = int(ids[min(int(y * height), height - 1), min(int(x * width), width - 1)])
    return sim.world.by_number.get(number)


def point_at(sim: Simulation, x: float, y: float) -> tuple[float, float, float]:
    """Where in the world the surface lies that the agent's image shows at a point [m]."""
    image, view = sim.look().image, sim.view()
    row = min(int(y * view.height), view.height - 1)
    column = min(int(x * view.width), view.width - 1)
    point = np.array(view.position) + float(image.depth[row, column]) * pixel_ray(view, x, y)
    px, py, pz = point.tolist()
    return px, py, pz


def check_reachable(sim: Simulation, item: SimObject) -> None:
    """Check that the agent sees an object near enough and without glass before it."""
    sight = sim.look()
    if item.number not in sight.visible:
        raise ActionError(
            "NullReferenceException: Target object not found within the specified visibility.",
            "ObjectNotVisible",
        )
    if item.number not in sight.interactable:
        raise ActionError(
            "NullReferenceException: Target object is visible but not interactable. "
            "It is likely obstructed by some clear object like glass."
        )
