"""Trains a policy on demonstrations: one run is one folder, and goes on where it was interrupted.

Chance depends on seed and step alone. Several processes draw the same batch, and each learns from
its share of it.
"""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import torch
from jaxtyping import Float
from torch import Tensor

from embodied_mem.backends.demonstrations import Demonstration
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from embodied_mem.memory.text import TextEncoder
from embodied_mem.runtime.checkpoints import (
    TrainingState,
    cpu_state,
    load_checkpoint,
    save_checkpoint,
)
from embodied_mem.runtime.compilation import compile_modules
from embodied_mem.runtime.learning_curve import LearningCurve
from embodied_mem.runtime.optimisation import descend, fresh_state, rise_and_fall, run_to_end
from embodied_mem.runtime.processes import Processes, joined, started
from planners.diffusion.batches import DemonstrationSet, SamplerConfig, questions
from planners.diffusion.encoders import begin, described
from planners.diffusion.loss import drawn_noise, policy_loss
from planners.diffusion.network import Interface, PolicyConfig, PolicyNetwork
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.weights import FORMAT, PolicyCard, load_policy

WEIGHTS = "policy.safetensors"
"""The averaged weights in a run's folder, as a robot loads them."""


class PolicyTrainingConfig(Config, frozen=True):
    """How a policy is trained."""

    steps: int = 2000
    """Batches in all; the learning rate falls to nothing over them. A run may be gone on with for
    more or fewer."""
    minutes: float | None = None
    """Time after which a run ends, if that comes first; the learning rate falls over it [min]."""
    batch: int = 32
    """Episodes to a step."""
    learning_rate: float = 2e-3
    """At its highest, after the warm-up."""
    warm_up: float = 0.03
    """Share of the run over which the learning rate rises."""
    weight_decay: float = 0.05
    averaging: float = 0.999
    """Share of the running mean of weights that a step leaves."""
    clip: float = 1.0
    """Longest gradient."""
    dropped: float = 0.1
    """Share of chunks whose condition is left out, for guidance."""
    guess: float = 1.0
    """Weight of the guess from the condition alone; see `PolicyNetwork.guess_loss`."""
    seed: int = 0
    begin_with: str | None = None
    """File of weights to begin with instead of drawn ones; their scales are kept."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network's forward pass; weights are float32. On a CPU, half precision is slower."""
    policy: PolicyConfig = PolicyConfig()
    sampler: SamplerConfig = SamplerConfig()

    def __post_init__(self) -> None:
        if self.batch < 1 or self.steps < 1:
            raise ConfigError(
                "training needs batches of 1 or more episodes, and 1 or more steps, "
                f"got {self.batch} and {self.steps}."
            )


class PolicyRunConfig(Config, frozen=True):
    """Where and how a run goes; nothing here changes what comes of it."""

    device: str = "cpu"
    """Where the network runs: cpu, cuda. Of several processes, each takes a GPU of its own."""
    log_every: int = 50
    """Steps between lines of the learning curve."""
    checkpoint_every: int = 1000
    """Steps between checkpoints."""
    validate_every: int = 500
    """Steps between measurements of decisions; 0: never."""
    validated: int = 100
    """Episodes, at most, of each kind that decisions are measured on."""
    compile: bool = False
    """Compile encoder and head for this machine; the first step then takes a minute or more."""


def train(
    out: Path,
    episodes: Sequence[tuple[str, Demonstration]],
    validation: Sequence[tuple[str, Demonstration]],
    config: PolicyTrainingConfig,
    run: PolicyRunConfig,
    sentences: TextEncoder | None = None,
) -> Iterator[tuple[int, float]]:
    """Train in a folder until all steps are done, and yield steps and their losses.

    The folder holds `checkpoint.safetensors`, `curve.jsonl` and, from the first checkpoint on,
    `policy.safetensors`. Episodes come with their instructions. `sentences` gives vectors of them,
    where the policy is to be told by such. Of several processes (`torchrun`), all are given the
    same, and the first alone writes, measures and yields.

    Raises:
        ConfigError: The folder's run was begun with other settings, or a batch cannot be shared.
        KeyboardInterrupt: After the step in progress; a checkpoint of it was written.
    """
    started().share(config.batch)  # Refused before others are waited for.
    with joined() as processes:
        trainer = PolicyTrainer(out, episodes, validation, config, run, sentences, processes)
        yield from run_to_end(trainer, processes)


