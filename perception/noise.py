"""What a real detector and a real depth camera get wrong, drawn from a seed.

The default levels are those of a good detector on indoor video, one frame at a time, and of a
consumer stereo or structured-light camera, whose depth error grows with the square of depth.
"""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.types import Attributes, Frame
from perception.detections import Detections


class NoiseConfig(Config, frozen=True):
    """Errors of detection and depth. Each is drawn afresh for each frame."""

    seed: int = 0
    drop: float = 0.1
    """Probability that a large mask is missed. The smallest are missed three times as often:
    `drop * (1 + 2 exp(-pixels / 150))`."""
    split: float = 0.03
    """Probability that a mask falls into two detections."""
    mislabel: float = 0.05
    """Probability of a plausible wrong label."""
    attribute_error: float = 0.02
    """Probability that one observed state is read wrongly."""
    boundary: float = 0.3
    """Probability that a mask is grown or shrunk by one pixel, and that it is moved by one."""
    depth_sigma: float = 0.005
    """Standard deviation of depth at 1 m [m]; grows with the square of depth."""
    depth_dropout: float = 0.02
    """Share of pixels without depth."""

    def __post_init__(self) -> None:
        shares = ("drop", "split", "mislabel", "attribute_error", "boundary", "depth_dropout")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"noise.{name} must lie in 0..1, got {getattr(self, name)}.")
        if not self.depth_sigma >= 0:
            raise ConfigError(f"noise.depth_sigma must be >= 0 m, got {self.depth_sigma}.")


CONFUSED = (
    ("Mug", "Cup", "Bowl", "WineBottle"),
    ("Bowl", "Plate", "Pan"),
    ("Plate", "Bowl"),
    ("Pot", "Pan", "Kettle"),
    ("Knife", "ButterKnife", "Spoon", "Fork"),
    ("Fork", "Spoon", "Knife"),
    ("Spatula", "Ladle", "Spoon"),
    ("Apple", "Tomato", "Potato"),
    ("Bread", "Box", "Potato"),
    ("Lettuce", "HousePlant", "Apple"),
    ("SaltShaker", "PepperShaker", "SprayBottle"),
    ("SprayBottle", "SoapBottle", "WineBottle", "Bottle"),
    ("Book", "Newspaper", "Laptop"),
    ("RemoteControl", "CellPhone", "Pen"),
    ("Pen", "Pencil"),
    ("KeyChain", "Watch", "CreditCard"),
    ("Vase", "Statue", "Bottle"),
    ("Pillow", "Cloth", "TeddyBear"),
    ("Cloth", "HandTowel", "Towel"),
    ("CounterTop", "DiningTable", "Desk"),
    ("CoffeeTable", "SideTable", "DiningTable"),
    ("SideTable", "Desk", "Dresser"),
    ("Dresser", "Cabinet", "TVStand"),
    ("Cabinet", "Drawer", "Shelf"),
    ("ArmChair", "Sofa", "Chair"),
    ("Chair", "Stool", "ArmChair"),
    ("FloorLamp", "DeskLamp"),
    ("Television", "Painting", "Window"),
    ("Fridge", "Cabinet", "Doorway"),
    ("Microwave", "Toaster", "Box"),
    ("GarbageCan", "LaundryHamper", "Box"),
)
"""Labels that are taken for one another: the first for any of the rest, and each of them for it."""


def _alternatives() -> dict[str, tuple[str, ...]]:
    table: dict[str, dict[str, None]] = {}
    for first, *others in CONFUSED:
        for other in others:
            table.setdefault(first, {})[other] = None
            table.setdefault(other, {})[first] = None
    return {label: tuple(others) for label, others in table.items()}


ALTERNATIVES = _alternatives()
"""Plausible wrong labels of each label."""

_TEMPERATURES = ("Cold", "RoomTemp", "Hot")
_CERTAIN = ("held",)  # The gripper knows.


