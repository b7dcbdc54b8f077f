"""Which tracks are one thing: re-identification by features, never of two things seen together.

Tracks are taken in order. Each joins the first identity whose every track is alike enough, one of
them clearly, and none of which was ever in the same picture; else it begins a new one. The score
and its thresholds are those that VideoAgent publishes (Fan et al., arXiv:2403.11481, section 3.2):
0.15 of a sigmoid of one key space's cosine plus 0.85 of another's.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Int64
from scipy.sparse import csr_array

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError


class KeySpace(Config, frozen=True):
    """What one kind of feature adds to the score."""

    name: str
    weight: float
    """Share of the score."""
    steepness: float | None = None
    """Of a sigmoid of the cosine; the cosine itself where left out."""
    centre: float = 0.0
    """Cosine at which the sigmoid is one half."""


_VIDEO_AGENT = (
    KeySpace(name="clip", weight=0.15, steepness=20.0, centre=0.925),
    KeySpace(name="dino", weight=0.85),
)


class IdentityConfig(Config, frozen=True):
    """When two tracks are one thing."""

    spaces: tuple[KeySpace, ...] = _VIDEO_AGENT
    """Those that there are features of share the weight."""
    every: float = 0.5
    """Least score with each track of an identity."""
    one: float = 0.62
    """Least score with one track of it."""


def identify(
    features: Mapping[str, Float[np.ndarray, "n _"]],
    together: Bool[np.ndarray, "n n"],
    config: IdentityConfig | None = None,
) -> Int64[np.ndarray, "n"]:
    """Return the number of the identity of each track, in order of their first tracks.

    Args:
        features: Of each track, by key space.
        together: Whether two tracks were ever in one picture.
        config: When two are one.

    Raises:
        ConfigError: None of the key spaces is known.
    """
    settings = config or IdentityConfig()
    scores = track_scores(features, settings)
    identities: list[list[int]] = []
    found = np.zeros(len(scores), np.int64)
    for track, row in enumerate(scores):
        for number, members in enumerate(identities):
            near = row[members]
            if (
                not together[track, members].any()
                and near.min() >= settings.every
                and near.max() >= settings.one
            ):
                found[track] = number
                members.append(track)
                break
        else:
            found[track] = len(identities)
            identities.append([track])
    return found


def track_scores(
    features: Mapping[str, Float[np.ndarray, "n _"]], config: IdentityConfig
) -> Float[np.ndarray, "n n"]:
    """Return how alike tracks are, over the key spaces that there are.

    Raises:
        ConfigError: None of them is known.
    """
    known = [space for space in config.spaces if space.name in features]
    if not known:
        raise ConfigError(
            f"none of the key spaces {', '.join(sorted(features))} has a weight. "
            f"Known: {', '.join(space.name for space in config.spaces)}."
        )
    parts = [space.weight * _alike(features[space.name], space) for space in known]
    return np.sum(parts, axis=0) / sum(space.weight for space in known)


def _alike(vectors: Float[np.ndarray, "n d"], space: KeySpace) -> Float[np.ndarray, "n n"]:
    unit = unit_rows(vectors)
    cosine = unit @ unit.T
    if space.steepness is None:
        return cosine
    return 1 / (1 + np.exp(-space.steepness * (cosine - space.centre)))


def unit_rows(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Return vectors of unit length; zeros stay."""
    wide = vectors.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)


def seen_together(
    tracks: Sequence[int] | Int[np.ndarray, "n"],
    frame: Int[np.ndarray, "b"],
    track: Int[np.ndarray, "b"],
) -> Bool[np.ndarray, "n n"]:
    """Return which tracks were ever in one picture.

    Args:
        tracks: The tracks, in the order of the answer.
        frame: Picture of each box.
        track: Track of each box; boxes of other tracks count for nothing.
    """
    row = {int(name): place for place, name in enumerate(tracks)}
    kept = np.array([int(name) in row for name in track], bool)
    rows = np.array([row[int(name)] for name in track[kept]], np.int64)
    numbers, columns = np.unique(frame[kept], return_inverse=True)
    shown = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(row), max(len(numbers), 1)))
    both = (shown @ shown.T).toarray() > 0
    np.fill_diagonal(both, val=False)
    return both
