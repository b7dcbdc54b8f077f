"""Frame to percept: detect, spoil (where asked), describe, place."""

from typing import assert_never

import numpy as np

from embodied_mem.types import Frame, Percept
from perception.appearance import colour_features
from perception.detections import Detector
from perception.learned.config import LearnedConfig
from perception.lift import lift
from perception.noise import NoiseModel
from perception.oracle import Oracle, OracleConfig

PerceptionConfig = OracleConfig | LearnedConfig
"""What finds the things in an image."""


def build_detector(config: PerceptionConfig) -> Detector:
    """Build the detector that a config describes.

    Libraries and weights that only one of them needs are loaded here, not on import.
    """
    match config:
        case OracleConfig():
            return Oracle(config)
        case LearnedConfig():
            from perception.learned.detector import Learned  # noqa: PLC0415 - timm is slow.

            return Learned(config)
        case _:
            assert_never(config)


class Pipeline:
    """A perceiver: a detector followed by appearance and lift.

    The percept's frame is the one that was perceived: with depth noise its depth is the noisy one,
    so that whoever reads depth from a percept (the occupancy map) sees what a camera would.
    """

    def __init__(self, config: PerceptionConfig | None = None):
        self.config = config or OracleConfig()
        self._detect = build_detector(self.config)
        noise = self.config.noise if isinstance(self.config, OracleConfig) else None
        self._noise = NoiseModel(noise) if noise is not None else None

    def __call__(self, frame: Frame) -> Percept:
        """Describe one frame.

        Raises:
            FrameError: The frame lacks what the detector or the lift needs; the message says what.
        """
        detections = self._detect(frame)
        if self._noise is not None:
            detections = self._noise.detections(detections)
            frame = self._noise.frame(frame)
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
            features=colour_features(frame.rgb, detections.masks),
            points=points,
            boxes=boxes,
            attributes=detections.attributes,
            source_ids=detections.source_ids,
        )
