"""`embodied-mem train policy`: demonstrations to a policy that remembers, with progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from embodied_mem.app.console import configure_logging, console
from embodied_mem.app.policy_commands import TrainPolicy
from embodied_mem.app.training_bounds import training_progress
from embodied_mem.config import load_config
from embodied_mem.memory.text import TextEncoder
from embodied_mem.runtime.learning_curve import draw_curve, read_curve
from embodied_mem.runtime.processes import started
from embodied_mem.runtime.tracking import TrackedCurve
from planners.diffusion.batches import SamplerConfig
from planners.diffusion.instructions import LearntInstructionsConfig, SentenceInstructionsConfig
from planners.diffusion.network import PolicyConfig
from planners.diffusion.recordings import parted, read_folder
from planners.diffusion.remembering import NAMED
from planners.diffusion.training import WEIGHTS, PolicyRunConfig, PolicyTrainingConfig, train
from planners.diffusion.vlm_encoder import VlmEncoderConfig

SCORES = {"decisions": "episodes held out", "decisions_trained": "episodes learnt from"}
"""Scores of the learning curve, and what its picture calls them."""


def train_policy(command: TrainPolicy) -> int:
    """Train the policy.

    Raises:
        ConfigError: There are too few demonstrations, or settings do not fit.
    """
    configure_logging()
    console.quiet = not started().leads
    out = Path(command.out)
    learnt, held_out = parted(read_folder(Path(command.data)), command.validation)
    config = training_config(command)
    run = PolicyRunConfig(
        device=command.device, validate_every=command.validate_every, compile=command.compile
    )
    steps = train(out, learnt, held_out, config, run, sentence_encoder(config))
    with training_progress() as progress, followed(out, tracks=command.track is not None) as curve:
        task = progress.add_task("training", total=command.steps)
        for step, loss in steps:
            progress.update(task, completed=step, description=f"training, loss {loss:.2f}")
            if curve is not None:
                curve.follow()
    console.print(f"weights: {out / WEIGHTS}")
    console.print(f"learning curve: {out / 'curve.jsonl'}, {out / 'curve.png'}")
    return 0


@contextmanager
def followed(out: Path, *, tracks: bool) -> Iterator[TrackedCurve | None]:
    """Track a run's learning curve if asked to, and draw it in the end, however that comes.

    A run that goes on is another run for trackio, with the curve so far. Of several processes the
    first alone does so.

    Raises:
        BackendError: trackio is not installed, or does not start.
    """
    if not started().leads:
        yield None
        return
    path = out / "curve.jsonl"
    past = read_curve(path)
    begun = f" from step {past[-1]['step']}" if past else ""
    curve = TrackedCurve(path, out.resolve().name + begun) if tracks else None
    try:
        yield curve
    finally:
        if curve is not None:
            curve.close()
        if rows := read_curve(path):
            draw_curve(rows, out / "curve.png", ("loss",), SCORES, shown="right first decisions")


def sentence_encoder(config: PolicyTrainingConfig) -> TextEncoder | None:
    """Return what gives vectors of instructions, if the policy is to be told by such.

    Raises:
        ConfigError: There is no such model.
    """
    encoder = config.policy.encoder
    if isinstance(encoder, VlmEncoderConfig):
        return None
    match encoder.told:
        case SentenceInstructionsConfig(folder=folder):
            from perception.sentence_encoder import SentenceEncoder  # noqa: PLC0415 - slow.

            return SentenceEncoder(folder)
        case LearntInstructionsConfig():
            return None


def training_config(command: TrainPolicy) -> PolicyTrainingConfig:
    """Return what the flags say of training.

    Raises:
        ConfigError: The policy's file cannot be read, or does not fit.
    """
    policy = PolicyConfig()
    if command.policy is not None:
        policy = load_config(command.policy, PolicyConfig)
    if command.memory is not None:
        policy = msgspec.structs.replace(policy, memory=NAMED[command.memory])
    return PolicyTrainingConfig(
        steps=command.steps,
        minutes=command.minutes,
        batch=command.batch,
        sampler=SamplerConfig(group=command.group, recoloured=command.recoloured),
        learning_rate=command.learning_rate,
        seed=command.seed,
        begin_with=command.begin_with,
        precision=command.precision,
        policy=policy,
    )
