"""Milliseconds a frame of each stage of each perceiver, on views of a generated house.

    python benchmarks/detectors.py [--frames 12] [--threads 1 2] [--open-vocabulary FOLDER]

A perceiver is a detector, a description of looks (colours, where not said otherwise) and `lift`.
The oracle, `Geometric` and `Learned` are as they are shipped. Mask and Faster R-CNN, OWL-ViT and
the networks of timm have their published sizes (millions of numbers in their weights are printed)
and random weights unless a folder is given: speed does not depend on them but for the number of
detections, which is set (`--detections`). Medians over frames of wall time and, after a slash, of
processor time, which other work on the machine disturbs less; its load is printed, too.
"""

import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import torch
import tyro
from safetensors import safe_open
from safetensors.torch import save_file

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.household.tour import tour
from embodied_mem.types import Frame
from perception import (
    FeaturesConfig,
    GeometricConfig,
    LearnedConfig,
    OpenVocabularyConfig,
    Oracle,
    OracleConfig,
    PerceptionConfig,
    Pipeline,
    TimmFeaturesConfig,
    geometric,
    open_vocabulary,
    pipeline,
    timm_features,
    torchvision_detector,
)
from perception.appearance import ColourFeatures
from perception.geometric import detector as geometric_detector
from perception.label_map import vocabulary_in_words
from perception.learned.detector import Learned
from perception.learned.weights import SHIPPED
from perception.torchvision_config import Architecture, TorchvisionConfig

SIZES = ((300, 300), (640, 480))

Stage = tuple[object, str, str]
"""A class or module, the name of its function, and what the stage is called."""

GEOMETRIC: tuple[Stage, ...] = (
    (geometric_detector, "relief", "relief"),
    (geometric_detector, "find_planes", "planes"),
    (geometric_detector, "edges", "edges"),
    (geometric.Geometric, "_pieces", "pieces"),
    (geometric_detector, "join", "pieces joined"),
    (geometric_detector, "panes", "wholes"),
    (geometric_detector, "under_tops", "wholes"),
    (geometric_detector, "_detections", "masks"),
)
LEARNED: tuple[Stage, ...] = (
    (Learned, "prepare", "input"),
    (Learned, "maps", "network"),
    (Learned, "groups", "grouping"),
    (Learned, "detections", "masks"),
)
R_CNN: tuple[Stage, ...] = (
    (torchvision_detector.TorchvisionDetector, "_look", "network"),
    (torchvision_detector, "detections_of", "masks"),
)
ZERO_SHOT: tuple[Stage, ...] = (
    (open_vocabulary.OpenVocabulary, "_pass", "network"),
    (open_vocabulary.OpenVocabulary, "_detections", "masks"),
)
TIMM: tuple[Stage, ...] = (
    (timm_features.TimmFeatures, "maps", "features: network"),
    (timm_features, "pool_under", "features: pooling"),
)
AROUND: tuple[Stage, ...] = (
    (ColourFeatures, "__call__", "features: colours"),
    (pipeline, "lift", "lift"),
    (pipeline.Pipeline, "__call__", "all"),
)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Benchmark of perceivers."""

    frames: int = 12
    """Frames timed, after one that is not."""
    heavy_frames: int = 3
    """The same for networks that take seconds."""
    threads: tuple[int, ...] = (1, 2)
    """Threads to compute with."""
    detections: int = 20
    """Detections in a frame of the networks with random weights."""
    image_size: int = 480
    """Shorter side that Mask R-CNN sees [px]; its own default is 800."""
    labels: int = 32
    """Words that are looked for."""
    open_vocabulary: str | None = None
    """Folder of a zero-shot detector; an OWL-ViT of the published base size when left out."""
    masks: str | None = None
    """Folder of a SAM for its boxes; boxes are cut by depth when left out."""
    only: str = ""
    """Only perceivers whose name holds this."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A perceiver and its stages."""

    name: str
    config: PerceptionConfig
    features: FeaturesConfig | None = None
    stages: tuple[Stage, ...]
    weights: Path | None = None
    frames: int


class Meter:
    """Wall and processor time of stages, a frame at a time [ms]."""

    def __init__(self) -> None:
        self.frames: list[dict[str, np.ndarray]] = []

    @contextmanager
    def watching(self, stages: tuple[Stage, ...]) -> Iterator[None]:
        """Count the time in some functions, as long as the block lasts."""
        plain = [(owner, name, getattr(owner, name)) for owner, name, _ in stages]
        for (owner, name, act), (_, _, stage) in zip(plain, stages, strict=True):
            setattr(owner, name, self._timed(act, stage))
        try:
            yield
        finally:
            for owner, name, act in plain:
                setattr(owner, name, act)

    def _timed(self, act: Callable[..., object], stage: str) -> Callable[..., object]:
        def measured(*args: object, **kwargs: object) -> object:
            begin = _clocks()
            result = act(*args, **kwargs)
            self.frames[-1][stage] += _clocks() - begin
            return result

        return measured

    def medians(self) -> dict[str, tuple[float, float]]:
        """Return the medians of each stage over the frames: wall and processor time [ms]."""
        names = {name: None for frame in self.frames for name in frame}
        found = {}
        for name in names:
            wall, processor = np.median([frame[name] for frame in self.frames], axis=0)
            found[name] = float(wall), float(processor)
        return found


