"""Trains the segmenter: one run is one folder, and goes on where it was interrupted.

Chance depends on seed and step alone, so an interrupted run ends with the same weights as one that
was not interrupted (on the same machine, with as many threads).
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from embodied_mem.backends.household.catalog import ObjectType, object_types
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.runtime.checkpoints import (
    TrainingState,
    cpu_state,
    load_checkpoint,
    save_checkpoint,
)
from embodied_mem.runtime.learning_curve import LearningCurve
from embodied_mem.runtime.optimisation import descend, fresh_state, run_to_end
from perception.devices import choose_device
from perception.learned.generation import STATE_PROPERTIES
from perception.learned.losses import Losses, segmenter_loss
from perception.learned.network import NetworkConfig, Segmenter, to_device
from perception.learned.sampling import Sampler, SamplingConfig
from perception.learned.shards import LABEL, PIXELS, Shard
from perception.learned.targets import Targets, stack_targets
from perception.learned.validation import validate
from perception.learned.weights import FORMAT, Card, Kind, load_weights

_PARTS = ("kinds", "centres", "offsets", "states")
"""Losses that the learning curve shows."""

_SCORES = {
    "miou": "mean IoU of kinds",
    "pixels": "pixels right",
    "state_accuracy": "states right",
}
"""Its scores, and what its picture calls them."""


class TrainingConfig(Config, frozen=True):
    """How the segmenter is trained."""

    steps: int = 6000
    """Batches in all; the learning rate falls to nothing over them. A run may be gone on with for
    more or fewer."""
    minutes: float | None = None
    """Time that training may take [min]: it ends then, if the steps are not done before, and the
    learning rate falls with time, too. Such a run cannot be repeated exactly."""
    batch: int = 8
    """Images to a step."""
    learning_rate: float = 2e-3
    """At its highest, after the warm-up."""
    warm_up: int = 200
    """Steps over which the learning rate rises."""
    weight_decay: float = 0.05
    averaging: float = 0.998
    """Share of the running mean of weights that a step leaves."""
    clip: float = 5.0
    """Longest gradient."""
    seed: int = 0
    begin_with: str | None = None
    """File of weights to begin with instead of drawn ones; of the same network and kinds."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the network's forward pass; weights are float32."""
    network: NetworkConfig = NetworkConfig()
    sampling: SamplingConfig = SamplingConfig()

    def __post_init__(self) -> None:
        if self.minutes is not None and self.minutes <= 0:
            raise ConfigError(f"training needs more than 0 minutes, got {self.minutes}.")
        if self.batch < 2 or self.steps < 1:
            raise ConfigError(
                "training needs batches of 2 or more images, and 1 or more steps, "
                f"got {self.batch} and {self.steps}."
            )
        if self.sampling.crop < 32 or self.sampling.crop % 32:
            raise ConfigError(
                f"the side of the crops must be a multiple of 32 px, got {self.sampling.crop}."
            )


class RunConfig(Config, frozen=True):
    """Where and how a run goes; nothing here changes what comes of it."""

    device: str = "cpu"
    """Where the network runs: cpu, cuda."""
    workers: int = 0
    """Processes that prepare images; 0: this one."""
    log_every: int = 25
    """Steps between lines of the learning curve."""
    checkpoint_every: int = 200
    """Steps between checkpoints."""
    validate_every: int = 500
    """Steps between measurements on the validation houses."""


def train(
    out: Path,
    shards: Sequence[Shard],
    validation: Sequence[Shard],
    config: TrainingConfig,
    run: RunConfig,
) -> Iterator[tuple[int, float]]:
    """Train in a folder until all is done, and yield each step and the loss last logged.

    The folder holds `checkpoint.safetensors`, `curve.jsonl`, `curve.png` and, from the first
    checkpoint on, `segmenter.safetensors`, the weights as the detector reads them.

    Raises:
        ConfigError: The folder's run was begun with other settings.
        KeyboardInterrupt: After the step in progress; a checkpoint of it was written.
    """
    return run_to_end(Trainer(out, shards, validation, config, run))


