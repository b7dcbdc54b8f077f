"""Chooses and varies training images: crops about things, rare kinds as often as they can be."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from embodied_mem.config import Config
from embodied_mem.types import Camera
from perception.learned.inputs import network_input
from perception.learned.shards import BOTTOM, FRAME, LABEL, LEFT, PIXELS, RIGHT, TOP, Shard
from perception.learned.targets import Targets, make_targets


class SamplingConfig(Config, frozen=True):
    """How images are cut and varied."""

    crop: int = 160
    """Side of what the network is shown [px]; a multiple of 32."""
    anywhere: float = 0.2
    """Share of crops that are about nothing in particular."""
    evenness: float = 0.6
    """How far kinds are drawn alike: 0, as often as they are seen; 1, all as often."""
    min_pixels: int = 24
    """Things of fewer pixels are not cropped about [px]."""
    zoom: tuple[float, float] = (0.6, 1.2)
    """Least and greatest factor by which images are scaled; small ones show more of the room."""
    colour: float = 0.2
    """How far brightness, contrast and colours are varied."""
    noisy_depth: float = 0.2
    """Share of images whose depth is that of a poor camera."""


class Sampler:
    """Draws training images from shards; the same generator draws the same ones.

    Args:
        shards: Labelled frames; all of one size.
        kind_of: Kind (from 1) of each label number.
        config: How images are cut and varied.
    """

    def __init__(
        self, shards: Sequence[Shard], kind_of: Mapping[int, int], config: SamplingConfig
    ) -> None:
        self._shards = shards
        self._config = config
        self._kinds = np.zeros(max(kind_of, default=0) + 1, np.int32)
        self._kinds[list(kind_of)] = list(kind_of.values())
        lengths = [len(shard) for shard in shards]
        self._frames = np.array(
            [(s, f) for s, length in enumerate(lengths) for f in range(length)], np.int64
        )
        self._things, self._chances = self._table()

    def _table(self) -> tuple[Int64[np.ndarray, "n 6"], Float[np.ndarray, "n"]]:
        """Shard, frame and box of each thing, and running sum of the chances to be drawn."""
        rows = np.concatenate(
            [np.insert(shard.things, 0, index, axis=1) for index, shard in enumerate(self._shards)]
        ).astype(np.int64)
        rows = rows[rows[:, PIXELS + 1] >= self._config.min_pixels]
        labels = rows[:, LABEL + 1]
        chances = np.bincount(labels).astype(float)[labels] ** -self._config.evenness
        columns = [0, *(1 + c for c in (FRAME, LEFT, TOP, RIGHT, BOTTOM))]
        return rows[:, columns], np.cumsum(chances / chances.sum())

    def draw(self, rng: np.random.Generator) -> tuple[Float32[np.ndarray, "c h w"], Targets]:
        """Draw one image and what is to be said of it."""
        config, side = self._config, self._config.crop
        if rng.random() < config.anywhere:
            shard, index = self._frames[rng.integers(len(self._frames))]
            box = None
        else:
            place = min(np.searchsorted(self._chances, rng.random()), len(self._things) - 1)
            shard, index, *box = self._things[place].tolist()
        frame = self._shards[shard].frame(int(index))
        height, width = frame.ids.shape
        zoom = float(np.exp(rng.uniform(*np.log(config.zoom))))
        cut = min(round(side / zoom), height, width)
        left, top = _corner(box, cut, (width, height), rng)
        window = slice(top, top + cut), slice(left, left + cut)
        depth = frame.depth[window].astype(np.float32) / 1000
        if rng.random() < config.noisy_depth:
            depth = poor_depth(depth, rng)
        fx, fy, cx, cy = frame.camera.tolist()
        camera = Camera(width=cut, height=cut, fx=fx, fy=fy, cx=cx - left, cy=cy - top)
        rgb = recoloured(frame.rgb[window], rng, config.colour)
        image = network_input(rgb, depth, camera, frame.pose)
        # Scaled at last: surfaces of scaled depth would be stairs.
        image = _scaled(image.transpose(1, 2, 0), side, smooth=True).transpose(2, 0, 1)
        ids = _scaled(frame.ids[window], side, smooth=False)
        if rng.random() < 0.5:
            image, ids = image[..., ::-1], np.ascontiguousarray(ids[:, ::-1])
        image = np.ascontiguousarray(image)
        return image, make_targets(ids, self._kinds[frame.labels], frame.states)


def _corner(
    box: Sequence[int] | None, cut: int, size: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int]:
    """Left and top of a window that holds a point of the box, or lies anywhere."""
    corner = []
    for axis, length in enumerate(size):
        low, high = 0, length - cut
        if box is not None:
            point = int(rng.integers(box[axis], max(box[axis + 2], box[axis] + 1)))
            margin = cut // 8
            low = min(max(point - cut + margin, 0), high)
            high = max(min(point - margin, high), low)
        corner.append(int(rng.integers(low, high + 1)))
    return corner[0], corner[1]


def _scaled(image: np.ndarray, side: int, *, smooth: bool) -> np.ndarray:
    if image.shape[0] == side:
        return image
    how = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    return cv2.resize(image, (side, side), interpolation=how)


def recoloured(
    rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator, strength: float
) -> UInt8[np.ndarray, "h w 3"]:
    """Vary light and camera: brightness, contrast, gamma, colour of the light, and noise."""
    gain = rng.uniform(1 - strength, 1 + strength) * rng.uniform(
        1 - strength / 2, 1 + strength / 2, 3
    )
    gamma = float(np.exp(rng.uniform(-strength, strength)))
    levels = (np.arange(256) / 255) ** gamma
    table = (255 * levels[:, None] * gain).clip(0, 255).astype(np.uint8)  # (256, 3)
    seen = cv2.LUT(rgb, table[None])
    if rng.random() < 0.5:
        width = np.float32(rng.uniform(0, 20 * strength))
        noise = (rng.standard_normal(rgb.shape[:2], np.float32) * width).astype(np.int16)
        seen = cv2.add(seen, cv2.merge([noise] * 3), dtype=cv2.CV_8U)  # Clipped.
    return seen


def poor_depth(
    depth: Float32[np.ndarray, "h w"], rng: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Depth of a consumer camera: an error that grows with its square, and holes."""
    error = rng.standard_normal(depth.shape, np.float32)
    error *= np.float32(rng.uniform(0.0005, 0.003))
    seen = depth + error * depth**2
    holes = cv2.resize(
        rng.random((depth.shape[0] // 8, depth.shape[1] // 8), np.float32),
        depth.shape[::-1],
        interpolation=cv2.INTER_NEAREST,
    )
    seen[holes < rng.uniform(0, 0.08)] = 0
    return seen