def _clocks() -> np.ndarray:
    return 1e3 * np.array([time.perf_counter(), time.process_time()])


def views(size: tuple[int, int], count: int) -> list[Frame]:
    """Every third frame of a walk through a generated house."""
    config = HouseholdSimConfig(house=HouseSource(seed=1), width=size[0], height=size[1])
    with HouseholdSim(config) as sim:
        return list(islice(tour(sim), 1, 1 + 3 * count, 3))


def subjects(folder: Path, arguments: Arguments) -> Iterator[Subject]:
    """Every perceiver, and the oracle with each description of looks."""
    light, heavy = arguments.frames, arguments.heavy_frames
    oracle: tuple[Stage, ...] = ((Oracle, "__call__", "masks"),)
    yield Subject(name="oracle", config=OracleConfig(), stages=oracle, frames=light)
    yield Subject(name="geometric", config=GeometricConfig(), stages=GEOMETRIC, frames=light)
    yield Subject(
        name="learned", config=LearnedConfig(), stages=LEARNED, weights=SHIPPED, frames=light
    )
    for architecture in get_args(Architecture):
        yield r_cnn(folder, architecture, arguments)
    yield zero_shot(folder, arguments)
    for model in ("resnet18", "vit_small_patch14_dinov2"):
        path = folder / f"{model}.safetensors"
        features = TimmFeaturesConfig(model=model, weights=str(path))
        save_file(timm_features.build_network(features).state_dict(), path)
        yield Subject(
            name=f"oracle, features of {model}", config=OracleConfig(), features=features,
            stages=(*oracle, *TIMM), weights=path, frames=heavy,
        )  # fmt: skip


def r_cnn(folder: Path, architecture: Architecture, arguments: Arguments) -> Subject:
    """A detector of the full size with random weights, which finds something everywhere."""
    path = folder / f"{architecture}.safetensors"
    config = TorchvisionConfig(
        architecture=architecture,
        weights=str(path),
        image_size=arguments.image_size,
        score=0.0,
        max_detections=arguments.detections,
    )
    save_file(torchvision_detector.build_network(config).state_dict(), path)
    name = f"torchvision, {architecture}, {arguments.image_size} px"
    return Subject(
        name=name, config=config, stages=R_CNN, weights=path, frames=arguments.heavy_frames
    )


def zero_shot(folder: Path, arguments: Arguments) -> Subject:
    """A zero-shot detector: the one that is given, else one with random weights."""
    model = Path(arguments.open_vocabulary or random_owl(folder / "OWL-ViT base"))
    config = OpenVocabularyConfig(
        model=str(model),
        masks=arguments.masks,
        labels=vocabulary_in_words()[: arguments.labels],
        score=0.0,
        max_detections=arguments.detections,
    )
    return Subject(
        name=f"open_vocabulary, {model.name}, {arguments.labels} words", config=config,
        stages=ZERO_SHOT, weights=model / "model.safetensors", frames=arguments.heavy_frames,
    )  # fmt: skip


def random_owl(folder: Path) -> Path:
    """An OWL-ViT of the published base size with random weights, which reads letter by letter."""
    import transformers

    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder, model_max_length=16)
    transformers.OwlViTForObjectDetection(transformers.OwlViTConfig()).save_pretrained(folder)
    transformers.OwlViTProcessor(transformers.OwlViTImageProcessor(), tokenizer).save_pretrained(
        folder
    )
    return folder


def millions(path: Path | None) -> str:
    """Tell how many numbers a file of weights holds."""
    if path is None or not path.is_file():
        return ""
    with safe_open(path, framework="pt") as file:
        count = sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return f"{count / 1e6:.1f} M"


def measure(subject: Subject, frames: list[Frame], threads: int) -> dict[str, tuple[float, float]]:
    """Return the times of each stage as `Meter.medians`, in the order of their use."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    perceive, meter = Pipeline(subject.config, subject.features), Meter()
    perceive(frames[0])
    with meter.watching((*subject.stages, *AROUND)):
        for frame in frames[: subject.frames]:
            meter.frames.append(defaultdict(lambda: np.zeros(2)))
            perceive(frame)
    return meter.medians()


def main(arguments: Arguments) -> None:
    """Print one table."""
    frames = {size: views(size, arguments.frames) for size in SIZES}
    columns = [(size, threads) for size in SIZES for threads in arguments.threads]
    heads = " | ".join(f"{w} x {h}, threads: {threads}" for (w, h), threads in columns)
    print(f"| perceiver | weights | stage [ms] | {heads} |\n" + "|---" * (3 + len(columns)) + "|")
    with tempfile.TemporaryDirectory() as scratch:
        for subject in subjects(Path(scratch), arguments):
            if arguments.only in subject.name:
                times = [measure(subject, frames[size], threads) for size, threads in columns]
                name, size = subject.name, millions(subject.weights)
                for stage in times[0]:
                    cells = " | ".join("{:.1f} / {:.1f}".format(*c[stage]) for c in times)
                    print(f"| {name} | {size} | {stage} | {cells} |", flush=True)
                    name = size = ""
    print(f"load over the last 15 minutes: {os.getloadavg()[2]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