class PolicyTrainer:
    """One training run; see `train`."""

    def __init__(
        self,
        out: Path,
        episodes: Sequence[tuple[str, Demonstration]],
        validation: Sequence[tuple[str, Demonstration]],
        config: PolicyTrainingConfig,
        run: PolicyRunConfig,
        sentences: TextEncoder | None,
        processes: Processes,
    ) -> None:
        self._share = processes.share(config.batch)
        out.mkdir(parents=True, exist_ok=True)
        self._out, self._config, self._run, self._sentences = out, config, run, sentences
        self._processes = processes
        self._device = torch.device(processes.device(run.device))
        known = sorted({instruction for instruction, _ in episodes})
        self._trained = self._loaded(episodes, known)
        self._validated = self._loaded(validation, known) if validation else None
        frame, action = episodes[0][1].frames, episodes[0][1].actions
        self.card = PolicyCard(
            policy=self._described(known),
            interface=Interface(
                height=frame.shape[1],
                width=frame.shape[2],
                actions=action.shape[1],
                instructions=tuple(known),
            ),
        )
        settings = msgspec.to_builtins(config)
        for name in ("steps", "minutes"):
            del settings[name]
        self._settings = json.dumps(settings | {"episodes": len(episodes)}, sort_keys=True)
        self.state = self._fresh()
        self._checkpoint = out / "checkpoint.safetensors"
        if self._checkpoint.exists():
            load_checkpoint(self._checkpoint, self.state, self._settings)
        if processes.first(float(self.state.step)) != self.state.step:
            raise ConfigError(
                f"{out} holds other checkpoints for this process than for the first. "
                "All must be given the same folder."
            )
        if processes.leads:
            self._curve = LearningCurve(out / "curve.jsonl", until=self.state.step)

    def _loaded(
        self, episodes: Sequence[tuple[str, Demonstration]], known: list[str]
    ) -> DemonstrationSet:
        return DemonstrationSet(
            [episode for _, episode in episodes],
            [known.index(instruction) for instruction, _ in episodes],
            self._config.policy.head.chunk,
            self._device,
        )

    def _described(self, known: Sequence[str]) -> PolicyConfig:
        """The policy, with what models on this machine say of themselves."""
        policy = self._config.policy
        encoder = described(policy.encoder, known, self._sentences)
        return msgspec.structs.replace(policy, encoder=encoder)

    def _fresh(self) -> TrainingState:
        torch.manual_seed(self._config.seed)
        network = self._first().to(self._device).train()
        rate, decay = self._config.learning_rate, self._config.weight_decay
        state = fresh_state(network, learning_rate=rate, weight_decay=decay)
        if self._run.compile:
            compile_modules(network.encoder, network.head, device=self._device)
        return state

    def _first(self) -> PolicyNetwork:
        """The network that training begins with.

        Raises:
            ConfigError: The weights to begin with are of another policy.
        """
        path = self._config.begin_with
        if path is None:
            network = self.card.build()
            known = self.card.interface.instructions
            begin(network.encoder, self.card.policy.encoder, known, self._sentences)
            network.set_scales(self._trained.scales())
            return network
        card, network = load_policy(Path(path))
        if (card.policy, card.interface) != (self.card.policy, self.card.interface):
            raise ConfigError(
                f"the weights in {path} are of another policy, or of one that sees or is told "
                "something else. Use the settings that they were trained with, or begin with none."
            )
        return network.requires_grad_(requires_grad=True)

    def steps(self) -> Iterator[tuple[int, float | None]]:
        """Do the steps that are left; yield the number of each, and now and then the mean loss."""
        state, run = self.state, self._run
        begun = time.perf_counter() - state.seconds
        losses: list[Tensor] = []
        while self._progress() < 1:
            losses.append(self._step())
            state.step += 1
            state.seconds = time.perf_counter() - begun
            if self._config.minutes is not None:  # All must end together.
                state.seconds = self._processes.first(state.seconds)
            loss = None
            if state.step % run.log_every == 0 or self._progress() >= 1:
                loss = self._told(losses)
                losses.clear()
            yield state.step, loss
            if run.validate_every and state.step % run.validate_every == 0:
                self._validate()
            if state.step % run.checkpoint_every == 0:
                self.save()

    def _told(self, losses: Sequence[Tensor]) -> float:
        """Write the mean loss of some steps and of all processes, and return it."""
        mean = torch.stack(list(losses)).mean()
        self._processes.average([mean])
        if self._processes.leads:
            self._curve.write(
                self.state.step, self.state.seconds, loss=float(mean), rate=self._rate()
            )
        return float(mean)

    def _progress(self) -> float:
        """Share of the run that is done."""
        minutes = self._config.minutes
        steps = self.state.step / self._config.steps
        return steps if minutes is None else max(steps, self.state.seconds / 60 / minutes)

    def _rate(self) -> float:
        return self._config.learning_rate * rise_and_fall(self._progress(), self._config.warm_up)

    def _step(self) -> Float[Tensor, ""]:
        state, config = self.state, self._config
        generator = torch.Generator(self._device).manual_seed(config.seed * 2**32 + state.step)
        groups = self._trained.draw(config.batch, config.sampler, generator)
        asked = questions(groups, config.sampler, generator)
        noise = drawn_noise(groups, asked, generator, config.sampler.repeats)
        share = self._share
        with torch.autocast(
            self._device.type, dtype=torch.bfloat16, enabled=config.precision == "bfloat16"
        ):
            loss = policy_loss(
                self._network(), groups.rows(share), asked[share], noise.rows(share),
                dropped=config.dropped, guess=config.guess,
            )  # fmt: skip
        descend(
            state, loss, rate=self._rate(), clip=config.clip, averaging=config.averaging,
            processes=self._processes,
        )  # fmt: skip
        return loss.detach()

    def _network(self) -> PolicyNetwork:
        network = self.state.network
        assert isinstance(network, PolicyNetwork)
        return network

    def _validate(self) -> None:
        """Measure decisions, on episodes that are learnt from and on others."""
        if not self._processes.leads:
            return
        from planners.diffusion.decisions import decision_accuracy  # noqa: PLC0415 - diffusers.

        average = self.state.average
        assert isinstance(average, PolicyNetwork)
        sets = {"decisions_trained": self._trained, "decisions": self._validated}
        scores = {
            name: decision_accuracy(
                average, part, range(min(len(part), self._run.validated)), SamplingConfig(), seed=0
            )
            for name, part in sets.items()
            if part is not None
        }
        self._curve.write(self.state.step, self.state.seconds, **scores)

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights as a robot loads them."""
        if not self._processes.leads:
            return
        save_checkpoint(self._checkpoint, self.state, self._settings)
        training = {"steps": self.state.step, "settings": self._settings}
        card = msgspec.structs.replace(self.card, training=training)
        FORMAT.save(self._out / WEIGHTS, card, cpu_state(self.state.average))

    def finish(self) -> None:
        """Measure and write what came of it."""
        every = self._run.validate_every
        if every and self.state.step % every:
            self._validate()
        self.save()
