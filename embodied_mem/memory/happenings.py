"""What happened to things: what the agent did to them, kept for recalling things by it."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from embodied_mem.goals import fold

_CAPACITY = 4000

_VERBS = {
    "PickupObject": "picked up took grabbed used",
    "PutObject": "put placed down",
    "DropHandObject": "dropped",
    "ThrowObject": "threw",
    "OpenObject": "opened",
    "CloseObject": "closed shut",
    "ToggleObjectOn": "switched turned on used",
    "ToggleObjectOff": "switched turned off",
    "SliceObject": "sliced cut used",
    "BreakObject": "broke",
    "CookObject": "cooked heated used",
    "CleanObject": "cleaned washed used",
    "DirtyObject": "soiled dirtied",
    "FillObjectWithLiquid": "filled used",
    "EmptyLiquidFromObject": "emptied poured",
}
"""Words for what actions do, by AI2-THOR's name."""

_MACHINES = {
    "microwave": "cooked heated warmed",
    "stoveburner": "cooked heated fried boiled",
    "stoveknob": "cooked heated fried boiled",
    "toaster": "cooked toasted heated",
    "coffeemachine": "brewed made coffee",
    "faucet": "washed cleaned rinsed filled",
    "showerhead": "washed cleaned rinsed",
}
"""Words for what switching a thing on does, by its folded label."""

_PUTS = frozenset(("PutObject", "DropHandObject", "ThrowObject"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened at a time to some objects."""

    id: str
    stamp: float
    """When [s]."""
    words: str
    """What happened, in words; the objects are named by `objects`."""
    objects: tuple[str, ...]
    """Memory's ids, the one that it is about first."""
    frame: int | None = None
    """Number of the percept before it."""
    certainty: float = 1.0
    """0..1."""


@runtime_checkable
class HappeningSource(Protocol):
    """Where retrieval takes events from: the log of actions, or an index of whole episodes."""

    def happenings(self) -> Sequence[Happening]:
        """Return what happened, oldest first."""
        ...


class EventLog:
    """The newest actions on things."""

    def __init__(self, capacity: int = _CAPACITY):
        self._newest: deque[Happening] = deque(maxlen=capacity)
        self._hand = ""
        self._count = 0

    def __len__(self) -> int:
        return len(self._newest)

    @property
    def count(self) -> int:
        """Happenings noted so far, the forgotten ones included."""
        return self._count

    def happenings(self) -> Sequence[Happening]:
        """Return what happened, oldest first."""
        return tuple(self._newest)

    def note(
        self,
        name: str,
        target: str | None,
        *,
        succeeded: bool,
        stamp: float,
        frame: int | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        """Note an action on a thing.

        Args:
            name: AI2-THOR's name of the action.
            target: Id of the thing it touched; of the receptacle where something was put.
            succeeded: Whether it was done; refused ones are not remembered.
            stamp: When [s].
            frame: Number of the percept before it.
            inside: Ids of what is on or in that thing.
        """
        if not succeeded or not target or name not in _VERBS:
            return
        held, self._hand = self._hand, self._hand_after(name, target)
        if name in _PUTS:
            objects = (held, target) if held else (target,)
        else:
            objects = (target, *inside, held)
        self._count += 1
        self._newest.append(
            Happening(
                id=f"event_{self._count}",
                stamp=stamp,
                words=_VERBS[name] + _machine(name, target),
                objects=tuple(dict.fromkeys(filter(None, objects))),
                frame=frame,
            )
        )

    def restore(self, rows: Iterable[tuple[float, str, str, bool]]) -> None:
        """Begin anew with stored actions: stamp [s], name, target and success of each."""
        self._newest.clear()
        self._hand, self._count = "", 0
        for stamp, name, target, succeeded in rows:
            self.note(name, target, succeeded=succeeded, stamp=stamp)

    def _hand_after(self, name: str, target: str) -> str:
        if name == "PickupObject":
            return target
        return "" if name in _PUTS else self._hand


def _machine(name: str, target: str) -> str:
    """Return what switching on does to what is in a machine; ids begin with the folded label."""
    words = _MACHINES.get(fold(target), "") if name == "ToggleObjectOn" else ""
    return f" {words}" if words else ""