class NoiseModel:
    """Spoils detections and frames; the same seed and the same calls give the same errors."""

    def __init__(self, config: NoiseConfig | None = None):
        self.config = config or NoiseConfig()
        self.reset()

    def reset(self) -> None:
        """Start the seed's sequence again."""
        self._random = np.random.default_rng(self.config.seed)

    def frame(self, frame: Frame) -> Frame:
        """Return the frame with noisy depth; without depth, the frame itself."""
        if frame.depth is None or not (self.config.depth_sigma or self.config.depth_dropout):
            return frame
        return replace(frame, depth=self._depth(frame.depth))

    def _depth(self, depth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        shape = depth.shape
        error = self._random.standard_normal(shape, dtype=np.float32)
        error *= np.float32(self.config.depth_sigma)
        with np.errstate(invalid="ignore"):  # Unknown stays unknown.
            noisy = depth + error * depth * depth
        lost = self._random.random(shape, dtype=np.float32) < self.config.depth_dropout
        noisy[lost] = np.nan
        return noisy

    def detections(self, detections: Detections) -> Detections:
        """Return the detections as a worse detector would give them."""
        rows = self._survivors(detections)
        kept = detections.take(rows)
        masks = np.ascontiguousarray(kept.masks)
        labels, scores = list(kept.labels), np.array(kept.scores, dtype=float)
        attributes = list(kept.attributes)
        in_view = tuple(dict.fromkeys(detections.labels))
        halves: list[tuple[int, np.ndarray]] = []
        for i in range(len(kept)):
            scores[i] *= self._random.uniform(0.7, 1.0)
            if self._random.random() < self.config.mislabel:
                labels[i] = self._wrong_label(labels[i], in_view)
                scores[i] *= 0.7
            attributes[i] = self._misread(attributes[i])
            masks[i] = self._redraw(masks[i])
            if self._random.random() < self.config.split:
                masks[i], other = self._halve(masks[i])
                halves.append((i, other))
        whole = Detections(
            masks=masks,
            labels=tuple(labels),
            scores=scores,
            attributes=tuple(attributes),
            source_ids=kept.source_ids,
        )
        return _with_halves(whole, halves)

    def _survivors(self, detections: Detections) -> list[int]:
        pixels = detections.masks.sum(axis=(1, 2))
        missed = self.config.drop * (1 + 2 * np.exp(-pixels / 150.0))
        return np.flatnonzero(self._random.random(len(pixels)) >= missed).tolist()

    def _wrong_label(self, label: str, in_view: tuple[str, ...]) -> str:
        others = ALTERNATIVES.get(label) or tuple(name for name in in_view if name != label)
        return others[self._random.integers(len(others))] if others else label

    def _misread(self, attributes: Attributes) -> Attributes:
        wrong = {
            name: self._wrong_value(value)
            for name, value in attributes.items()
            if name not in _CERTAIN and self._random.random() < self.config.attribute_error
        }
        return {**attributes, **wrong} if wrong else attributes

    def _wrong_value(self, value: bool | float | str) -> bool | float | str:  # noqa: FBT001
        if isinstance(value, bool):
            return not value
        if isinstance(value, str):
            others = [name for name in _TEMPERATURES if name != value]
            return others[self._random.integers(len(others))] if len(others) == 2 else value
        return float(np.clip(value + self._random.normal(0, 0.2), 0, 1))

    def _redraw(self, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
        """Grow or shrink the mask by a pixel, and move it by one; never to nothing."""
        redrawn = mask
        if self._random.random() < self.config.boundary:
            change = cv2.dilate if self._random.random() < 0.5 else cv2.erode
            redrawn = change(mask.view(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        if self._random.random() < self.config.boundary:
            dy, dx = self._random.integers(-1, 2, size=2)
            redrawn = _shifted(redrawn, int(dy), int(dx))
        return redrawn if redrawn.any() else mask

    def _halve(
        self, mask: Bool[np.ndarray, "h w"]
    ) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
        """Cut the mask in two across its longer side; the larger part comes first."""
        rows, columns = np.nonzero(mask)
        across = rows if np.ptp(rows) > np.ptp(columns) else columns
        cut = np.quantile(across, self._random.uniform(0.3, 0.7))
        first = np.zeros_like(mask)
        first[rows[across <= cut], columns[across <= cut]] = True
        second = mask & ~first
        return (first, second) if first.sum() >= second.sum() else (second, first)


def _shifted(mask: Bool[np.ndarray, "h w"], dy: int, dx: int) -> Bool[np.ndarray, "h w"]:
    h, w = mask.shape
    moved = np.zeros_like(mask)
    moved[max(dy, 0) : h + min(dy, 0), max(dx, 0) : w + min(dx, 0)] = mask[
        max(-dy, 0) : h + min(-dy, 0), max(-dx, 0) : w + min(-dx, 0)
    ]
    return moved


def _with_halves(
    detections: Detections, halves: list[tuple[int, Bool[np.ndarray, "h w"]]]
) -> Detections:
    """Append the cut-off parts, each a copy of its whole but for the mask."""
    halves = [(i, mask) for i, mask in halves if mask.any()]
    if not halves:
        return detections
    grown = detections.take([*range(len(detections)), *(i for i, _ in halves)])
    masks = np.concatenate((detections.masks, np.stack([mask for _, mask in halves])))
    return replace(grown, masks=masks)
