"""What memory noticed of the changes made behind its back, against the truth: pure functions.

A change is one or two events: something *left* its old place, something *arrived* at a new one. A
thing that was moved did both, one that was removed only left, one that appeared only arrived. An
event counts once it can be noticed: the old place was in view again, the thing was seen at the new
one. Memory's claims are the difference of what it believed before and what it believes now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from embodied_mem.runtime.scoring import Counts
from embodied_mem.types import Camera

CLAIMED = 0.6
"""A change is claimed of what is believed with this confidence: one sure detection reaches it."""

EventKind = Literal["left", "arrived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """One object as an associator believes it to be at a time."""

    object_id: str
    label: str
    box: Float[np.ndarray, "2 3"]
    """Lowest and highest corner in the world [m]."""
    gone: bool = False
    """Whether it is believed to be at no known place."""
    confidence: float = 1.0
    """That it exists and is where its box says, 0..1."""
    relation: tuple[str, str] | None = None
    """on or in, and the id of the support or container."""
    room: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that changed, or is claimed to have."""

    kind: EventKind
    object_id: str
    """The true object."""


def claims(
    before: Sequence[Belief],
    after: Sequence[Belief],
    owner_before: Mapping[str, str],
    owner_after: Mapping[str, str],
    *,
    least: float = CLAIMED,
) -> list[Event]:
    """Return what an associator says has changed between two times.

    Args:
        before: All that it believed; without what has been merged into another since.
        after: All that it believes now.
        owner_before: True object by id, by the detections until then.
        owner_after: The same, by the detections since.
        least: What is believed with less confidence makes no claim, 0..1.

    Returns:
        Events; `object_id` is "" where the associator's object shows no true one.
    """
    was = {belief.object_id: belief for belief in before}
    found: list[Event] = []
    for now in after:
        old = was.get(now.object_id)
        name = now.object_id
        there = old is not None and not old.gone
        here = not now.gone
        apart = old is not None and there and here and not _overlap(old.box, now.box)
        if there and old is not None and old.confidence >= least and (not here or apart):
            found.append(Event(kind="left", object_id=owner_before.get(name, "")))
        if here and now.confidence >= least and (not there or apart):
            found.append(Event(kind="arrived", object_id=owner_after.get(name, "")))
    left = was.keys() - {now.object_id for now in after}
    found += [
        Event(kind="left", object_id=owner_before.get(name, ""))
        for name in sorted(left)
        if was[name].confidence >= least and not was[name].gone
    ]
    return found


def change_counts(
    said: Sequence[Event],
    true: Iterable[Event],
    noticeable: Iterable[Event],
    *,
    known: Iterable[str],
) -> Counts:
    """Count changes that were noticed, claimed wrongly, and missed.

    Args:
        said: Claims.
        true: All that changed.
        noticeable: Those of them that could be seen since; only these can be missed.
        known: True objects seen before the changes: what is first found later has not changed, and
            an arrival of it is no claim.
    """
    changed, open_events, seen = set(true), set(noticeable), set(known)
    right = wrong = 0
    for event in said:
        if event in open_events:
            open_events.remove(event)
            right += 1
        elif event.kind == "arrived" and event.object_id not in seen and event not in changed:
            continue  # Found for the first time.
        elif event in changed and event not in set(noticeable):
            continue  # True, and seen better than was asked for.
        else:
            wrong += 1
    return Counts(right, wrong, len(open_events))


def is_place_in_view(
    box: Float[np.ndarray, "2 3"],
    depth: Float[np.ndarray, "h w"],
    camera: Camera,
    camera_from_world: Float[np.ndarray, "4 4"],
    *,
    far: float = 5.0,
    least_pixels: float = 30.0,
) -> bool:
    """Tell whether a view would show a thing that filled a box, if it were still there.

    At least half of the points in the box lie in the image and before what the depth shows.

    Args:
        box: Where the thing was [m].
        depth: True depth [m].
        camera: Intrinsics.
        camera_from_world: Pose.
        far: Farthest range [m].
        least_pixels: The box's two longest edges must cover an area of so many pixels.
    """
    steps = np.linspace(0.1, 0.9, 4)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    points = box[0] + grid * (box[1] - box[0])
    local = points @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
    z = local[:, 2]
    middle = float(z.mean())
    edges = np.sort(box[1] - box[0])[1:]
    if not 0.2 < middle < far or edges.prod() * (camera.fx / middle) ** 2 < least_pixels:
        return False
    pixels = np.floor(np.nan_to_num(camera.project(local), nan=-1)).astype(np.int64)
    column, row = pixels.T
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    column, row = np.where(inside, column, 0), np.where(inside, row, 0)
    free = inside & (np.nan_to_num(depth[row, column]) > z - 0.02)
    return bool(free.mean() >= 0.5)


def _overlap(
    a: Float[np.ndarray, "2 3"], b: Float[np.ndarray, "2 3"], margin: float = 0.02
) -> bool:
    """Tell whether two boxes, each grown by `margin` [m], share a twentieth of the smaller."""
    grow = np.array([[-margin] * 3, [margin] * 3])
    a, b = a + grow, b + grow
    shared = np.clip(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0, None).prod()
    return bool(shared > 0.05 * min((a[1] - a[0]).prod(), (b[1] - b[0]).prod()))
