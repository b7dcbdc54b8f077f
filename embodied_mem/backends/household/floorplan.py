"""Seeded floor plans: a rectilinear outline on a grid, cut recursively into rooms.

Groups of rooms (a bedroom and its bathroom, say) are cut off the outline from its sides and corners
until the hub, a living room where there is one, is what remains in the middle. Many such plans are
drawn and the one with the best shapes and neighbourhoods is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int
from scipy.ndimage import binary_opening, label

AREAS = {"LivingRoom": 20.0, "Kitchen": 14.0, "Bedroom": 13.0, "Bathroom": 6.5}
"""Wished-for areas [m^2]."""

SMALLEST_WIDTH = {"LivingRoom": 1.9, "Kitchen": 2.3, "Bedroom": 2.3, "Bathroom": 1.8}
"""Of every part of a room [m]."""

DOOR_WALL = 1.4
"""Shortest shared wall that takes a door [m]."""

SLIVER = 4
"""A strip narrower than this is not left over beside a cut [cells]."""

Mask = Bool[np.ndarray, "a b"]


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """Which rooms a house has; rooms of a group lie together, the first group holds the hub."""

    id: str
    groups: tuple[tuple[str, ...], ...]

    @property
    def types(self) -> tuple[str, ...]:
        """Room types in order of the groups."""
        return tuple(kind for group in self.groups for kind in group)


_LIVING, _KITCHEN, _BEDROOM, _BATHROOM = ("LivingRoom",), ("Kitchen",), ("Bedroom",), ("Bathroom",)
_SUITE = ("Bedroom", "Bathroom")

SPECS: dict[int, tuple[RoomSpec, ...]] = {
    1: (
        RoomSpec("kitchen", (_KITCHEN,)),
        RoomSpec("living-room", (_LIVING,)),
        RoomSpec("bedroom", (_BEDROOM,)),
        RoomSpec("bathroom", (_BATHROOM,)),
    ),
    2: (
        RoomSpec("kitchen-living-room", (_LIVING, _KITCHEN)),
        RoomSpec("bedroom-bathroom", (_SUITE,)),
    ),
    3: (
        RoomSpec("kitchen-living-bedroom", (_LIVING, _KITCHEN, _BEDROOM)),
        RoomSpec("kitchen-bedroom-bathroom", (_KITCHEN, _SUITE)),
    ),
    4: (RoomSpec("4-room", (_LIVING, _KITCHEN, _SUITE)),),
    5: (
        RoomSpec("2-bed-1-bath", (_LIVING, _KITCHEN, _SUITE, _BEDROOM)),
        RoomSpec("5-room", (_LIVING, _KITCHEN, _BEDROOM, _BEDROOM, _BATHROOM)),
    ),
    6: (RoomSpec("2-bed-2-bath", (_LIVING, _KITCHEN, _SUITE, _SUITE)),),
    7: (RoomSpec("7-room-3-bed", (_LIVING, _KITCHEN, _SUITE, _SUITE, _BEDROOM)),),
    8: (RoomSpec("8-room-3-bed", (_LIVING, _KITCHEN, _SUITE, _SUITE, _SUITE)),),
    9: (RoomSpec("9-room-3-bed", (_LIVING, _KITCHEN, _SUITE, _SUITE, _SUITE, _LIVING)),),
    10: (
        RoomSpec("10-room-4-bed", (_LIVING, _KITCHEN, _SUITE, _SUITE, _SUITE, _BEDROOM, _LIVING)),
    ),
}
"""Choices by number of rooms."""


@dataclass(frozen=True, slots=True, eq=False)
class FloorPlan:
    """Rooms on a grid."""

    owner: Int[np.ndarray, "a b"]
    """Index of the room that owns each cell (along x, along z); -1 outside."""
    types: tuple[str, ...]
    cell: float
    """Side of a cell [m]."""
    doors: tuple[tuple[int, int], ...]
    """Pairs of rooms that a door connects."""


def draw_plan(spec: RoomSpec, rng: np.random.Generator, *, candidates: int = 60) -> FloorPlan:
    """Draw a floor plan.

    Args:
        spec: Rooms to place.
        rng: Chance.
        candidates: Plans to choose from; drawing goes on until one of them is sound.
    """
    cell = float(rng.uniform(0.47, 0.53))
    best: FloorPlan | None = None
    best_score = -np.inf
    for trial in range(candidates * 50):
        if trial >= candidates and best is not None:
            break
        owner = _divide(spec, rng, cell)
        if owner is None:
            continue
        shapes = _shape_score(owner, spec.types, cell)
        doors = _choose_doors(owner, spec.types, cell) if shapes is not None else None
        if shapes is None or doors is None:
            continue
        score = shapes - doors[1] + rng.uniform(0, 0.3)
        if score > best_score:
            best_score, best = score, FloorPlan(owner, spec.types, cell, doors[0])
    assert best is not None, f"no floor plan for {spec.id}: its wishes contradict one another"
    return best


def _divide(spec: RoomSpec, rng: np.random.Generator, cell: float) -> Int[np.ndarray, "a b"] | None:
    """Cut an outline into rooms; None when a cut failed."""
    wishes = np.array([AREAS[kind] for kind in spec.types]) * rng.uniform(0.85, 1.25)
    outline = _outline(float(wishes.sum()), rng, cell)
    owner = np.where(outline, 0, -1)
    first = len(spec.groups[0])
    sizes = [len(group) for group in spec.groups]
    for number in rng.permutation(np.arange(1, len(spec.groups))):
        start = sum(sizes[:number])
        members = np.arange(start, start + sizes[number])
        rest = owner == 0
        piece = _cut(rest, wishes[members].sum() / cell**2, rng)
        if piece is None or not _share(owner, piece, members, wishes, rng):
            return None
    hub = owner == 0
    if first > 1 and not _share(owner, hub, np.arange(first), wishes, rng):
        return None
    return owner


def _outline(area: float, rng: np.random.Generator, cell: float) -> Mask:
    """A rectangle of the wished-for area [m^2], often with a corner missing."""
    aspect = rng.uniform(1.0, 1.5)
    notch = rng.random() < 0.4 and area > 18
    missing = rng.uniform(0.06, 0.14) if notch else 0.0
    depth = np.sqrt(area / (1 - missing) / aspect)
    shape = (max(4, round(depth * aspect / cell)), max(4, round(depth / cell)))
    if rng.random() < 0.5:
        shape = shape[::-1]
    mask = np.ones(shape, dtype=bool)
    if notch:
        part = rng.uniform(0.25, 0.45)
        a, b = round(shape[0] * part), round(shape[1] * min(0.5, missing / part))
        if min(a, b) * cell >= 1.2:
            mask[:a, :b] = False
            mask = mask[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))].copy()
    return mask


def _cut(rest: Mask, cells: float, rng: np.random.Generator) -> Mask | None:
    """Cut a piece of about this many cells off what is left, so that both parts are rooms."""
    for _ in range(10):
        piece = _draw_cut(rest, cells, rng)
        other = rest & ~piece
        if all(_is_wide(part, SLIVER) and _is_whole(part) for part in (piece, other)):
            return piece
    return None


def _draw_cut(rest: Mask, cells: float, rng: np.random.Generator) -> Mask:
    """Choose a piece at a corner or along a side."""
    # Flips and transposes bring every corner and side to the low one, and back.
    flips, swap = tuple(int(s) for s in rng.choice((-1, 1), size=2)), bool(rng.random() < 0.5)
    view = rest[:: flips[0], :: flips[1]]
    view = view.T if swap else view
    piece = np.zeros_like(view)
    along, across = np.flatnonzero(view.any(axis=1)), np.flatnonzero(view.any(axis=0))
    width = len(along)
    if rng.random() < 0.7:  # A corner: the sides of the piece differ by at most a half.
        width = min(width, max(SLIVER, round(np.sqrt(cells * rng.uniform(0.65, 1.5)))))
    if len(along) - width < SLIVER:
        width = len(along)
    low, start = along[0], across[0]
    counts = view[low : low + width].sum(axis=0)[start:].cumsum()
    depth = int(np.searchsorted(counts, cells - 0.5 * width)) + 1
    piece[low : low + width, start : start + depth] = True
    piece &= view
    piece = piece.T if swap else piece
    return piece[:: flips[0], :: flips[1]]


def _is_whole(mask: Mask) -> bool:
    """One piece without holes, whose cells never touch at a corner alone."""
    if _pieces(mask) != 1 or _pieces(~np.pad(mask, 1)) != 1:
        return False
    a, b, c, d = mask[:-1, :-1], mask[1:, :-1], mask[:-1, 1:], mask[1:, 1:]
    return not bool(((a & d & ~b & ~c) | (b & c & ~a & ~d)).any())


def _pieces(mask: Mask) -> int:
    """Number of connected regions of cells."""
    numbers = np.zeros(mask.shape, dtype=np.int32)
    label(mask, output=numbers)
    return int(numbers.max(initial=0))


def _share(
    owner: Int[np.ndarray, "a b"],
    piece: Mask,
    members: Sequence[int] | np.ndarray,
    wishes: np.ndarray,
    rng: np.random.Generator,
) -> bool:
    """Give a piece to a group's rooms, cutting the last ones off the first; False on failure."""
    owner[piece] = members[0]
    share = piece.sum() / wishes[members].sum()
    for member in members[:0:-1]:
        part = _cut(owner == members[0], wishes[member] * share, rng) if piece.any() else None
        if part is None:
            return False
        owner[part] = member
    return True


