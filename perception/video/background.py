"""What moves before a still background: a model of the scene, and the pixels that differ from it.

The camera is taken to stand still; where it does not, most pixels differ at once, and the model
says so instead of reporting motion. What stands still before the background stays in front of it
for a long time, because people stand still; what leaves uncovers the background at once, because
its place then has no edges where its outline was.
"""

import cv2
import msgspec
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from embodied_mem.config import Config

_MOVING_SHARE = 0.1
"""Share of a part's pixels that may change while the part is taken to be still."""
_OUTLINED = 1.3
"""So many times stronger are the edges along a part's outline where the part really is."""


class BackgroundConfig(Config, frozen=True):
    """When a pixel counts as different, and what becomes background."""

    threshold: float = 22.0
    """Least difference of a colour channel from the background, of 255."""
    shadow: float = 0.8
    """Darkest share of the background's light that still is a shadow on it."""
    rate: float = 0.25
    """How fast the background follows slow changes [1/s]."""
    settled: float = 90.0
    """What has not changed for so long becomes background [s]."""
    uncovered: float = 0.8
    """A part without an outline becomes background after so long without change [s]."""
    everywhere: float = 0.55
    """Share of pixels from which on the camera moved or the scene was cut."""
    calm: float = 2.0
    """How long the camera must have been still for motion to be believed [s]."""


class BackgroundState(msgspec.Struct, kw_only=True):
    """The model between two pictures."""

    mean: np.ndarray
    """Background (h, w, 3), float32."""
    latest: np.ndarray
    """What each pixel showed when it last changed (h, w, 3), float32."""
    since: np.ndarray
    """When that was (h, w) [s], float64."""
    stamp: float
    disturbed: float
    """When the whole picture last changed [s]."""


class Foreground(msgspec.Struct, frozen=True):
    """What differs from the background in one picture."""

    mask: np.ndarray
    """Pixels in front (h, w), bool; none while the camera moves."""
    moved: bool
    """Whether the whole picture changed at once."""
    steady: bool
    """Whether the camera has been still for a while."""


class Background:
    """The background of a still camera; pictures in, masks out."""

    def __init__(self, config: BackgroundConfig, state: BackgroundState | None = None):
        self.config = config
        self.state = state

    def __call__(self, rgb: UInt8[np.ndarray, "h w 3"], stamp: float) -> Foreground:
        """Take in one picture and return what is in front in it."""
        picture = cv2.GaussianBlur(rgb, (3, 3), 0).astype(np.float32)
        state = self.state
        if state is None or state.mean.shape != picture.shape:
            self._begin(picture, stamp, stamp - self.config.calm)
            return Foreground(np.zeros(rgb.shape[:2], bool), moved=False, steady=True)
        even = _same_light(picture, state.mean)
        front = self._differs(even, state.mean)
        if front.mean() > self.config.everywhere:
            self._begin(picture, stamp, stamp)
            return Foreground(np.zeros_like(front), moved=True, steady=False)
        elapsed = max(stamp - state.stamp, 0.0)
        self._note_changes(even, stamp)
        self._follow(even, front, elapsed)
        front = _cleaned(front)
        front = self._absorb(even, front, stamp)
        state.stamp = stamp
        steady = stamp - state.disturbed >= self.config.calm
        return Foreground(front if steady else np.zeros_like(front), moved=False, steady=steady)

    def _begin(self, picture: Float32[np.ndarray, "h w 3"], stamp: float, disturbed: float) -> None:
        self.state = BackgroundState(
            mean=picture,
            latest=picture.copy(),
            since=np.full(picture.shape[:2], stamp),
            stamp=stamp,
            disturbed=disturbed,
        )

    def _differs(
        self, picture: Float32[np.ndarray, "h w 3"], mean: Float32[np.ndarray, "h w 3"]
    ) -> Bool[np.ndarray, "h w"]:
        """Return pixels that differ from the background by more than light."""
        apart = _largest(picture - mean) > self.config.threshold
        # A shadow has the background's colour and a little less light.
        share = (_total(picture) + 1) / (_total(mean) + 1)
        tinted = _largest(picture - mean * share[..., None]) > self.config.threshold / 2
        return apart & ~((share > self.config.shadow) & (share < 1) & ~tinted)

    def _note_changes(self, picture: Float32[np.ndarray, "h w 3"], stamp: float) -> None:
        state = self.state
        assert state is not None, "made with the first picture"
        changed = _largest(picture - state.latest) > self.config.threshold / 2
        state.latest[changed] = picture[changed]
        state.since[changed] = stamp

    def _follow(
        self,
        picture: Float32[np.ndarray, "h w 3"],
        front: Bool[np.ndarray, "h w"],
        elapsed: float,
    ) -> None:
        """Let the background follow what is not in front of it."""
        state = self.state
        assert state is not None, "made with the first picture"
        share = np.float32(1 - np.exp(-self.config.rate * elapsed))
        step = np.where(front[..., None], np.float32(0), share * (picture - state.mean))
        state.mean += step

    def _absorb(
        self,
        picture: Float32[np.ndarray, "h w 3"],
        front: Bool[np.ndarray, "h w"],
        stamp: float,
    ) -> Bool[np.ndarray, "h w"]:
        """Make background of what has settled, and of places that something left."""
        state = self.state
        assert state is not None, "made with the first picture"
        if not front.any():
            return front
        _, parts, boxes, _ = cv2.connectedComponentsWithStats(front.astype(np.uint8))
        now, before = _edges(picture), _edges(state.mean)
        for number in range(1, len(boxes)):
            x, y, width, height = boxes[number][:4]
            view = (slice(y, y + height), slice(x, x + width))
            part = parts[view] == number
            still = np.quantile((stamp - state.since[view])[part], _MOVING_SHARE)
            if still < self.config.uncovered:
                continue
            wide = _grown(view, 2, front.shape)
            rim = _cut(_outline(np.pad(part, 2)), view, wide, 2)
            left = before[wide][rim].mean() > _OUTLINED * now[wide][rim].mean()
            if left or still >= self.config.settled:
                state.mean[view][part] = picture[view][part]
                front[view] &= ~part
        return front


