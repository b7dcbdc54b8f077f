"""What a detector finds in the pictures of a video, in place of what moves and of colours."""

from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Bool, UInt8

from embodied_mem.config import Config
from embodied_mem.memory.run_lengths import encode_within
from embodied_mem.types import Attributes, Frame
from perception.label_map import folded, words_of
from perception.open_vocabulary_config import OpenVocabularyConfig
from perception.pipeline import build_detector
from perception.torchvision_config import TorchvisionConfig
from perception.video.colours import colour_terms, describe
from perception.video.sighting import OUTLINE, Sighting

_MOVERS = (
    "person", "man", "woman", "child", "bicycle", "car", "motorcycle", "airplane", "bus", "train",
    "truck", "boat", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra",
    "giraffe",
)  # fmt: skip


class VideoDetectorConfig(Config, frozen=True):
    """What names the things of a video."""

    perception: TorchvisionConfig | OpenVocabularyConfig
    """The detector; how it places things in the world has no part in a video."""
    movers: tuple[str, ...] = _MOVERS
    """Names of what moves by itself: it comes and goes, while other things are where they are."""

    @property
    def remembers(self) -> bool:
        """Whether what it finds in a picture depends on the pictures before."""
        return isinstance(self.perception, TorchvisionConfig) and self.perception.bank is not None

    @property
    def outlines(self) -> bool:
        """Whether its masks are more than boxes: without depth, some are."""
        if isinstance(self.perception, TorchvisionConfig):
            return self.perception.architecture.startswith("maskrcnn")
        return self.perception.masks is not None


@runtime_checkable
class Remembering(Protocol):
    """A detector with features of earlier pictures."""

    def reset(self) -> None:
        """Forget them."""
        ...


class VideoDetector:
    """Finds and names the things in the pictures of a video."""

    def __init__(self, config: VideoDetectorConfig):
        """Load the weights.

        Raises:
            ConfigError: There is no such device, or a model is of another kind.
            MissingExtraError: transformers is needed and not installed.
            WeightsError: The weights are missing, damaged, or another network's.
        """
        self.config = config
        self._detect = build_detector(config.perception)
        self._movers = frozenset(folded(name) for name in config.movers)

    def begin(self) -> None:
        """Forget the pictures before: another part of a video begins."""
        if self.config.remembers and isinstance(self._detect, Remembering):
            self._detect.reset()

    def learn(self, rgb: UInt8[np.ndarray, "h w 3"], stamp: float) -> None:
        """Look at a picture of which only the detector's memory is wanted, if it has any."""
        if self.config.remembers:
            self._detect(Frame(stamp=stamp, rgb=rgb))

    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], stamp: float
    ) -> tuple[list[Sighting], list[Sighting]]:
        """Return what moves by itself in a picture, and the other things.

        Raises:
            DetectorError: The device's memory is full.
        """
        found = self._detect(Frame(stamp=stamp, rgb=rgb))
        terms = colour_terms(rgb)
        moving: list[Sighting] = []
        things: list[Sighting] = []
        rows = zip(found.masks, found.labels, found.attributes, found.scores, strict=True)
        for mask, label, attributes, score in rows:
            name = name_of(label, attributes)
            sighting = self._sighting(terms, mask, name, float(score))
            (moving if name in self._movers else things).append(sighting)
        return moving, things

    def _sighting(
        self,
        terms: UInt8[np.ndarray, "h w"],
        mask: Bool[np.ndarray, "h w"],
        name: str,
        score: float,
    ) -> Sighting:
        view = _window(mask)
        measured = Sighting.of(view, mask[view], mask.shape, describe(terms[view], mask[view]))
        outline = encode_within(mask, OUTLINE) if self.config.outlines else None
        # Rounded, so that the last bits of sums over more or fewer threads do not matter.
        return msgspec.structs.replace(measured, name=name, score=round(score, 3), outline=outline)


def name_of(label: str, attributes: Attributes) -> str:
    """Return the detector's own word for what has a label, in small letters."""
    return folded(str(attributes.get("called", words_of(label))))


def _window(mask: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """Return the rows and columns of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
