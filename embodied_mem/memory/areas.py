"""Where in a house something is: spots in areas, by a semantic forest over its things."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from embodied_mem.memory.forest import Forest, ForestConfig
from embodied_mem.memory.records import Known
from embodied_mem.memory.text import HashedEncoder, TextEncoder

SPOTS = ForestConfig(nearness=0.85, length=2.0, apart=0.6, growth=1.15, levels=3)
"""What stands within a metre or two is a spot, a few of these an area: a room or so. Meaning weighs
so little that things of one kind in two rooms stay apart."""
_NAMED = 4
"""Most labels that tell what a spot is among."""
_SHARE = 0.8
"""A thing answers too whose cosine is at least this share of the best one's."""
_LOOKED_AT = 20
"""Best things that are shared out to spots."""


def asks_where(question: str) -> bool:
    """Return whether a place is asked for."""
    return re.match(r"\s*where\b", question.lower()) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Somewhere that something may be."""

    objects: tuple[str, ...]
    """Ids of the things there that answer the question, best first."""
    among: tuple[str, ...]
    """Labels of what is there, the commonest first."""
    area: tuple[str, ...]
    """Labels of what is around it."""
    room: str | None
    """Graph id of the room that most of it is in."""
    centre: Float[np.ndarray, "3"]
    """Of all that is there [m]."""
    score: float
    """Cosine of the best thing's meaning and the question."""


class Spots:
    """Things of a house in a forest."""

    def __init__(
        self, known: Sequence[Known], texts: Mapping[str, str], encoder: TextEncoder | None = None
    ):
        """Group things.

        Args:
            known: Those that are there now.
            texts: What can be said of each, by its id.
            encoder: Compares meanings; spelling is compared without one.
        """
        self._known = [one for one in known if one.status != "gone" and one.object_id in texts]
        self._encoder = encoder or HashedEncoder()
        said = [texts[one.object_id] for one in self._known]
        vectors = self._encoder(said) if said else np.zeros((0, 1), np.float32)
        self.forest = Forest(vectors.shape[1], SPOTS)
        positions = np.array([one.position for one in self._known]).reshape(-1, 3)
        self.forest.add(positions, vectors)
        self._spot_of = self._owners(1)
        self._area_of = self._owners(SPOTS.levels)

    def __call__(self, question: str, limit: int, *, least: float = 0.3) -> tuple[Spot, ...]:
        """Return the likeliest spots, best first.

        Args:
            question: Words for what is looked for.
            limit: Most spots.
            least: Least cosine of a thing's meaning.
        """
        if not self._known or not question:
            return ()
        found = self.forest.find(self._encoder([question])[0], _LOOKED_AT).items
        least = max(least, _SHARE * found[0][1])
        shared: dict[int, list[tuple[int, float]]] = {}
        for item, score in found:
            if score >= least:
                shared.setdefault(self._spot_of[item], []).append((item, score))
        return tuple(self._spot(group, hits) for group, hits in list(shared.items())[:limit])

    def _spot(self, group: int, hits: list[tuple[int, float]]) -> Spot:
        inside = self.forest.items_in(group)
        around = self.forest.items_in(self._area_of[inside[0]])
        rooms = Counter(room for item in inside if (room := self._known[item].room))
        return Spot(
            objects=tuple(self._known[item].object_id for item, _ in hits),
            among=self._labels(inside),
            area=self._labels(around),
            room=rooms.most_common(1)[0][0] if rooms else None,
            centre=self.forest.mean(group)[0],
            score=hits[0][1],
        )

    def _labels(self, items: Sequence[int]) -> tuple[str, ...]:
        counted = Counter(self._known[item].label for item in items)
        return tuple(label for label, _ in counted.most_common(_NAMED))

    def _owners(self, level: int) -> dict[int, int]:
        """Return the group of a level that each item is in."""
        groups = self.forest.at_level(level)
        return {item: group for group in groups for item in self.forest.items_in(group)}
