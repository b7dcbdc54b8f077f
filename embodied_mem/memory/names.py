"""Names that were taught, each with some views of what it names: either finds the other.

After the dual-coding memory of "Grounded Language Learning Fast and Slow" (Hill et al. 2020,
arXiv:2009.01719, section 3.2): each entry holds a word and a view side by side, and a query by one
returns the other. One showing is enough; what is like no view has no name here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, UInt8

from embodied_mem.config import Config
from embodied_mem.errors import NamingError
from embodied_mem.memory.records import NAMELESS
from embodied_mem.memory.tensors import Fields

_LONGEST = 64
"""Characters of a name."""


class NamesConfig(Config, frozen=True):
    """How many names are kept, and when a view has one."""

    capacity: int = 500
    """Names kept; beyond it the one used longest ago goes."""
    views: int = 8
    """Views kept of each; beyond it the older of the two most alike goes."""
    least: float = 0.85
    """A view that is less like all that were taught has no name: cosine of features."""
    margin: float = 0.0
    """Nor has one that is liker to its name than to the next by less than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look at a thing."""

    feature: Float32[np.ndarray, "d"]
    """What it looks like, unit length; as wide as those of all other views."""
    crop: UInt8[np.ndarray, "r c 3"] | None = None
    """Its image, for whoever wants to see it."""


@dataclass(frozen=True, slots=True)
class Named:
    """A name for a view."""

    name: str
    score: float
    """Cosine of the view with the likest that was taught."""
    margin: float
    """How much less the likest view of another name is like it; 1 where there is no other."""


@dataclass(slots=True)
class Names:
    """Names and views. Teach it, then ask it by either."""

    config: NamesConfig = field(default_factory=NamesConfig)
    table: dict[str, list[View]] = field(default_factory=dict)
    """Views by name, oldest first; the names used longest ago first."""
    changed: set[str] = field(default_factory=set)
    """Names that differ from the store."""

    def __len__(self) -> int:
        return len(self.table)

    def teach(self, name: str, view: View) -> str:
        """Learn that a view shows what is called so; further views of a name add to it.

        Returns:
            The name as it is kept.

        Raises:
            NamingError: The name is empty, too long, or says that there is none; or the feature is
                not as wide as those before, or has no direction.
        """
        name = checked(name)
        width = next((len(views[0].feature) for views in self.table.values()), len(view.feature))
        length = float(np.linalg.norm(view.feature))
        if len(view.feature) != width or not np.isfinite(length) or length == 0:
            raise NamingError(
                f"a view of '{name}' needs a feature of {width} finite numbers, not all 0, got "
                f"{len(view.feature)}. Use one description for all names of a memory."
            )
        unit = (view.feature / length).astype(np.float32)
        views = [*self.table.pop(name, []), View(feature=unit, crop=view.crop)]
        while len(views) > self.config.views:
            del views[_superfluous(views)]
        self.table[name] = views
        self.changed.add(name)
        while len(self.table) > self.config.capacity:
            self.forget(next(iter(self.table)))
        return name

    def forget(self, name: str) -> None:
        """Forget a name and its views.

        Raises:
            NamingError: There is no such name.
        """
        self.views(name)
        del self.table[name]
        self.changed.add(name)

    def views(self, name: str) -> tuple[View, ...]:
        """Return what a name was taught with, oldest first.

        Raises:
            NamingError: There is no such name.
        """
        if name not in self.table:
            known = ", ".join(sorted(self.table)) or "none yet"
            raise NamingError(f"no name '{name}' was taught. Known names: {known}.")
        return tuple(self.table[name])

    def name_of(self, feature: Float[np.ndarray, "d"]) -> Named | None:
        """Return what a view is called; None where it is like nothing that was taught."""
        return self.names_of(np.asarray(feature)[None])[0]

    def names_of(self, features: Float[np.ndarray, "n d"]) -> list[Named | None]:
        """Return what each of some views is called; None for what is like nothing taught."""
        if not self.table or not len(features):
            return [None] * len(features)
        scores = self.likeness(features)  # (n, names)
        names = list(self.table)
        found: list[Named | None] = []
        for row in scores:
            best = int(np.argmax(row))
            score = float(row[best])
            others = np.delete(row, best)
            margin = score - float(others.max()) if len(others) else 1.0
            known = score >= self.config.least and margin >= self.config.margin
            found.append(Named(names[best], score, margin) if known else None)
        for name in {each.name for each in found if each is not None}:
            self.table[name] = self.table.pop(name)  # Used last.
        return found

    def likeness(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Return how like each view is to the likest of each name, in the table's order."""
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        units = features / np.maximum(lengths, 1e-12)
        return np.stack(
            [
                (units @ np.stack([view.feature for view in views]).T).max(axis=1)
                for views in self.table.values()
            ],
            axis=1,
        )

    def find(self, name: str, features: Float[np.ndarray, "n d"]) -> int | None:
        """Return which of some views shows what a name says; None where none is like it.

        Raises:
            NamingError: There is no such name.
        """
        taught = np.stack([view.feature for view in self.views(name)])
        if not len(features):
            return None
        lengths = np.linalg.norm(features, axis=1)
        scores = (features @ taught.T).max(axis=1) / np.maximum(lengths, 1e-12)
        best = int(np.argmax(scores))
        return best if scores[best] >= self.config.least else None

    def fields(self, name: str) -> Fields:
        """Return a name's views as tensors."""
        views = self.table[name]
        fields = {"features": np.stack([view.feature for view in views])}
        crops = {f"crop{i}": v.crop for i, v in enumerate(views) if v.crop is not None}
        return {**fields, **crops}

    def restore(self, stored: Mapping[str, Fields]) -> None:
        """Replace everything by what `fields` returned."""
        self.table = {
            name: [
                View(feature=feature.astype(np.float32), crop=fields.get(f"crop{i}"))
                for i, feature in enumerate(fields["features"])
            ]
            for name, fields in stored.items()
        }
        self.changed.clear()


def checked(name: str) -> str:
    """Return a name with single spaces, and none about it.

    Raises:
        NamingError: It is empty, too long, or says that there is none.
    """
    kept = " ".join(name.split())
    if not kept or len(kept) > _LONGEST or not kept.isprintable() or kept.lower() in NAMELESS:
        raise NamingError(
            f"a name has 1 to {_LONGEST} letters and is not one of {', '.join(sorted(NAMELESS))}, "
            f"got {kept[:_LONGEST]!r}. Choose another."
        )
    return kept


def _superfluous(views: list[View]) -> int:
    """Return the older of the two views that are most alike."""
    features = np.stack([view.feature for view in views])
    alike = features @ features.T
    np.fill_diagonal(alike, -np.inf)
    return int(min(divmod(int(np.argmax(alike)), len(views))))
