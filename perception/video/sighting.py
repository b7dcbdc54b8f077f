"""One thing in one picture."""

from typing import Literal

import msgspec
import numpy as np
from jaxtyping import Bool, Float32

from embodied_mem.memory.run_lengths import Runs, encode_within

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of the picture's width and height."""

Kind = Literal["mover", "thing"]
"""What moves by itself, and anything else. Without a detector that is what differs from the
background, and a small patch of one colour."""

OUTLINE = 1024
"""Most bytes of one outline."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is in one picture, its colours, and what a detector says of it."""

    box: Box
    centre: tuple[float, float]
    """Of its pixels, as shares of width and height."""
    area: float
    """Share of the picture."""
    colours: np.ndarray
    """Share of each colour term, (11,) float32."""
    group: int = 0
    """Colours that are never confused have different numbers."""
    name: str = ""
    """What a detector calls it; empty where none looks."""
    score: float = 1.0
    """How sure the detector is, 0..1."""
    outline: Runs | None = None
    """Its mask, where masks are kept."""

    @classmethod
    def of(
        cls,
        view: tuple[slice, slice],
        mask: Bool[np.ndarray, "y x"],
        shape: tuple[int, ...],
        colours: Float32[np.ndarray, "11"],
        *,
        group: int = 0,
        outlined: bool = False,
    ) -> "Sighting":
        """Measure a mask that lies in a window of a picture of `shape`, and keep it if asked to."""
        height, width = shape[:2]
        rows, columns = np.nonzero(mask)
        return cls(
            box=(
                view[1].start / width,
                view[0].start / height,
                view[1].stop / width,
                view[0].stop / height,
            ),
            centre=(
                float((view[1].start + columns.mean() + 0.5) / width),
                float((view[0].start + rows.mean() + 0.5) / height),
            ),
            area=len(rows) / (height * width),
            colours=colours,
            group=group,
            outline=_outline(view, mask, (height, width)) if outlined else None,
        )

    @property
    def at_edge(self) -> bool:
        """Whether it touches the picture's edge."""
        left, top, right, bottom = self.box
        return min(left, top, 1 - right, 1 - bottom) < 0.02


def _outline(
    view: tuple[slice, slice], mask: Bool[np.ndarray, "y x"], shape: tuple[int, int]
) -> Runs:
    whole = np.zeros(shape, np.bool_)
    whole[view] = mask
    return encode_within(whole, OUTLINE)
