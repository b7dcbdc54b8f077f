"""Time detectors and features, stage by stage, on views of a generated house.

    python benchmarks/detectors.py [--repeats 3] [--threads 1 2] [--open-vocabulary FOLDER]

Weights are random unless a folder is given: speed does not depend on them but for the number of
detections, which is set (`--detections`). Peaks and pauses of the machine go into the maximum.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
import tyro
from safetensors.torch import save_file

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.types import Frame
from perception import LiftConfig, OpenVocabularyConfig, Oracle, TimmFeaturesConfig, lift
from perception.appearance import ColourFeatures, Describer
from perception.detections import Detections
from perception.label_map import vocabulary_in_words
from perception.open_vocabulary import OpenVocabulary
from perception.timm_features import TimmFeatures
from perception.timm_features import build_network as build_features
from perception.torchvision_config import Architecture, TorchvisionConfig
from perception.torchvision_detector import TorchvisionDetector
from perception.torchvision_detector import build_network as build_detector

SIZES = ((300, 300), (640, 480))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Benchmark of detectors and features."""

    repeats: int = 3
    """Frames timed for each row, after one that is not."""
    threads: tuple[int, ...] = (1, 2)
    """Threads that networks compute with."""
    detections: int = 20
    """Detections in a frame."""
    image_size: int = 480
    """Shorter side that Mask R-CNN sees [px]; its own default is 800."""
    labels: int = 32
    """Words that are looked for."""
    open_vocabulary: str | None = None
    """Folder of a zero-shot detector; an OWL-ViT of the published base size when left out."""
    masks: str | None = None
    """Folder of a SAM for its boxes; boxes are cut by depth when left out."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One stage of one perceiver."""

    name: str
    milliseconds: list[float]


def view(size: tuple[int, int]) -> Frame:
    """What the agent first sees in a generated house."""
    config = HouseholdSimConfig(house=HouseSource(seed=1), width=size[0], height=size[1])
    with HouseholdSim(config) as sim:
        return sim.reset().frame


def timed(name: str, act: Callable[[], object], repeats: int) -> Row:
    """Time a call."""
    act()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        times.append(1e3 * (time.perf_counter() - start))
    return Row(name=name, milliseconds=times)


def random_torchvision(
    folder: Path, architecture: Architecture, arguments: Arguments
) -> TorchvisionDetector:
    """A detector of the full size with random weights, which finds something everywhere."""
    path = folder / f"{architecture}.safetensors"
    config = TorchvisionConfig(
        architecture=architecture,
        weights=str(path),
        image_size=arguments.image_size,
        score=0.0,
        max_detections=arguments.detections,
    )
    save_file(build_detector(config).state_dict(), path)
    return TorchvisionDetector(config)


def random_features(folder: Path, model: str) -> TimmFeatures:
    """Features of the full size with random weights."""
    path = folder / f"{model}.safetensors"
    config = TimmFeaturesConfig(model=model, weights=str(path))
    save_file(build_features(config).state_dict(), path)
    return TimmFeatures(config)


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


def detectors(folder: Path, arguments: Arguments) -> Iterator[tuple[str, Any]]:
    """Each detector, by name."""
    for architecture in get_args(Architecture):
        yield architecture, random_torchvision(folder, architecture, arguments)
    model = arguments.open_vocabulary or random_owl(folder / "owl")
    config = OpenVocabularyConfig(
        model=str(model),
        masks=arguments.masks,
        labels=vocabulary_in_words()[: arguments.labels],
        score=0.0,
        max_detections=arguments.detections,
    )
    yield f"{Path(model).name}, {arguments.labels} words", OpenVocabulary(config)


def describers(folder: Path) -> Iterator[tuple[str, Describer]]:
    """Each way to describe looks, by name."""
    yield "colours", ColourFeatures()
    for model in ("resnet18", "vit_small_patch14_dinov2"):
        yield model, random_features(folder, model)


def first(frame: Frame, count: int) -> Detections:
    """The largest true masks of a frame."""
    found = Oracle()(frame)
    return found.take(np.argsort(-found.masks.sum(axis=(1, 2)))[:count].tolist())


def main(arguments: Arguments) -> None:
    """Print one table."""
    frames = {size: view(size) for size in SIZES}
    print(f"{'stage':34}{'size':>10}{'threads':>9}{'median ms':>11}{'min':>9}{'max':>9}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        stages: list[tuple[str, Callable[[Frame], object]]] = [
            (f"features: {name}", lambda f, d=d: d(f.rgb, first(f, arguments.detections).masks))
            for name, d in describers(folder)
        ]
        stages.append(
            ("lift", lambda f: lift(f, first(f, arguments.detections).masks, LiftConfig()))
        )
        for stage in stages:
            show(*stage, frames, arguments)
        for name, detector in detectors(folder, arguments):
            show(f"detect: {name}", detector, frames, arguments)


def show(
    name: str,
    act: Callable[[Frame], object],
    frames: dict[tuple[int, int], Frame],
    arguments: Arguments,
) -> None:
    """Print the rows of one stage."""
    for size, frame in frames.items():
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            row = timed(name, lambda frame=frame: act(frame), arguments.repeats)
            times = row.milliseconds
            print(
                f"{row.name:34}{size[0]:>6}x{size[1]}{threads:>9}{statistics.median(times):>11.1f}"
                f"{min(times):>9.1f}{max(times):>9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main(tyro.cli(Arguments))
