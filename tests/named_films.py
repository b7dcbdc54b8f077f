"""Films looked at by a tiny detector with random weights, with and without a bank of features."""

from pathlib import Path
from typing import Any

from tiny_models import tiny_detector, use_tiny_networks

from embodied_mem.app.video_detector import detector_name
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import VideoRow
from embodied_mem.video.scripted import Planted, Script
from perception.feature_bank_config import FeatureBankConfig
from perception.video.chunks import ChunksConfig
from perception.video.detecting import VideoDetector, VideoDetectorConfig
from perception.video.intake import IntakeConfig, take_in
from perception.video.look import GridLook
from perception.video.recorder import RecorderConfig

SHORT = Script(
    seconds=26,
    events=[
        Planted(kind="passer", start=5, stop=9),
        Planted(kind="square", start=14, stop=17, colour="red", region="top left"),
    ],
)
"""Three chunks long."""
BANK = FeatureBankConfig(capacity=150, keys=60, written=20)
"""Full after eight pictures or so, and then replaced at random."""


def settings(detector: VideoDetectorConfig) -> IntakeConfig:
    """Return how short films are taken in, in chunks of ten seconds."""
    return IntakeConfig(
        rate=2.0,
        side=80,
        folder_rate=30.0,
        look="grid",
        detector=detector_name(detector),
        recorder=RecorderConfig(chunks=ChunksConfig(seconds=10.0, hand_over=3.0)),
    )


def remember_named(
    index: EventIndex,
    film: str | Path,
    weights: Path,
    bank: FeatureBankConfig | None = BANK,
    **more: Any,
) -> VideoRow:
    """Take a film in, with the detector of these weights; they are drawn where they are missing."""
    use_tiny_networks()
    config = tiny_detector(weights, bank)
    detector = VideoDetector(config)
    return take_in(index, film, settings(config), GridLook(), detector=detector, **more)
