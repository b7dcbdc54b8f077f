"""What memory learnt since the last look: for the record and the report."""

import numpy as np

from embodied_mem.memory import Known, Memory
from embodied_mem.memory.association import box_gap
from embodied_mem.runtime.change_scoring import CLAIMED
from embodied_mem.runtime.trace import ChangeLine

_TOLD = ("open", "on", "dirty", "sliced", "cooked", "filled", "broken", "temperature")
_STEP = 0.3  # Belief may wander by less than this without a word [m].
_LASTS = 1.0  # A loss is told of when it has lasted so long: detectors overlook things [s].
_APART = 0.02  # Boxes that touch may be two views of parts of one thing that stands still [m].


class ChangeWatcher:
    """Compares memory with what it held when last asked.

    Doubtful things are not told of until belief in them is firm: one glimpse of a detector makes no
    event, neither that something came nor that it went.
    """

    def __init__(self):
        self._told: dict[str, Known] = {}
        self._lost: dict[str, float] = {}
        """When things went that were not told of as gone yet [s]."""
        self._stamp = -np.inf

    def start(self, memory: Memory) -> None:
        """Take what memory holds now as known."""
        self._told = {known.object_id: known for known in memory.known()}
        self._stamp = memory.stamp

    def changes(self, memory: Memory) -> tuple[ChangeLine, ...]:
        """Return what is new since the last call, in the order that memory gives."""
        found: list[ChangeLine] = []
        news = {known.object_id: known for known in memory.since(self._stamp)}
        news |= {name: memory.get(name) for name in memory.in_view() if name not in news}
        news |= {name: memory.get(name) for name in self._lost if name in memory.objects.entries}
        for now in news.values():
            differences = _differences(self._told.get(now.object_id), now)
            if self._is_fresh_loss(differences, now.object_id, memory.stamp):
                continue
            found += [
                ChangeLine(
                    change=change,
                    object_id=now.object_id,
                    label=now.label,
                    position=rounded_point(now),
                    detail=detail,
                )
                for change, detail in differences
            ]
            if differences:
                self._told[now.object_id] = now
        self._lost = {n: at for n, at in self._lost.items() if n in memory.objects.entries}
        self._stamp = memory.stamp
        return tuple(found)

    def _is_fresh_loss(
        self, differences: list[tuple[str, str]], object_id: str, stamp: float
    ) -> bool:
        """Tell whether a thing went a moment ago, and may be back in another."""
        if not any(change == "gone" for change, _ in differences):
            self._lost.pop(object_id, None)
            return False
        if stamp - self._lost.setdefault(object_id, stamp) < _LASTS:
            return True
        del self._lost[object_id]
        return False


def rounded_point(known: Known) -> tuple[float, float, float]:
    """Return an object's centre [m], to the millimetre; zeros where it has no place."""
    x, y, z = np.nan_to_num(known.position).round(3).tolist()
    return x, y, z


def _differences(before: Known | None, now: Known) -> list[tuple[str, str]]:
    """Name each change and say what it is."""
    where = now.placement.parent if now.placement else now.room or ""
    if before is None:
        return [("appeared", where)] if now.confidence >= CLAIMED else []
    changes: list[tuple[str, str]] = []
    if now.status != before.status and now.status in ("gone", "held"):
        changes.append((now.status, ""))
    elif now.status in ("present", "moved") and now.confidence >= CLAIMED:
        if _is_elsewhere(before, now):
            changes.append(("moved", where))
        elif before.status in ("gone", "held"):
            changes.append(("back", where))
    for name in _TOLD:
        value = now.attributes.get(name)
        if name in now.settled and value != before.attributes.get(name, value):
            changes.append(("state", f"{name}: {value}".lower()))
    return changes


def _is_elsewhere(before: Known, now: Known) -> bool:
    """Tell a move from a box that grew, shrank or wandered as more of a thing was seen."""
    gap = box_gap(before.box, now.box)
    return gap > _APART and float(np.linalg.norm(now.position - before.position)) > _STEP
