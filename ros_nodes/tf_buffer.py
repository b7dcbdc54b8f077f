"""Transforms over time, as tf2 keeps them: looked up at an image's own stamp, never at `latest`."""

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation, Slerp

from embodied_mem.errors import EmbodiedMemError

BACK = 1_000_000_000
"""A step back of the clock that is longer than this is a jump, not a late message [ns]."""

_MOST_FRAMES = 1000
_MOST_DEPTH = 64


class TransformUnavailableError(EmbodiedMemError, LookupError):
    """There is no transform between two frames then; `may_come` tells whether waiting helps."""

    def __init__(self, why: str, *, may_come: bool):
        super().__init__(why)
        self.may_come = may_come


@dataclass(slots=True)
class _Link:
    """The transforms from one frame to its parent."""

    parent: str
    is_static: bool
    stamps: list[int] = field(default_factory=list)
    """In rising order [ns]."""
    poses: list[RigidTransform] = field(default_factory=list)


class TfBuffer:
    """The tree of frames over the last seconds.

    Positions are interpolated linearly and rotations by slerp between the two neighbours of a
    stamp; nothing is extrapolated.
    """

    def __init__(self, cache: float = 10.0):
        """Start empty.

        Args:
            cache: How long transforms are kept [s].
        """
        self._cache = int(cache * 1e9)
        self._links: dict[str, _Link] = {}

    def __len__(self) -> int:
        return sum(len(link.stamps) for link in self._links.values())

    def add(
        self, parent: str, child: str, stamp: int, pose: RigidTransform, *, is_static: bool = False
    ) -> None:
        """Take in one transform, `T_parent_child`.

        Args:
            parent: Frame; a leading slash is dropped.
            child: Frame.
            stamp: [ns]; of no meaning where it is static.
            pose: Maps coordinates of the child into the parent.
            is_static: Whether it holds for ever.
        """
        parent, child = parent.lstrip("/"), child.lstrip("/")
        link = self._links.get(child)
        if link is None or link.parent != parent or link.is_static != is_static:
            if link is None and len(self._links) >= _MOST_FRAMES:
                return
            link = self._links[child] = _Link(parent, is_static)
        if is_static:
            link.stamps, link.poses = [0], [pose]
            return
        if link.stamps and stamp < link.stamps[-1] - BACK:
            link.stamps, link.poses = [], []
        place = bisect_left(link.stamps, stamp)
        if place < len(link.stamps) and link.stamps[place] == stamp:
            link.poses[place] = pose
            return
        link.stamps.insert(place, stamp)
        link.poses.insert(place, pose)
        old = bisect_left(link.stamps, link.stamps[-1] - self._cache)
        del link.stamps[:old], link.poses[:old]

    def jump_back(self, stamp: int) -> None:
        """Forget what is later than the clock, which went back to `stamp` [ns]."""
        self._links = {
            child: link
            for child, link in self._links.items()
            if link.is_static or link.stamps[-1] <= stamp + BACK
        }

    def lookup(self, target: str, source: str, stamp: int) -> RigidTransform:
        """Return `T_target_source` at a time [ns].

        Raises:
            TransformUnavailableError: A frame is unknown, the two are not connected, or the time is
                outside of what is kept.
        """
        target, source = target.lstrip("/"), source.lstrip("/")
        up, down = self._ancestors(source), self._ancestors(target)
        common = next((frame for frame in up if frame in set(down)), None)
        if common is None:
            known = ", ".join(sorted(self._links)) or "none yet"
            raise TransformUnavailableError(
                f"{source} and {target} are not connected. Known frames: {known}.", may_come=True
            )
        T_common_source = self._climb(up[: up.index(common)], stamp)  # noqa: N806
        T_common_target = self._climb(down[: down.index(common)], stamp)  # noqa: N806
        return T_common_target.inv() * T_common_source

    def _ancestors(self, frame: str) -> list[str]:
        chain = [frame]
        while (link := self._links.get(chain[-1])) is not None and len(chain) < _MOST_DEPTH:
            chain.append(link.parent)
        return chain

    def _climb(self, frames: list[str], stamp: int) -> RigidTransform:
        pose = RigidTransform.identity()
        for frame in frames:
            pose = _at(frame, self._links[frame], stamp) * pose
        return pose


def _at(child: str, link: _Link, stamp: int) -> RigidTransform:
    if link.is_static:
        return link.poses[0]
    stamps = link.stamps
    place = bisect_left(stamps, stamp)
    if place < len(stamps) and stamps[place] == stamp:
        return link.poses[place]
    if place == len(stamps):
        late = (stamp - stamps[-1]) / 1e9
        raise TransformUnavailableError(
            f"{child} in {link.parent} is known until {late:.3f} s before that stamp.",
            may_come=True,
        )
    if place == 0:
        early = (stamps[0] - stamp) / 1e9
        raise TransformUnavailableError(
            f"{child} in {link.parent} is known from {early:.3f} s after that stamp on.",
            may_come=False,
        )
    return _between(link, place, stamp)


def _between(link: _Link, place: int, stamp: int) -> RigidTransform:
    """Interpolate between the transforms before and at `place`."""
    first, second = link.poses[place - 1], link.poses[place]
    share = (stamp - link.stamps[place - 1]) / (link.stamps[place] - link.stamps[place - 1])
    shift = (1 - share) * np.asarray(first.translation) + share * np.asarray(second.translation)
    turns = Slerp([0.0, 1.0], Rotation.concatenate([first.rotation, second.rotation]))
    return RigidTransform.from_components(shift, turns(share))
