"""Scores of whole videos, under the protocols of DAVIS, YouTube-VOS and of long videos."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from jaxtyping import Int

from embodied_mem.errors import FrameError
from embodied_mem.runtime.mask_scoring import boundary_accuracy, region_similarity, statistics

Protocol = Literal["davis", "youtube", "long"]
"""Which frames count for an object.

davis: all annotated frames but the first and the last of the video.
youtube: the annotated frames after the one that shows it first.
long: all annotated frames.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPair:
    """What was found in one annotated frame, and what is there; 0 is background."""

    frame: str
    """Its name."""
    found: Int[np.ndarray, "h w"]
    truth: Int[np.ndarray, "y x"]
    last: bool = False
    """Whether it is the last of the video."""


class ObjectScore(msgspec.Struct, frozen=True, kw_only=True):
    """How well one object was followed."""

    sequence: str
    object_id: int
    frames: int
    """Frames that count."""
    j: float
    """Mean region similarity."""
    j_recall: float
    j_decay: float
    f: float
    """Mean boundary accuracy."""
    f_recall: float
    f_decay: float
    seen: bool | None = None
    """Whether its category was trained on, where that is known."""

    @property
    def jf(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of all objects, and what they come to."""

    protocol: Protocol
    objects: tuple[ObjectScore, ...]
    sequences: Mapping[str, Mapping[str, float]]
    """Means over the objects of each sequence, by measure."""
    overall: Mapping[str, float]
    """Means over all objects, by measure: j, j_recall, j_decay, f, f_recall, f_decay, jf; where
    categories are known, j_seen, f_seen, j_unseen, f_unseen, and g, the mean of those."""


MEASURES = ("jf", "j", "j_recall", "j_decay", "f", "f_recall", "f_decay")
"""Names of what is measured for an object."""


def score_sequence(
    name: str,
    masks: Iterable[MaskPair],
    objects: Collection[int],
    *,
    protocol: Protocol = "davis",
    void: int | None = None,
    seen: Mapping[int, bool] | None = None,
) -> list[ObjectScore]:
    """Score the objects of one video.

    Args:
        name: Of the video.
        masks: Frame by frame in the order of time, of the annotated frames.
        objects: Ids that the truth shows in any frame.
        protocol: Which frames count.
        void: Id in the truth of pixels that count for nothing.
        seen: Whether an object's category was trained on.

    Raises:
        FrameError: Sizes differ, or no frame counts for an object.
    """
    rows: dict[int, list[tuple[float, float]]] = {i: [] for i in sorted(objects) if i != void}
    begun: set[int] = set()
    for number, pair in enumerate(masks):
        found, truth = _compared(name, pair, void)
        last = pair.last and protocol == "davis"
        for object_id, row in rows.items():
            mine, true = found == object_id, truth == object_id
            given = number == 0 if protocol == "davis" else object_id not in begun
            if protocol == "long" or not (given or last):
                row.append((region_similarity(mine, true), boundary_accuracy(mine, true)))
            if true.any():
                begun.add(object_id)
    return [
        _score(name, object_id, row, protocol, (seen or {}).get(object_id))
        for object_id, row in rows.items()
        if row or protocol != "youtube"  # Shown in its last frame alone, there is nothing to find.
    ]


def _compared(
    name: str, pair: MaskPair, void: int | None
) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "h w"]]:
    """Return what was found and the truth, without what counts for nothing."""
    found, truth = pair.found, pair.truth
    if found.shape != truth.shape:
        raise FrameError(
            f"the result of frame {pair.frame} of {name} must have the truth's size, "
            f"{truth.shape}, got {found.shape}."
        )
    if void is None:
        return found, truth
    known = truth != void
    return found * known, truth * known


def _score(
    name: str,
    object_id: int,
    rows: Sequence[tuple[float, float]],
    protocol: Protocol,
    seen: bool | None,  # noqa: FBT001
) -> ObjectScore:
    if not rows:
        raise FrameError(
            f"no annotated frame of {name} counts under the protocol '{protocol}', which leaves "
            "the first and the last out. Use `--protocol long` for videos that are so short."
        )
    j, f = (statistics(series) for series in zip(*rows, strict=True))
    return ObjectScore(
        sequence=name,
        object_id=object_id,
        frames=len(rows),
        j=j.mean,
        j_recall=j.recall,
        j_decay=j.decay,
        f=f.mean,
        f_recall=f.recall,
        f_decay=f.decay,
        seen=seen,
    )


def summarise(objects: Sequence[ObjectScore], protocol: Protocol) -> Scores:
    """Return the scores of objects with their means by sequence and overall.

    Raises:
        FrameError: There are no objects.
    """
    if not objects:
        raise FrameError("the truth shows no objects: there is nothing to score.")
    names = dict.fromkeys(score.sequence for score in objects)
    sequences = {name: _means([s for s in objects if s.sequence == name]) for name in names}
    overall = _means(objects) | _by_category(objects)
    return Scores(protocol=protocol, objects=tuple(objects), sequences=sequences, overall=overall)


def _means(objects: Sequence[ObjectScore]) -> dict[str, float]:
    return {name: float(np.mean([getattr(one, name) for one in objects])) for name in MEASURES}


def _by_category(objects: Sequence[ObjectScore]) -> dict[str, float]:
    """Return YouTube-VOS's means over categories trained on, and over those that were not."""
    means: dict[str, float] = {}
    for group, wanted in (("seen", True), ("unseen", False)):
        some = [score for score in objects if score.seen is wanted]
        if some:
            means[f"j_{group}"] = float(np.mean([score.j for score in some]))
            means[f"f_{group}"] = float(np.mean([score.f for score in some]))
    return means | {"g": float(np.mean(list(means.values())))} if means else {}
