"""Maps with planted rooms: where things are, and what they mean."""

from collections.abc import Sequence

import numpy as np


def planted(
    rooms: int, each: int, *, width: int = 64, seed: int = 0, spread: float = 0.5
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return positions [m], unit vectors and rooms of things in rooms that stand 15 m apart.

    A thing's vector is its room's theme and something of its own, of `spread` times the length.
    """
    chance = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(rooms)))
    themes = unit(chance.normal(size=(rooms, width)))
    room = np.repeat(np.arange(rooms), each)
    centres = 15.0 * np.stack([room % side, room // side, np.zeros(len(room))], axis=1)
    positions = centres + chance.uniform(-1.5, 1.5, (len(room), 3))
    own = unit(chance.normal(size=(len(room), width)))
    return positions, unit(themes[room] + spread * own), room.tolist()


def unit(rows: np.ndarray) -> np.ndarray:
    """Return rows of unit length."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def purity(groups: Sequence[Sequence[int]], truth: Sequence[int]) -> float:
    """Return the share of things that are in a group of which their room is the commonest."""
    right = sum(max(np.bincount([truth[thing] for thing in group])) for group in groups)
    return float(right) / max(sum(len(group) for group in groups), 1)
