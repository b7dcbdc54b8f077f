"""A semantic forest: what lies near and means alike, in groups of groups, searched from the top.

After Embodied-RAG (arXiv:2409.18313): similarity mixes nearness and meaning, complete linkage makes
the groups of a block, and a question descends along the likeliest of them. Here further items are
inserted one by one, without building anew, and a group is known by the mean of its members.
"""

import msgspec
import numpy as np
from jaxtyping import Float, Float32, Int64
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from embodied_mem.config import Config


class ForestConfig(Config, frozen=True):
    """How groups are made and searched."""

    nearness: float = 0.4
    """Weight of nearness in the similarity, of 1; the rest is the cosine of meanings."""
    length: float = 10.0
    """Distance at which nearness has fallen to 1/e [m]."""
    apart: float = 0.4
    """Most that members of a lowest group are apart, as 1 - similarity."""
    growth: float = 1.1
    """So many times farther apart are members of the groups of the next level."""
    levels: int = 5
    """Of groups above the items."""
    block: int = 1000
    """Most items that are grouped at once; the others are inserted."""
    beam: int = 10
    """Groups that a question follows on each level."""


class Group(msgspec.Struct, kw_only=True):
    """One group."""

    level: int
    """1 for groups of items."""
    members: list[int]
    """Groups of the level below, or items."""
    count: int = 0
    """Items in it."""


class Descent(msgspec.Struct, frozen=True, kw_only=True):
    """What a question found, and what it cost."""

    items: list[tuple[int, float]]
    """Best first: the item and its score."""
    scored: int
    """Groups and items that were compared with the question."""