class Trainer:
    """One training run; see `train`."""

    def __init__(
        self,
        out: Path,
        shards: Sequence[Shard],
        validation: Sequence[Shard],
        config: TrainingConfig,
        run: RunConfig,
    ) -> None:
        if not shards:
            raise ConfigError("training needs at least one house.")
        out.mkdir(parents=True, exist_ok=True)
        self._out, self._config, self._run, self._validation = out, config, run, validation
        self._device = choose_device(run.device)
        names: list[str] = shards[0].header["labels"]
        labels = sorted(seen_labels(shards) | self._given_labels(names))
        self.kind_of = {label: index + 1 for index, label in enumerate(labels)}
        self.card = Card(
            network=config.network,
            kinds=tuple(describe_kind(names[label]) for label in labels),
            states=tuple(STATE_PROPERTIES),
        )
        self._sampler = Sampler(shards, self.kind_of, config.sampling)
        self._kind_weights = kind_weights(shards, self.kind_of).to(self._device)
        self._settings = self._fingerprint(shards)
        self.state = self._fresh()
        self._checkpoint = out / "checkpoint.safetensors"
        if self._checkpoint.exists():
            load_checkpoint(self._checkpoint, self.state, self._settings)
        self._curve = LearningCurve(out / "curve.jsonl", until=self.state.step)

    def _fingerprint(self, shards: Sequence[Shard]) -> str:
        """What must not differ when a run goes on: all but the number of steps."""
        settings = msgspec.to_builtins(self._config)
        del settings["steps"], settings["minutes"]
        houses = [shard.path.name for shard in shards]
        settings |= {"houses": [len(houses), houses[0], houses[-1]]}
        settings |= {name: shards[0].header[name] for name in ("generator", "config")}
        return json.dumps(settings, sort_keys=True)

    def _fresh(self) -> TrainingState:
        torch.manual_seed(self._config.seed)
        network = to_device(self._first(), self._device).train()
        rate, decay = self._config.learning_rate, self._config.weight_decay
        return fresh_state(network, learning_rate=rate, weight_decay=decay)

    def _given_labels(self, names: Sequence[str]) -> set[int]:
        """Numbers of the labels that the weights to begin with know."""
        path = self._config.begin_with
        if path is None:
            return set()
        known = {kind.label for kind in load_weights(Path(path))[0].kinds}
        return {number for number, name in enumerate(names) if name in known}

    def _first(self) -> Segmenter:
        """The network that training begins with.

        Raises:
            ConfigError: The weights to begin with are of another network or of other kinds.
        """
        path = self._config.begin_with
        if path is None:
            return self.card.build()
        card, network = load_weights(Path(path))
        same = (card.network, card.kinds, card.states)
        if same != (self.card.network, self.card.kinds, self.card.states):
            raise ConfigError(
                f"the weights in {path} are of a {card.network.backbone} with {len(card.kinds)} "
                f"kinds, not of a {self.card.network.backbone} with {len(self.card.kinds)}. "
                "Use the settings that they were trained with, or begin with none."
            )
        return network.requires_grad_(requires_grad=True)

    def steps(self) -> Iterator[tuple[int, float]]:
        """Do the steps that are left, and yield the number of each and the loss last logged."""
        state, config, run = self.state, self._config, self._run
        begun = time.perf_counter() - state.seconds
        recent: list[Tensor] = []  # Stay on the device: reading one waits for it.
        loss = math.nan
        for images, truth in self._batches():
            losses = self._step(images, truth)
            state.step += 1
            state.seconds = time.perf_counter() - begun
            recent.append(torch.stack(losses).detach())
            if state.step % run.log_every == 0 or state.step == config.steps:
                means = torch.stack(recent).mean(dim=0).tolist()
                recent.clear()
                parts = dict(zip(losses._fields, means, strict=True))
                loss = parts["total"]
                self._curve.write(state.step, state.seconds, rate=self._rate(), **parts)
            if self._validation and state.step % run.validate_every == 0:
                self._validate()
            if state.step % run.checkpoint_every == 0:
                self.save()
            yield state.step, loss
            if self._done() >= 1:
                break

    def _step(self, images: Tensor, truth: Targets) -> Losses:
        state, config = self.state, self._config
        with torch.autocast(
            self._device.type, dtype=torch.bfloat16, enabled=config.precision == "bfloat16"
        ):
            maps = state.network(images)
        losses = segmenter_loss(maps, truth, self._kind_weights)
        descend(
            state, losses.total, rate=self._rate(), clip=config.clip, averaging=config.averaging
        )
        return losses

    def _rate(self) -> float:
        return learning_rate(self.state.step, self._done(), self._config)

    def _done(self) -> float:
        """Share of the run that is done, of its steps or of its time, whichever is more."""
        config, state = self._config, self.state
        spent = 0.0 if config.minutes is None else state.seconds / (60 * config.minutes)
        return max(state.step / config.steps, spent)

    def _batches(self) -> Iterator[tuple[Float32[Tensor, "b c h w"], Targets]]:
        """The batches of the steps that are left."""
        config = self._config
        images = _Images(self._sampler, config.seed, config.steps * config.batch)
        left = range(self.state.step * config.batch, config.steps * config.batch)
        loader = DataLoader(
            images,
            batch_size=config.batch,
            sampler=left,
            num_workers=self._run.workers,
            collate_fn=_collated,
            pin_memory=self._device.type == "cuda",
            prefetch_factor=4 if self._run.workers else None,
        )
        for batch, truth in loader:
            images = batch.to(self._device, non_blocking=True)
            yield (
                images.contiguous(memory_format=torch.channels_last),
                Targets(*(part.to(self._device, non_blocking=True) for part in truth)),
            )

    def _validate(self) -> None:
        average = self.state.average
        scores = validate(average, self._validation, self.kind_of, self._device)  # pyright: ignore
        self._curve.write(self.state.step, self.state.seconds, **scores)

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights as the detector reads them."""
        save_checkpoint(self._checkpoint, self.state, self._settings)
        training = {"steps": self.state.step, "settings": self._settings}
        card = msgspec.structs.replace(self.card, training=training)
        FORMAT.save(self._out / "segmenter.safetensors", card, cpu_state(self.state.average))
        self._curve.draw(self._out / "curve.png", _PARTS, _SCORES, shown="validation houses")

    def finish(self) -> None:
        """Measure and write what came of it."""
        if self._validation and self.state.step % self._run.validate_every:
            self._validate()
        self.save()


class _Images(Dataset[tuple[Float32[np.ndarray, "c h w"], Targets]]):
    """The n-th image of a run, whoever draws it."""

    def __init__(self, sampler: Sampler, seed: int, count: int) -> None:
        self._sampler, self._seed, self._count = sampler, seed, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[Float32[np.ndarray, "c h w"], Targets]:
        return self._sampler.draw(np.random.default_rng((self._seed, index)))


def _collated(
    samples: list[tuple[Float32[np.ndarray, "c h w"], Targets]],
) -> tuple[Tensor, Targets]:
    images, truths = zip(*samples, strict=True)
    return torch.from_numpy(np.stack(images)), stack_targets(list(truths), torch.device("cpu"))


def learning_rate(step: int, done: float, config: TrainingConfig) -> float:
    """Rise in a line over the warm-up, then fall along half a cosine.

    Args:
        step: Steps done.
        done: Share of the run that is done, 0..1.
        config: Highest rate, and steps of the warm-up and of the run.
    """
    if step < config.warm_up:
        return config.learning_rate * (step + 1) / config.warm_up
    begun = min(config.warm_up / config.steps, done)
    fallen = (done - begun) / max(1 - begun, 1e-9)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(fallen, 1)))


def kind_weights(shards: Sequence[Shard], kind_of: dict[int, int]) -> Float32[Tensor, "k"]:
    """Weight of each kind in the loss: the fourth root of how rare its pixels are, 0.4 to 3."""
    pixels = np.ones(len(kind_of) + 1)
    total = 0
    for shard in shards:
        np.add.at(
            pixels, [kind_of[int(n)] for n in shard.things[:, LABEL]], shard.things[:, PIXELS]
        )
        total += shard.pixels
    pixels[0] = max(total - pixels[1:].sum(), 1)
    rarity = np.median(pixels[1:]) / pixels
    return torch.from_numpy((rarity**0.25).clip(0.4, 3).astype(np.float32))


def seen_labels(shards: Sequence[Shard]) -> set[int]:
    """Numbers of the labels of all things in some frames."""
    return {int(label) for shard in shards for label in shard.things[:, LABEL]}


def describe_kind(label: str) -> Kind:
    """Say which states a type can have."""
    kind: ObjectType = object_types()[label]
    constant: dict[str, bool] = {}
    if kind.has("sliceable") or label.endswith("Sliced"):
        constant["sliced"] = label.endswith("Sliced")
    states = tuple(state for state, needed in STATE_PROPERTIES.items() if kind.has(needed))
    return Kind(label=label, states=states, constant=constant)
