"""Judging a goal on a simulator's metadata; lists of named goals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from embodied_mem.config import Config, load_config
from embodied_mem.goals import Atom, Goal, Progress, Term, best_binding, fold, parse_goal

Metadata = Mapping[str, Any]
"""JSON of one object in AI2-THOR's event metadata."""

SLICED = "Sliced"
"""How the type of a piece ends: `AppleSliced` is a piece of an `Apple`."""

CRACKED = "Cracked"
"""How the type of what cannot be sliced ends when it is cut: `EggCracked`."""

BASIN = "Basin"
"""How the type of a basin ends: what lies in a `SinkBasin` is in the `Sink`."""


class TaskList(Config, frozen=True):
    """Named goals, e.g. `sim_configs/tasks/kitchen.yaml`."""

    tasks: dict[str, str]
    """Goal in predicate form by name."""


def load_tasks(path: str | Path) -> dict[str, Goal]:
    """Read a YAML file of named goals, in order.

    Raises:
        ConfigError: The file cannot be read or is not a list of tasks.
        GoalError: A goal cannot be read.
    """
    return {name: parse_goal(text) for name, text in load_config(path, TaskList).tasks.items()}


def judge_goal(
    goal: Goal,
    objects: Sequence[Metadata],
    fixed: Mapping[Term, str] | None = None,
    excluded: Mapping[Term, str] | None = None,
) -> Progress:
    """Count the conditions that hold, with the objects chosen that meet most of them.

    `on` and `in` are the same relation, since AI2-THOR's receptacles do not tell them apart; what
    lies on a small receptacle, such as a plate, is also on what that stands on. A piece counts as
    an object of the type that it was cut from, and as sliced.

    Args:
        goal: What is asked for.
        objects: `objects` of the event metadata.
        fixed: Objects, by id, that terms must stand for, whatever their label.
        excluded: Objects, by id, that terms must not stand for.
    """
    fixed, excluded = fixed or {}, excluded or {}
    by_id = {entry["objectId"]: entry for entry in objects}
    candidates = {
        term: [name for name in (fixed[term],) if name in by_id]
        if term in fixed
        else [
            entry["objectId"]
            for entry in objects
            if is_a(entry, term.label) and entry["objectId"] != excluded.get(term)
        ]
        for term in goal.terms()
    }

    def holds(atom: Atom, ids: tuple[str, ...]) -> bool:
        entries = [by_id[object_id] for object_id in ids]
        if len(entries) == 2:
            return is_in(entries[0], entries[1]["objectId"], by_id)
        return has_state(entries[0], atom.predicate)

    return best_binding(goal, candidates, holds)[1]


def is_a(entry: Metadata, label: str) -> bool:
    """Whether an object is of a goal's type (`label` is folded), or a piece or basin of one."""
    kind = str(entry["objectType"])
    whole = kind.removesuffix(SLICED).removesuffix(CRACKED)
    return label in {fold(kind), fold(whole), fold(kind.removesuffix(BASIN))}


def is_in(entry: Metadata, receptacle_id: str, by_id: Mapping[str, Metadata]) -> bool:
    """Whether an object lies on or in a receptacle, or on something small that does."""
    parents = entry.get("parentReceptacles") or ()
    if receptacle_id in parents:
        return True
    carriers = (by_id[parent] for parent in parents if parent in by_id)
    return any(
        receptacle_id in (carrier.get("parentReceptacles") or ())
        for carrier in carriers
        if carrier["pickupable"] and carrier["objectId"] != receptacle_id
    )


def has_state(entry: Metadata, predicate: str) -> bool:  # noqa: PLR0911
    """Whether a state predicate of goals holds of an object."""
    match predicate:
        case "clean" | "dirty":
            return bool(entry["isDirty"]) == (predicate == "dirty")
        case "sliced":
            return bool(entry["isSliced"]) or str(entry["objectType"]).endswith((SLICED, CRACKED))
        case "cooked":
            return bool(entry["isCooked"])
        case "hot" | "cold":
            return entry["temperature"] == predicate.capitalize()
        case "filled":
            return bool(entry["isFilledWithLiquid"])
        case "empty":
            fillable = bool(entry["canFillWithLiquid"])
            content = entry["isFilledWithLiquid"] if fillable else entry["receptacleObjectIds"]
            return not content and (fillable or bool(entry["receptacle"]))
        case "open" | "closed":
            return bool(entry["openable"]) and bool(entry["isOpen"]) == (predicate == "open")
        case "on" | "off":
            return bool(entry["toggleable"]) and bool(entry["isToggled"]) == (predicate == "on")
        case "broken":
            return bool(entry["isBroken"])
        case "held":
            return bool(entry["isPickedUp"])
        case _:
            raise AssertionError(predicate)
