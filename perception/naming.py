"""One-shot names: "this is a dax", and from then on every view of one is labelled so.

A view is described by its colours and by the shape of the points that it shows; the names and views
themselves are kept in the memory, and in its store (`embodied_mem.memory.names`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from embodied_mem.errors import NamingError
from embodied_mem.goals import fold
from embodied_mem.interfaces import Perceiver
from embodied_mem.memory import Memory
from embodied_mem.memory.names import View
from embodied_mem.memory.records import NAMELESS
from embodied_mem.types import Frame, Percept
from perception.shape import shape_features

_COLOUR = 0.6
"""Weight of colour, beside shape."""


@runtime_checkable
class Description(Protocol):
    """What views are compared by: any features do, as long as they are alike for like things."""

    def __call__(
        self, colours: Float32[np.ndarray, "n c"], points: Sequence[Float32[np.ndarray, "_ 3"]]
    ) -> Float32[np.ndarray, "n d"]:
        """Describe n views by their appearance, unit length, and their points [m]."""
        ...


def colour_and_shape(
    colours: Float32[np.ndarray, "n c"], points: Sequence[Float32[np.ndarray, "_ 3"]]
) -> Float32[np.ndarray, "n d"]:
    """Join colour and shape, so that a dot product is the weighted mean of both likenesses."""
    shapes = shape_features(points)
    parts = np.sqrt(_COLOUR) * colours, np.sqrt(1 - _COLOUR) * shapes
    return np.concatenate(parts, axis=1).astype(np.float32)


class Namer:
    """A perceiver that gives nameless detections of another one the names that memory was taught.

    Args:
        perceive: Finds the things.
        memory: Keeps the names.
        describe: What views are compared by.
    """

    def __init__(
        self,
        perceive: Perceiver,
        memory: Memory,
        describe: Description = colour_and_shape,
    ):
        self.perceive = perceive
        self.memory = memory
        self.describe = describe

    def __call__(self, frame: Frame) -> Percept:
        """Describe one frame, with names where there are any."""
        percept = self.perceive(frame)
        nameless = [i for i, label in enumerate(percept.labels) if fold(label) in NAMELESS]
        if not len(self.memory.names) or not nameless:
            return percept
        views = self.describe(percept.features[nameless], [percept.points[i] for i in nameless])
        labels, scores = list(percept.labels), percept.scores.copy()
        for i, named in zip(nameless, self.memory.names.names_of(views), strict=True):
            if named is not None:
                labels[i], scores[i] = named.name, min(named.score, 1.0)
        return replace(percept, labels=tuple(labels), scores=scores)

    def teach(self, name: str, object_id: str) -> str:
        """Say what an object of the memory is called. Returns the name as it is kept.

        The view is that of the newest image, where that shows it, else what memory keeps of it.

        Raises:
            NamingError: The name cannot be taught.
            UnknownObjectError: There is no such object.
            StoreError: The memory cannot be written.
        """
        return teach(self.memory, name, object_id, self.describe)

    def find(self, name: str) -> str | None:
        """Return the object in view that is likest to what a name was taught with, or None.

        Raises:
            NamingError: There is no such name.
        """
        percept, shown = self.memory.latest, self.memory.in_view()
        if percept is None or not shown:
            self.memory.names.views(name)
            return None
        names, rows = list(shown), list(shown.values())
        views = self.describe(percept.features[rows], [percept.points[i] for i in rows])
        best = self.memory.names.find(name, views)
        return None if best is None else names[best]


def teach(
    memory: Memory, name: str, object_id: str, describe: Description = colour_and_shape
) -> str:
    """Say what an object of a memory is called; see `Namer.teach`."""
    entry = memory.objects[object_id]
    index = memory.in_view().get(entry.object_id)
    if memory.latest is not None and index is not None:
        colours, points = memory.latest.features[index], memory.latest.points[index]
    else:
        colours = memory.objects.feature(entry)
        points = memory.objects.surface(entry).astype(np.float32)
    if not colours.size or not len(points):
        raise NamingError(
            f"nothing is known of what {entry.object_id} looks like, so that it could be found "
            "again. Look at it with a depth camera first."
        )
    feature = describe(colours[None], [points])[0]
    return memory.teach(name, View(feature=feature, crop=entry.crop), entry.object_id)
