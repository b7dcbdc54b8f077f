"""Which movers of the videos of a memory are one: by how they look, never two seen together.

A mover that leaves and comes back is followed under another number, and so is one that another
video shows; so it is with whatever a detector names. Here its pictures among the key frames are
described by a network, and the tracks are joined by `identify`, with VideoAgent's thresholds, those
of another name never.
"""

import cv2
import msgspec
import numpy as np
from jaxtyping import Bool, Float, UInt8

from embodied_mem.config import Config
from embodied_mem.errors import StoreError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import Detail
from embodied_mem.memory.identities import IdentityConfig, KeySpace, identify, seen_together
from embodied_mem.memory.run_lengths import decode, resized
from embodied_mem.runtime.exports.tracks import Track, key_frames, read_tracks
from perception.appearance import Describer


class MoverIdentityConfig(Config, frozen=True):
    """When two movers are one."""

    crops: int = 10
    """Most pictures of a mover that are described, the first ones."""
    rule: IdentityConfig = IdentityConfig(spaces=(KeySpace(name="look", weight=1.0),))
    """How alike they must look."""


class _Mover(msgspec.Struct):
    """One track of the memory, and how it looks."""

    video: int
    track: Track
    looks: list[np.ndarray]


def identify_movers(
    index: EventIndex, describe: Describer, config: MoverIdentityConfig | None = None
) -> dict[str, int]:
    """Return the identity of each mover or named thing that a key frame shows, by its id.

    Args:
        index: The memory.
        describe: Describes what lies under masks.
        config: When two are one.
    """
    settings = config or MoverIdentityConfig()
    movers = [mover for mover in _movers(index, describe, settings.crops) if mover.looks]
    if not movers:
        return {}
    features = np.stack([np.mean(mover.looks, axis=0) for mover in movers])
    numbers = identify({"look": features}, _together(movers), settings.rule)
    return {
        mover.track.thing.id: int(number) + 1 for mover, number in zip(movers, numbers, strict=True)
    }


def _movers(index: EventIndex, describe: Describer, crops: int) -> list[_Mover]:
    """Return the movers of all videos in the order in which they came, described."""
    found: list[_Mover] = []
    for video in index.videos():
        own = [
            _Mover(video.id, track, [])
            for track in read_tracks(index, video)
            if track.thing.kind == "mover" or track.thing.name
        ]
        frames = key_frames(index, video)
        details = index.details(video.id, {position for _, position in frames})
        for name, position in frames:
            shown = [mover for mover in own if len(mover.looks) < crops]
            places = [(mover, mover.track.at(position)) for mover in shown]
            seen = [(mover, box) for mover, box in places if box is not None]
            if seen:
                rgb = _picture(name, index.picture(name))
                masks = np.stack(
                    [
                        _mask(details.get((mover.track.thing.id, position)), box, rgb.shape[:2])
                        for mover, box in seen
                    ]
                )
                for (mover, _), look in zip(seen, describe(rgb, masks), strict=True):
                    mover.looks.append(look)
        found += sorted(own, key=lambda mover: (mover.track.stamps[0], mover.track.number))
    return found


def _together(movers: list[_Mover]) -> Bool[np.ndarray, "n n"]:
    """Return which movers cannot be one: ever in one picture of one video, or of other names."""
    pictures: dict[tuple[int, int], int] = {}
    frame, track = [], []
    for number, mover in enumerate(movers):
        for position in mover.track.positions:
            frame.append(pictures.setdefault((mover.video, int(position)), len(pictures)))
            track.append(number)
    names = np.array([mover.track.thing.name for mover in movers])
    together = seen_together(list(range(len(movers))), np.array(frame), np.array(track))
    return together | (names[:, None] != names[None])


def _mask(
    detail: Detail | None, box: Float[np.ndarray, "4"], shape: tuple[int, int]
) -> Bool[np.ndarray, "h w"]:
    """Return where a thing is in a picture: its outline where that is kept, else its box."""
    if detail is None or detail.outline is None:
        return _inside(box, shape)
    return resized(decode(detail.outline), shape)


def _inside(box: Float[np.ndarray, "4"], shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    height, width = shape
    left, top, right, bottom = box * (width, height, width, height)
    mask = np.zeros((height, width), bool)
    mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    return mask


def _picture(name: str, data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise StoreError(f"the key frame {name} is damaged. Take the video in again.")
    return np.ascontiguousarray(picture[..., ::-1]).astype(np.uint8, copy=False)
