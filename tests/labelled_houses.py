"""Labelled frames of two small houses, and a segmenter's run on them: small, drawn once."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from perception.learned.generation import FramesConfig, generate_shards
from perception.learned.network import NetworkConfig
from perception.learned.sampling import SamplingConfig
from perception.learned.training import RunConfig, TrainingConfig

SMALL = FramesConfig(frames=3, arrangements=2, size=96)
SEEDS = range(1001, 1003)
"""Two of the smaller houses."""
TINY = TrainingConfig(
    steps=4,
    batch=2,
    warm_up=2,
    precision="float32",
    network=NetworkConfig(
        backbone="mobilenetv4_conv_small_050", channels=(), width=16, fine_width=8
    ),
    sampling=SamplingConfig(crop=64),
)
OFTEN = RunConfig(log_every=1, checkpoint_every=2, validate_every=2)


@cache
def labelled_houses() -> Path:
    """Return a folder with the frames of the houses `SEEDS`; it is drawn once and only read."""
    folder = Path(mkdtemp(prefix="labelled_houses"))
    for _ in generate_shards(folder, SEEDS, SMALL):
        pass
    return folder
