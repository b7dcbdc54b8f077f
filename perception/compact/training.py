"""Trains the compact tracker: one run is one folder, and goes on where it was interrupted.

Chance depends on seed and step alone, so a run of so many steps that was interrupted ends with the
same weights as one that was not (on the same machine, with as many threads). A run of so many
minutes cannot be repeated exactly.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import torch
from torch import Tensor

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.runtime.checkpoints import (
    TrainingState,
    cpu_state,
    load_checkpoint,
    save_checkpoint,
)
from embodied_mem.runtime.learning_curve import LearningCurve
from embodied_mem.runtime.optimisation import descend, fresh_state, rise_and_fall, run_to_end
from perception.compact.batches import Batch, BatchMaker
from perception.compact.clips import Clip
from perception.compact.film_bank import FilmBank
from perception.compact.network import CompactConfig, CompactXMem
from perception.compact.objective import Losses, follow_clips, tracking_loss
from perception.compact.sampling_config import SamplingConfig
from perception.compact.validation import validate
from perception.compact.weights import FORMAT, Card
from perception.devices import choose_device

_LEAST_RATE = 0.01
"""Share of the highest learning rate with which a run begins."""


class TrainingConfig(Config, frozen=True):
    """How the tracker is trained."""

    steps: int = 3000
    """Batches in all; the learning rate falls to nothing over them."""
    minutes: float | None = None
    """Time that training may take [min]: it ends then, if the steps are not done before, and
    learning rate and length of clips go with time, too."""
    learning_rate: float = 1e-3
    """At its highest, after the warm-up."""
    warm_up: float = 0.04
    """Share of the training over which the learning rate rises."""
    weight_decay: float = 0.05
    averaging: float = 0.998
    """Share of the running mean of weights that a step leaves."""
    clip: float = 2.0
    """Longest gradient."""
    hardest: float = 0.15
    """Share of pixels that the cross entropy counts in the end, the hardest."""
    bootstrap: tuple[float, float] = (0.15, 0.6)
    """Share of the training at which it begins to fall from all of them, and at which it has."""
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the network; weights, similarities and losses are float32."""
    network: CompactConfig = CompactConfig()
    sampling: SamplingConfig = SamplingConfig()

    def __post_init__(self) -> None:
        if self.steps < 1 or (self.minutes is not None and self.minutes <= 0):
            raise ConfigError(
                "training needs 1 or more steps and more than 0 minutes, got "
                f"{self.steps} and {self.minutes}."
            )
        if not 0 < self.hardest <= 1 or not 0 <= self.bootstrap[0] < self.bootstrap[1]:
            raise ConfigError(
                "the hardest pixels must be a share from 0 to 1 that falls in a span of the "
                f"training, got {self.hardest} and {self.bootstrap}."
            )


class RunConfig(Config, frozen=True):
    """Where and how a run goes; nothing here changes what comes of it."""

    device: str = "cpu"
    """Where the network runs: cpu, cuda."""
    log_every: int = 25
    """Steps between lines of the learning curve."""
    checkpoint_seconds: float = 60.0
    """Time between checkpoints [s]."""
    validations: int = 5
    """Measurements on the validation films, evenly over the run."""


def train(
    out: Path,
    clips: Sequence[Clip],
    validation: Sequence[Clip],
    config: TrainingConfig,
    run: RunConfig,
) -> Iterator[tuple[int, float]]:
    """Train in a folder until all is done, and yield each step and the loss last logged.

    The folder holds `checkpoint.safetensors`, `curve.jsonl`, `curve.png` and, from the first
    checkpoint on, `tracker.safetensors`, the weights as `load_network` reads them.

    Raises:
        ConfigError: The folder's run was begun with other settings, or there are no films.
        KeyboardInterrupt: After the step in progress; a checkpoint of it was written.
    """
    return run_to_end(Trainer(out, clips, validation, config, run))


