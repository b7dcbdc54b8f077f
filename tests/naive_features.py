"""XMem's corrected memory in plain loops and float64: slow, and obviously what is meant."""

from dataclasses import dataclass, field

import numpy as np

from embodied_mem.memory.feature_config import FeatureStoreConfig


@dataclass
class Element:
    key: np.ndarray
    shrinkage: float
    selection: np.ndarray | None
    values: dict[int, np.ndarray]
    """By object."""
    use: float = 0.0
    life: float = float(np.float32(1e-7))


@dataclass
class NaiveGroup:
    objects: list[int]
    frames: list[list[Element]] = field(default_factory=list)
    permanent: int = 0
    long: list[Element] = field(default_factory=list)


def similarity(element: Element, key: np.ndarray, selection: np.ndarray) -> float:
    total = sum(e * (k - q) ** 2 for e, k, q in zip(selection, element.key, key, strict=True))
    return -element.shrinkage * total / len(key) ** 0.5


def softmax(scores: list[float]) -> list[float]:
    powers = [np.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def mean(weights: list[float], rows: list[np.ndarray]) -> np.ndarray:
    return np.sum([w * row for w, row in zip(weights, rows, strict=True)], axis=0)


class NaiveFeatures:
    def __init__(self, config: FeatureStoreConfig):
        self.config, self.groups = config, list[NaiveGroup]()

    @property
    def objects(self) -> list[int]:
        return [id_ for group in self.groups for id_ in group.objects]

    def remove(self, objects: list[int]) -> None:
        for group in self.groups:
            group.objects = [id_ for id_ in group.objects if id_ not in objects]
        self.groups = [group for group in self.groups if group.objects]

    def add(self, key, shrinkage, values, objects, selection, *, permanent=False) -> None:
        """key (c, t), shrinkage (t,), values (n, v, t), selection (c, t)."""
        new = [id_ for id_ in objects if id_ not in self.objects]
        if new:
            self.groups.append(NaiveGroup(new))
        for group in self.groups:
            first = not group.frames
            if not self.config.long_term:
                while len(group.frames) - group.permanent >= self.config.max_work_frames:
                    del group.frames[group.permanent]
            frame = [
                Element(
                    key[:, t],
                    float(shrinkage[t]),
                    selection[:, t],
                    {id_: values[list(objects).index(id_), :, t] for id_ in group.objects},
                )
                for t in range(key.shape[1])
            ]
            kept = permanent or first
            group.frames.insert(group.permanent if kept else len(group.frames), frame)
            group.permanent += kept
            if self.config.long_term:
                self._consolidate(group)

    def _consolidate(self, group: NaiveGroup) -> None:
        c = self.config
        if len(group.frames) - group.permanent + 1 < c.max_work_frames:
            return
        newest = len(group.frames) - (c.min_work_frames - 1)
        candidates = [e for frame in group.frames[group.permanent : newest] for e in frame]
        count = min(c.prototypes, len(candidates), c.max_long_term)
        excess = len(group.long) - (c.max_long_term - count)
        if excess > 0:
            order = sorted(range(len(group.long)), key=lambda i: _rate(group.long[i]))
            gone = set(order[:excess])
            group.long = [e for i, e in enumerate(group.long) if i not in gone]
        ranked = sorted(candidates, key=lambda e: -_rate(e))[:count]
        for chosen in ranked:
            assert chosen.selection is not None
            weights = softmax([similarity(e, chosen.key, chosen.selection) for e in candidates])
            group.long.append(
                Element(
                    chosen.key,
                    float(np.dot(weights, [e.shrinkage for e in candidates])),
                    None,
                    {id_: mean(weights, [e.values[id_] for e in candidates])
                     for id_ in group.objects},
                )
            )  # fmt: skip
        group.frames = group.frames[: group.permanent] + group.frames[newest:]

    def read(self, key: np.ndarray, selection: np.ndarray) -> np.ndarray:
        """Return (n, v, t) for queries (c, t)."""
        found = {id_: [] for id_ in self.objects}
        for group in self.groups:
            elements = [*group.long, *(e for frame in group.frames for e in frame)]
            used = np.zeros(len(elements))
            for t in range(key.shape[1]):
                scores = [similarity(e, key[:, t], selection[:, t]) for e in elements]
                best = sorted(range(len(elements)), key=lambda i: -scores[i])[: self.config.top_k]
                weights = softmax([scores[i] for i in best])
                used[best] += weights
                for id_ in group.objects:
                    found[id_].append(mean(weights, [elements[i].values[id_] for i in best]))
            if self.config.long_term:
                for element, use in zip(elements, used, strict=True):
                    if self.config.count_long_term_usage or element.selection is not None:
                        element.use += float(use)
                        element.life += 1
        return np.stack([np.stack(found[id_], axis=1) for id_ in self.objects])


def _rate(element: Element) -> float:
    return element.use / element.life
