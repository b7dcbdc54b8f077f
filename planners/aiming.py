"""Where to look at a thing that is near."""

import numpy as np
from jaxtyping import Float

from planners.belief import Thing


def heights(thing: Thing) -> tuple[float, ...]:
    """Return heights [m] to look at, the likeliest first."""
    low, high = float(thing.box[0, 2]), float(thing.box[1, 2])
    if high - low < 0.3:
        return ((low + high) / 2,)
    if thing.kind.receptacle and thing.kind.fixture and not thing.kind.openable:
        return (min(high, 1.3), (low + min(high, 1.3)) / 2)
    middle = min((low + high) / 2, 1.2)
    return (middle, min(high, 1.5), low + 0.2)


def aim(thing: Thing, here: Float[np.ndarray, "2"], height: float) -> Float[np.ndarray, "3"]:
    """Return the point of a thing to look at: its middle, or for a large one the near part."""
    low, high = thing.box[0, :2], thing.box[1, :2]
    center = (low + high) / 2
    near = np.clip(here, low, high)
    way = center - near
    length = float(np.linalg.norm(way))
    spot = center if length < 0.5 else near + way / length * 0.35
    return np.array([spot[0], spot[1], height])