def _largest(change: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """Return the largest change of a channel; numpy's own reduction of so short an axis is slow."""
    change = np.abs(change)
    return np.maximum(np.maximum(change[..., 0], change[..., 1]), change[..., 2])


def _total(picture: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """Return the sum of the channels, as quickly."""
    return picture[..., 0] + picture[..., 1] + picture[..., 2]


def _same_light(
    picture: Float32[np.ndarray, "h w 3"], mean: Float32[np.ndarray, "h w 3"]
) -> Float32[np.ndarray, "h w 3"]:
    """Return a picture as if the camera had exposed it like the background.

    The gain is the median over a grid of pixels, so that what is in front has no part in it while
    it covers less than half.
    """
    grid = (slice(None, None, 3), slice(None, None, 3))
    gain = np.median((mean[grid] + 8) / (picture[grid] + 8), axis=(0, 1))
    return picture * np.clip(gain, 0.8, 1.25).astype(np.float32)


def _cleaned(front: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Remove single pixels, and close gaps inside things."""
    kernel = np.ones((3, 3), np.uint8)
    opened = cv2.morphologyEx(front.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    return cv2.morphologyEx(opened, cv2.MORPH_CLOSE, kernel).astype(bool)


def _edges(picture: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    grey = _total(picture) / np.float32(3)
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 4


def _outline(part: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    kernel = np.ones((3, 3), np.uint8)
    solid = part.astype(np.uint8)
    return (cv2.dilate(solid, kernel) > cv2.erode(solid, kernel)).astype(bool)


def _grown(view: tuple[slice, slice], margin: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return a window with a margin, as far as the picture goes."""
    rows, columns = (
        slice(max(s.start - margin, 0), min(s.stop + margin, length))
        for s, length in zip(view, shape, strict=False)
    )
    return rows, columns


def _cut(
    padded: Bool[np.ndarray, "h w"],
    view: tuple[slice, slice],
    wide: tuple[slice, slice],
    margin: int,
) -> Bool[np.ndarray, "y x"]:
    """Return the part of a padded mask that lies in the picture."""
    top = wide[0].start - (view[0].start - margin)
    left = wide[1].start - (view[1].start - margin)
    height = wide[0].stop - wide[0].start
    width = wide[1].stop - wide[1].start
    return padded[top : top + height, left : left + width]
