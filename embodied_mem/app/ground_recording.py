"""Which way is up in a recording, and where its floor is: looked for where files do not tell."""

from dataclasses import dataclass

import msgspec
import numpy as np

from embodied_mem.app.commands import GroundName
from embodied_mem.backends.recordings.recording import KnownLayout, Recording, RecordingConfig
from perception.geometric.level import floor_height, grounding

_LOOKS = 12
"""Frames that are looked at."""

_TILTED: tuple[KnownLayout, ...] = ("7scenes", "desk")
"""Layouts whose worlds begin at a camera, however it was held; the others know of gravity."""

_FLOOR_KNOWN: dict[KnownLayout, float] = {"tum": 0.3}
"""Layouts whose floor lies at height 0, to within so much [m]: what is found farther away is not
the floor but, say, the table that a recording is all about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounded:
    """A recording whose world is level, as far as that could be told."""

    config: RecordingConfig
    floor: bool
    """Whether its floor was seen, and lies at height 0."""
    told: str
    """What was done, in words; empty where nothing was."""


def grounded(config: RecordingConfig, ground: GroundName) -> Grounded:
    """Return a recording with the floor, where it is seen, level at height 0.

    Args:
        config: The recording.
        ground: Whether to look; `auto` leaves our own layout as it was written.

    Raises:
        BackendError: The recording cannot be used; the message says why.
    """
    whole = Recording(msgspec.structs.replace(config, limit=None))
    if ground == "keep" or (ground == "auto" and whole.layout == "embodied"):
        return Grounded(config=config, floor=False, told="")
    views = whole.spread(_LOOKS)
    level = np.zeros(3)
    if whole.layout in _TILTED or ground == "look":
        turn, floor = grounding(views)
        level = turn.rotation.as_rotvec()
    else:
        floor = floor_height(views)
    reach = _FLOOR_KNOWN.get(whole.layout) if ground == "auto" else None
    if floor is not None and reach is not None and abs(floor) > reach:
        floor = None
    x, y, z = np.round(level, 6).tolist()
    return Grounded(
        config=msgspec.structs.replace(
            config, level=(x, y, z), floor=0.0 if floor is None else round(floor, 4)
        ),
        floor=floor is not None,
        told=_told(float(np.degrees(np.linalg.norm(level))), floor),
    )


def _told(tilt: float, floor: float | None) -> str:
    turned = f"turned by {tilt:.1f} degrees to be level, " if tilt else ""
    if floor is None:
        return f"the world: {turned}no floor was seen, heights are as recorded"
    return f"the world: {turned}the floor, seen at {floor:.2f} m, is at height 0"