def _shape_score(owner: Int[np.ndarray, "a b"], types: Sequence[str], cell: float) -> float | None:
    """Judge areas and shapes: 0 is best; None when a room is too small, too thin or broken."""
    score = 0.0
    for index, kind in enumerate(types):
        mask = owner == index
        if not _is_whole(mask) or not _is_wide(mask, int(np.ceil(SMALLEST_WIDTH[kind] / cell))):
            return None
        area = mask.sum() * cell**2
        if area < 0.55 * AREAS[kind]:
            return None
        cells = np.argwhere(mask)
        spans = cells.max(axis=0) - cells.min(axis=0) + 1
        box = spans.prod()
        score -= abs(np.log(area / AREAS[kind])) + 1.2 * max(0.0, spans.max() / spans.min() - 1.6)
        score -= (2.0 if kind == "Bathroom" else 0.8) * (1 - mask.sum() / box)
    return score / len(types) * 3


def _is_wide(mask: Mask, cells: int) -> bool:
    """Whether every run of cells along either axis has this length at least."""
    padded = np.pad(mask, 1)
    return all(
        bool((binary_opening(padded, np.ones(shape)) == padded).all())
        for shape in ((cells, 1), (1, cells))
    )


def shared_runs(owner: Int[np.ndarray, "a b"]) -> dict[tuple[int, int], int]:
    """Longest straight boundary between each two rooms that touch [cells]."""
    runs: dict[tuple[int, int], int] = {}
    for grid in (owner, owner.T):
        for low, high in pairwise(grid):
            length, last = 0, (-1, -1)
            for a, b in zip(low.tolist(), high.tolist(), strict=True):
                pair = (min(a, b), max(a, b))
                length = length + 1 if (a, b) == last else 1
                last = (a, b)
                if a != b and pair[0] >= 0:
                    runs[pair] = max(runs.get(pair, 0), length)
    return runs


