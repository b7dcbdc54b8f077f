"""The dispatcher: finds an action's handler, checks its arguments, and runs it.

Handlers are plain functions `handler(sim, *, argument, ...)`. Their signatures are the contract:
what has no default must be given, what is not there is refused, and values are converted to the
annotated types. AI2-THOR's camelCase becomes snake_case.
"""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from embodied_mem.backends.household.action_error import ActionError
from embodied_mem.backends.household.actions_all import ALL_ACTIONS
from embodied_mem.backends.household.actions_camera import CAMERA_ACTIONS
from embodied_mem.backends.household.actions_hand import HAND_ACTIONS
from embodied_mem.backends.household.actions_motion import MOTION_ACTIONS
from embodied_mem.backends.household.actions_query import QUERY_ACTIONS
from embodied_mem.backends.household.actions_scene import SCENE_ACTIONS
from embodied_mem.backends.household.actions_state import STATE_ACTIONS
from embodied_mem.backends.household.simulation import Simulation

Handler = Callable[..., object]
"""Takes the simulation and keyword arguments; returns `actionReturn`; raises `ActionError`."""

ACTIONS: Mapping[str, Handler] = {
    **MOTION_ACTIONS,
    **CAMERA_ACTIONS,
    **QUERY_ACTIONS,
    **HAND_ACTIONS,
    **STATE_ACTIONS,
    **ALL_ACTIONS,
    **SCENE_ACTIONS,
}
"""Every action by AI2-THOR's name."""

UNCHECKED = frozenset(
    ("action", "agentId", "sequenceId", "renderImage", "renderObjectImage", "renderClassImage",
     "renderNormalsImage", "renderInstanceSegmentation", "renderSemanticSegmentation",
     "renderDepthImage", "renderFlowImage", "visibilityDistance")
)  # fmt: skip
"""Arguments that any action may carry."""

TOLERATED = frozenset(
    ("forceAction", "manualInteract", "placeStationary", "allowAgentsToIntersect", "noise",
     "simplifyPhysics", "physicsInterval", "ignoreAgentInTransition", "useGripper")
)  # fmt: skip
"""Arguments of AI2-THOR's own handlers that make no difference here where ours do not take them."""

_MISSING = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class _Signature:
    types: Mapping[str, Any]
    """Type of each argument, by AI2-THOR's spelling."""
    names: Mapping[str, str]
    """The handler's spelling."""
    defaults: Mapping[str, object]


def dispatch(sim: Simulation, action: Mapping[str, object]) -> object:
    """Carry out one action.

    Args:
        sim: What it acts on.
        action: Name under `action`, and arguments, in AI2-THOR's spelling.

    Returns:
        The action's `actionReturn`.

    Raises:
        ActionError: The action is unknown, its arguments are wrong, or it cannot be done.
    """
    name = action.get("action")
    handler = ACTIONS.get(name) if isinstance(name, str) else None
    if handler is None:
        raise ActionError(f"Invalid action: {name}", "InvalidAction")
    if action.get("agentId", 0) not in (0, None):
        raise ActionError(f"there is no agent {action['agentId']}: this scene has agent 0 alone.")
    return handler(sim, **_arguments(str(name), handler, action))


def _arguments(name: str, handler: Handler, action: Mapping[str, object]) -> dict[str, object]:
    signature = _signature(handler)
    given = {
        key[:1].lower() + key[1:]: value  # SetStateOfAllObjects takes `StateChange`.
        for key, value in action.items()
        if key not in UNCHECKED or (key in signature.types and key != "action")
    }
    unknown = [key for key in given if key not in signature.types and key not in TOLERATED]
    if unknown:
        raise ActionError(_invalid(name, signature, given, unknown), "InvalidArgument")
    missing = [key for key in signature.types if key not in given and key not in signature.defaults]
    if missing:
        raise ActionError(
            f"action: {name} is missing the following arguments: {','.join(missing)}",
            "MissingArguments",
        )
    return {
        signature.names[key]: _convert(name, key, value, signature.types[key])
        for key, value in given.items()
        if key in signature.types and (value is not None or key not in signature.defaults)
    }


@lru_cache(maxsize=256)
def _signature(handler: Handler) -> _Signature:
    parameters = list(inspect.signature(handler).parameters.values())[1:]
    spelling = {parameter: camel_case(parameter.name) for parameter in parameters}
    return _Signature(
        types={spelling[p]: p.annotation for p in parameters},
        names={spelling[p]: p.name for p in parameters},
        defaults={spelling[p]: p.default for p in parameters if p.default is not _MISSING},
    )


def camel_case(name: str) -> str:
    """Spell a Python name as AI2-THOR does: `object_id` as `objectId`."""
    return re.sub(r"_+([a-z0-9])", lambda found: found[1].upper(), name)


def _invalid(
    name: str, signature: _Signature, given: Mapping[str, object], unknown: list[str]
) -> str:
    expected = ", ".join(
        f"{key} = {signature.defaults[key]}" if key in signature.defaults else key
        for key in signature.types
    )
    return (
        f'\n\tAction: "{name}" called with invalid argument{"s" if len(unknown) > 1 else ""}: '
        + ", ".join(f"'{key}'" for key in unknown)
        + f"\n\tExpected arguments: {expected}\n\tYour arguments: {', '.join(given)}"
    )


def _convert(action: str, key: str, value: object, kind: Any) -> object:
    try:
        converted = msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise ActionError(
            f"action: {action} has an argument '{key}' of the wrong type: {error}.",
            "InvalidArgument",
        ) from error
    if not _finite(converted):
        raise ActionError(
            f"action: {action} has an argument '{key}' that is not a finite number.",
            "InvalidArgument",
        )
    return converted


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, msgspec.Struct):
        return all(_finite(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, list):
        return all(_finite(entry) for entry in value)
    return True
