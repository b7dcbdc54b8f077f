"""`embodied-mem train policy`: demonstrations to a policy that remembers, with progress."""

from pathlib import Path

import msgspec

from embodied_mem.app.console import configure_logging, console
from embodied_mem.app.policy_commands import TrainPolicy
from embodied_mem.app.training_bounds import training_progress
from embodied_mem.config import load_config
from embodied_mem.memory.text import TextEncoder
from embodied_mem.runtime.processes import started
from planners.diffusion.batches import SamplerConfig
from planners.diffusion.instructions import LearntInstructionsConfig, SentenceInstructionsConfig
from planners.diffusion.network import PolicyConfig
from planners.diffusion.recordings import parted, read_folder
from planners.diffusion.remembering import NAMED
from planners.diffusion.training import WEIGHTS, PolicyRunConfig, PolicyTrainingConfig, train
from planners.diffusion.vlm_encoder import VlmEncoderConfig


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
    with training_progress() as progress:
        task = progress.add_task("training", total=command.steps)
        for step, loss in train(out, learnt, held_out, config, run, sentence_encoder(config)):
            progress.update(task, completed=step, description=f"training, loss {loss:.2f}")
    console.print(f"weights: {out / WEIGHTS}")
    console.print(f"learning curve: {out / 'curve.jsonl'}")
    return 0


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