class Forest:
    """Groups of items, by where they are and what they mean."""

    def __init__(self, width: int, config: ForestConfig | None = None):
        """Begin without items.

        Args:
            width: Numbers in a vector of meaning.
            config: How.
        """
        self.config = config or ForestConfig()
        self.groups: list[Group] = []
        self.roots: list[int] = []
        self._items = _Rows(width)
        self._sums = _Rows(width)
        """Of the members of each group; the mean is the sum over the count."""

    def __len__(self) -> int:
        return self._items.count

    def add(
        self, positions: Float[np.ndarray, "n 3"], vectors: Float[np.ndarray, "n d"]
    ) -> list[int]:
        """Take items in, and return their numbers.

        Args:
            positions: In the world [m].
            vectors: What they mean, of unit length.
        """
        first = len(self)
        numbers = list(range(first, first + len(positions)))
        for position, vector in zip(positions, vectors, strict=True):
            self._items.append(position, vector)
        block = numbers[: self.config.block] if first == 0 else []
        if len(block) > 1:
            self._group(block)
        else:
            block = []
        for number in numbers[len(block) :]:
            self._insert(number)
        return numbers

    def find(
        self,
        vector: Float[np.ndarray, "d"],
        k: int,
        *,
        near: Float[np.ndarray, "3"] | None = None,
        beam: int | None = None,
    ) -> Descent:
        """Return the items that answer a question best, among those of the groups it follows.

        Args:
            vector: What is asked for, of unit length.
            k: Most items.
            near: Where it is to be near, if anywhere [m].
            beam: Groups that are followed on each level, instead of the config's.
        """
        width = beam or self.config.beam
        followed, scored = self.roots, 0
        for level in range(self.config.levels, 0, -1):
            scores = self._scores(self._sums, followed, vector, near)
            scored += len(followed)
            best = _best(np.array(followed, np.int64), scores, width)
            below = [member for number, _ in best for member in self.groups[number].members]
            followed = below
            if level == 1:
                break
        scores = self._scores(self._items, followed, vector, near)
        found = _best(np.array(followed, np.int64), scores, k)
        return Descent(items=found, scored=scored + len(followed))

    def items_in(self, group: int) -> list[int]:
        """Return the items of a group, in the order in which they came."""
        inside = self.groups[group]
        if inside.level == 1:
            return sorted(inside.members)
        return sorted(item for member in inside.members for item in self.items_in(member))

    def at_level(self, level: int) -> list[int]:
        """Return the groups of a level."""
        return [number for number, group in enumerate(self.groups) if group.level == level]

    def mean(self, group: int) -> tuple[Float[np.ndarray, "3"], Float32[np.ndarray, "d"]]:
        """Return the mean position [m] of a group's items, and the direction of their meanings."""
        position = self._sums.positions[group] / self.groups[group].count
        return position, _unit(self._sums.vectors[group][None])[0]

    # -- growing -----------------------------------------------------------------------------------

    def _apart(self, level: int) -> float:
        return self.config.apart * self.config.growth ** (level - 1)

    def _group(self, items: list[int]) -> None:
        """Make all levels of a first block by complete linkage."""
        members, rows = items, self._items
        for level in range(1, self.config.levels + 1):
            labels = _linked(self._distances(rows, members), self._apart(level))
            made = []
            for label in range(1, int(labels.max()) + 1):
                inside = [members[place] for place in np.flatnonzero(labels == label)]
                made.append(self._new_group(level, inside, rows))
            members, rows = made, self._sums
        self.roots = members

    def _new_group(self, level: int, members: list[int], rows: "_Rows") -> int:
        counts = [1 if level == 1 else self.groups[member].count for member in members]
        self.groups.append(Group(level=level, members=members, count=sum(counts)))
        return self._sums.append(
            rows.positions[members].sum(axis=0), rows.vectors[members].sum(axis=0)
        )

    def _insert(self, item: int) -> None:
        """Put an item into the nearest groups that it fits; from where none fits, into new ones."""
        position, vector = self._items.positions[item], self._items.vectors[item]
        among, path = self.roots, list[int]()
        for level in range(self.config.levels, 0, -1):
            fitting = self._fitting(among, position, vector, self._apart(level))
            if fitting is None:
                break
            path.append(fitting)
            among = self.groups[fitting].members
        below = item
        for level in range(1, self.config.levels - len(path) + 1):
            below = self._new_group(level, [below], self._items if level == 1 else self._sums)
        (self.groups[path[-1]].members if path else self.roots).append(below)
        for group in path:
            self.groups[group].count += 1
            self._sums.positions[group] += position
            self._sums.vectors[group] += vector

    def _fitting(
        self,
        groups: list[int],
        position: Float[np.ndarray, "3"],
        vector: Float32[np.ndarray, "d"],
        apart: float,
    ) -> int | None:
        """Return the group whose mean is nearest, if it is near enough; the older of equal ones."""
        if not groups:
            return None
        means, meanings = self._means(self._sums, groups)
        distances = 1 - self._similarity(means, meanings, position[None], vector[None])[:, 0]
        best = int(distances.argmin())
        return groups[best] if distances[best] <= apart else None

    # -- comparing ---------------------------------------------------------------------------------

    def _means(
        self, rows: "_Rows", numbers: list[int]
    ) -> tuple[Float[np.ndarray, "n 3"], Float32[np.ndarray, "n d"]]:
        if rows is self._items:
            return rows.positions[numbers], rows.vectors[numbers]
        counts = np.array([self.groups[number].count for number in numbers])
        return rows.positions[numbers] / counts[:, None], _unit(rows.vectors[numbers])

    def _similarity(
        self,
        a: Float[np.ndarray, "n 3"],
        a_means: Float32[np.ndarray, "n d"],
        b: Float[np.ndarray, "m 3"],
        b_means: Float32[np.ndarray, "m d"],
    ) -> Float[np.ndarray, "n m"]:
        """Return w exp(-distance / length) + (1 - w) cosine."""
        metres = np.linalg.norm(a[:, None] - b[None], axis=-1)  # (n, m)
        near = np.exp(-metres / self.config.length)
        weight = self.config.nearness
        return weight * near + (1 - weight) * (a_means @ b_means.T)

    def _distances(self, rows: "_Rows", numbers: list[int]) -> Float[np.ndarray, "n n"]:
        means, meanings = self._means(rows, numbers)
        return 1 - self._similarity(means, meanings, means, meanings)

    def _scores(
        self,
        rows: "_Rows",
        numbers: list[int],
        vector: Float[np.ndarray, "d"],
        near: Float[np.ndarray, "3"] | None,
    ) -> Float[np.ndarray, "n"]:
        means, meanings = self._means(rows, numbers)
        query = vector.astype(np.float32)
        if near is None:
            return (meanings @ query).astype(np.float64)
        return self._similarity(means, meanings, near[None], query[None])[:, 0].astype(np.float64)


class _Rows:
    """Positions and vectors, in storage that doubles."""

    def __init__(self, width: int):
        self.positions = np.zeros((16, 3))
        self.vectors = np.zeros((16, width), np.float32)
        self.count = 0

    def append(self, position: Float[np.ndarray, "3"], vector: Float[np.ndarray, "d"]) -> int:
        """Add a row, and return its number."""
        number = self.count
        if number == len(self.positions):
            self.positions = np.concatenate([self.positions, np.zeros_like(self.positions)])
            self.vectors = np.concatenate([self.vectors, np.zeros_like(self.vectors)])
        self.positions[number], self.vectors[number] = position, vector
        self.count += 1
        return number


def _linked(distances: Float[np.ndarray, "n n"], apart: float) -> Int64[np.ndarray, "n"]:
    """Return the number of each row's group, from 1; no two of a group are farther apart."""
    if len(distances) == 1:
        return np.ones(1, np.int64)
    square = np.maximum((distances + distances.T) / 2, 0.0)
    np.fill_diagonal(square, 0.0)
    tree = linkage(squareform(square, checks=False), "complete")
    return fcluster(tree, apart, "distance").astype(np.int64)


def _best(
    numbers: Int64[np.ndarray, "n"], scores: Float[np.ndarray, "n"], k: int
) -> list[tuple[int, float]]:
    """Return the k greatest scores; of equal ones the older first."""
    order = np.lexsort((numbers, -scores))[:k]
    return [(int(numbers[place]), float(scores[place])) for place in order]


def _unit(rows: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1.0)
