"""What can be trained on the command line. Light to import."""

from typing import Annotated, Literal

import tyro

from embodied_mem.app.policy_commands import TrainPolicy
from embodied_mem.config import Config


class TrainSegmenter(Config, frozen=True, tag="segmenter"):
    """Train the segmenter: draw labelled frames where they are missing, then train.

    Run again with the same settings, it goes on where it was interrupted.
    """

    data: str
    """Folder of labelled frames; what is missing there is drawn first."""
    out: str
    """Folder of the run: checkpoint, learning curve, weights."""
    houses: int = 300
    """Generated houses to train on."""
    first: int = 1000
    """Seed of the first of them; the others count on from it."""
    validation_houses: int = 12
    """Generated houses to measure on, with seeds from 900 on."""
    frames: int = 16
    """Frames of each of these houses."""
    backbone: str = "resnet18"
    """A model of timm's, trained from scratch."""
    channels: tuple[int, ...] = (64, 128, 256, 320)
    """Widths of a ResNet's four stages; `--channels` alone: those of timm's model."""
    steps: int = 6000
    """Batches in all."""
    minutes: float | None = None
    """Time for training [min], if it shall end before all steps are done."""
    batch: int = 8
    """Images to a batch."""
    crop: int = 160
    """Side of the images that the network is shown [px]; a multiple of 32."""
    learning_rate: float = 2e-3
    """At its highest."""
    seed: int = 0
    """Of the network's first weights and of the choice of images."""
    begin_with: str | None = None
    """File of weights to go on from, in a new run."""
    device: str = "cpu"
    """Where the network runs: cpu, cuda."""
    workers: int = 0
    """Processes that draw frames and prepare images; 0: none but this one. For a GPU, one for
    each core."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the network's forward pass."""


class TrainTracker(Config, frozen=True, tag="tracker"):
    """Train the compact tracker: film houses where films are missing, then train.

    Run again with the same settings, it goes on where it was interrupted.
    """

    data: str
    """Folder of films; what is missing there is filmed first."""
    out: str
    """Folder of the run: checkpoint, learning curve, weights."""
    houses: int = 100
    """Generated houses to train on."""
    first: int = 1000
    """Seed of the first of them; the others count on from it."""
    validation_houses: int = 4
    """Generated houses to measure on, with seeds from 900 on."""
    films: int = 4
    """Films of each of these houses."""
    images: str | None = None
    """Folder of pictures of your own to train on as well, NAME.jpg with its masks NAME.png: they
    are moved about and overlaid."""
    steps: int = 3000
    """Batches in all."""
    minutes: float | None = None
    """Time for training [min], if it shall end before all steps are done."""
    load: int = 256
    """Frames of all clips of a batch together."""
    crop: int = 288
    """Side of the pictures that the network is shown [px]; a multiple of 16."""
    learning_rate: float = 1e-3
    """At its highest."""
    seed: int = 0
    """Of the network's first weights and of the choice of films."""
    device: str = "cpu"
    """Where the network runs: cpu, cuda."""
    validations: int = 5
    """Measurements on the validation films, evenly over the training."""
    workers: int = 0
    """Processes that film; 0: none but this one."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the network; weights, similarities and losses are float32."""


class Train(Config, frozen=True):
    """Train the segmenter, the tracker of objects in videos, or a policy that remembers."""

    task: tyro.conf.OmitSubcommandPrefixes[
        tyro.conf.OmitArgPrefixes[
            Annotated[TrainSegmenter, tyro.conf.subcommand("segmenter")]
            | Annotated[TrainTracker, tyro.conf.subcommand("tracker")]
            | Annotated[TrainPolicy, tyro.conf.subcommand("policy")]
        ]
    ]