class Trainer:
    """One training run; see `train`."""

    def __init__(
        self,
        out: Path,
        clips: Sequence[Clip],
        validation: Sequence[Clip],
        config: TrainingConfig,
        run: RunConfig,
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._out, self._config, self._run, self._validation = out, config, run, validation
        self._device = choose_device(run.device)
        bank = FilmBank.of(clips, self._device)
        self._films = [len(bank.starts), len(bank.areas)]
        self._maker = BatchMaker(bank, config.sampling)
        self._settings = self._fingerprint()
        self.state = self._fresh()
        self._checkpoint = out / "checkpoint.safetensors"
        if self._checkpoint.exists():
            load_checkpoint(self._checkpoint, self.state, self._settings)
        self._curve = LearningCurve(out / "curve.jsonl", until=self.state.step)

    def _fingerprint(self) -> str:
        """What must not differ when a run goes on: all but its length."""
        settings = msgspec.to_builtins(self._config)
        del settings["steps"], settings["minutes"]
        return json.dumps({**settings, "films and frames": self._films}, sort_keys=True)

    def _fresh(self) -> TrainingState:
        torch.manual_seed(self._config.seed)
        network = CompactXMem(self._config.network).to(self._device)
        network = network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        rate, decay = self._config.learning_rate, self._config.weight_decay
        return fresh_state(network, learning_rate=rate, weight_decay=decay)

    def steps(self) -> Iterator[tuple[int, float]]:
        """Do the steps that are left, and yield the number of each and the loss last logged."""
        state, config, run = self.state, self._config, self._run
        begun = time.perf_counter() - state.seconds
        saved = state.seconds
        recent: list[Tensor] = []  # Stay on the device: reading one waits for it.
        loss = math.nan
        while (done := self._done()) < 1:
            losses = self._step(self._maker.draw(done, (config.seed, state.step)), done)
            state.step += 1
            state.seconds = time.perf_counter() - begun
            recent.append(torch.stack(losses).detach())
            if state.step % run.log_every == 0 or state.step == config.steps:
                means = torch.stack(recent).mean(dim=0).tolist()
                recent.clear()
                parts = dict(zip(losses._fields, means, strict=True))
                loss = parts["total"]
                self._curve.write(state.step, state.seconds, rate=self._rate(done), **parts)
            if int(self._done() * run.validations) > int(done * run.validations):
                self._validate()
            if state.seconds - saved > run.checkpoint_seconds:
                saved = state.seconds
                self.save()
            yield state.step, loss

    def _done(self) -> float:
        """Share of the run that is done, of its steps or of its time, whichever is more."""
        config, state = self._config, self.state
        spent = 0.0 if config.minutes is None else state.seconds / (60 * config.minutes)
        return min(max(state.step / config.steps, spent), 1.0)

    def _rate(self, done: float) -> float:
        config = self._config
        return config.learning_rate * rise_and_fall(done, config.warm_up, least=_LEAST_RATE)

    def _step(self, batch: Batch, done: float) -> Losses:
        state, config = self.state, self._config
        network = state.network
        assert isinstance(network, CompactXMem), "made so"
        with torch.autocast(
            self._device.type, dtype=torch.bfloat16, enabled=config.precision == "bfloat16"
        ):
            found = follow_clips(network, batch.images, batch.masks[:, 0], batch.remembered)
        losses = tracking_loss(found, batch.masks, hardest=hardest_share(done, config))
        rate = self._rate(done)
        descend(state, losses.total, rate=rate, clip=config.clip, averaging=config.averaging)
        return losses

    def _validate(self) -> None:
        average = self.state.average
        assert isinstance(average, CompactXMem), "made so"
        if self._validation:
            scores = validate(average, self._validation, self._device)
            self._curve.write(self.state.step, self.state.seconds, **scores)

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights as `load_network` reads them."""
        save_checkpoint(self._checkpoint, self.state, self._settings)
        card = Card(
            network=self._config.network,
            training={
                "steps": self.state.step,
                "seconds": round(self.state.seconds, 1),
                "settings": self._settings,
            },
        )
        FORMAT.save(self._out / "tracker.safetensors", card, cpu_state(self.state.average))
        names = {"region": "J", "overlap": "IoU where it is in view"}
        self._curve.draw(
            self._out / "curve.png", ("entropy", "dice"), names, shown="validation houses"
        )

    def finish(self) -> None:
        """Write what came of it."""
        self.save()


def hardest_share(done: float, config: TrainingConfig) -> float:
    """Return the share of pixels that count: all at first, in the end the hardest alone."""
    begin, end = config.bootstrap
    fallen = min(max((done - begin) / (end - begin), 0.0), 1.0)
    return 1 - fallen * (1 - config.hardest)
