"""Frame to percept: detect, spoil (where asked), describe, place."""

from typing import assert_never

import numpy as np

from embodied_mem.types import Frame, Percept
from perception.appearance import ColourFeatures, ColourFeaturesConfig, Describer
from perception.depth_filters import DepthFilter
from perception.detections import Detector
from perception.geometric import Geometric, GeometricConfig
from perception.learned.config import LearnedConfig
from perception.lift import lift
from perception.noise import NoiseModel
from perception.open_vocabulary_config import OpenVocabularyConfig
from perception.oracle import Oracle, OracleConfig
from perception.timm_config import TimmFeaturesConfig
from perception.torchvision_config import TorchvisionConfig

PerceptionConfig = (
    OracleConfig | LearnedConfig | GeometricConfig | TorchvisionConfig | OpenVocabularyConfig
)
"""What finds the things in an image."""

FeaturesConfig = ColourFeaturesConfig | TimmFeaturesConfig
"""What describes how they look."""


def build_detector(config: PerceptionConfig) -> Detector:
    """Build the detector that a config describes.

    Libraries and weights that only one of them needs are loaded here, not on import.
    """
    # ruff: noqa: PLC0415
    match config:
        case OracleConfig():
            return Oracle(config)
        case LearnedConfig():
            from perception.learned.detector import Learned

            return Learned(config)
        case GeometricConfig():
            return Geometric(config)
        case TorchvisionConfig():
            from perception.torchvision_detector import TorchvisionDetector

            return TorchvisionDetector(config)
        case OpenVocabularyConfig():
            from perception.open_vocabulary import OpenVocabulary

            return OpenVocabulary(config)
        case _:
            assert_never(config)


def build_describer(config: FeaturesConfig) -> Describer:
    """Build what describes the looks of detections, in the same way."""
    match config:
        case ColourFeaturesConfig():
            return ColourFeatures(config)
        case TimmFeaturesConfig():
            from perception.timm_features import TimmFeatures

            return TimmFeatures(config)
        case _:
            assert_never(config)


class Pipeline:
    """A perceiver: a detector followed by appearance and lift.

    The percept's frame is the one that was perceived: its depth is the noisy or filtered one, where
    the config says so, so that whoever reads depth from it (the occupancy map) sees the same.
    """

    def __init__(
        self, config: PerceptionConfig | None = None, features: FeaturesConfig | None = None
    ):
        """Build the parts.

        Args:
            config: What finds things; the oracle when None.
            features: What describes them; their colours when None.
        """
        self.config = config or OracleConfig()
        self._detect = build_detector(self.config)
        self._describe = build_describer(features or ColourFeaturesConfig())
        noise = self.config.noise if isinstance(self.config, OracleConfig) else None
        self._noise = NoiseModel(noise) if noise is not None else None
        filters = self.config.lift.filters if self.config.lift is not None else None
        self._filter = DepthFilter(filters) if filters is not None else None

    def __call__(self, frame: Frame) -> Percept:
        """Describe one frame.

        Raises:
            FrameError: The frame lacks what the detector or the lift needs; the message says what.
        """
        if self._noise is None:
            frame = self._filtered(frame)
        detections = self._detect(frame)
        if self._noise is not None:
            detections = self._noise.detections(detections)
            frame = self._filtered(self._noise.frame(frame))
        if self.config.lift is not None:
            points, boxes = lift(frame, detections.masks, self.config.lift)
        else:
            points = tuple(np.zeros((0, 3), np.float32) for _ in detections.labels)
            boxes = np.full((len(detections), 2, 3), np.nan)
        return Percept(
            frame=frame,
            masks=detections.masks,
            labels=detections.labels,
            scores=detections.scores,
            features=self._describe(frame.rgb, detections.masks),
            points=points,
            boxes=boxes,
            attributes=detections.attributes,
            source_ids=detections.source_ids,
        )

    def _filtered(self, frame: Frame) -> Frame:
        return frame if self._filter is None else self._filter(frame)