_DOOR_COSTS = {
    ("Kitchen", "LivingRoom"): 0.0,
    ("LivingRoom", "LivingRoom"): 0.1,
    ("Bedroom", "LivingRoom"): 0.2,
    ("Bathroom", "Bedroom"): 0.3,
    ("Bathroom", "LivingRoom"): 0.5,
    ("Bedroom", "Kitchen"): 1.2,
    ("Bedroom", "Bedroom"): 1.6,
    ("Bathroom", "Kitchen"): 2.0,
    ("Kitchen", "Kitchen"): 2.0,
    ("Bathroom", "Bathroom"): 5.0,
}


def _choose_doors(
    owner: Int[np.ndarray, "a b"], types: Sequence[str], cell: float
) -> tuple[tuple[tuple[int, int], ...], float] | None:
    """Connect all rooms at the least cost (Prim's tree from the hub), bathrooms as ends of the way.

    Returns:
        Pairs of rooms, and their cost per room; None when some room cannot be connected.
    """
    costs: dict[tuple[int, int], float] = {}
    for (a, b), run in shared_runs(owner).items():
        if run * cell >= DOOR_WALL:
            first, second = sorted((types[a], types[b]))
            costs[a, b] = costs[b, a] = _DOOR_COSTS[first, second]
    reached, doors, total = {0}, [], 0.0
    while len(reached) < len(types):
        ways = [
            (cost + (3.0 if types[a] == "Bathroom" else 0.0), a, b)
            for (a, b), cost in costs.items()
            if a in reached and b not in reached
        ]
        if not ways:
            return None
        cost, a, b = min(ways)
        reached.add(b)
        doors.append((a, b))
        total += cost
    return tuple(doors), total / len(types) * 3
