"""`embodied-mem train policy`: demonstrations to a policy that remembers, with progress."""

from pathlib import Path

from embodied_mem.app.console import configure_logging, console
from embodied_mem.app.policy_commands import TrainPolicy
from embodied_mem.app.training_bounds import training_progress
from planners.diffusion.batches import SamplerConfig
from planners.diffusion.network import PolicyConfig
from planners.diffusion.recordings import parted, read_folder
from planners.diffusion.remembering import NAMED
from planners.diffusion.training import WEIGHTS, PolicyRunConfig, PolicyTrainingConfig, train


def train_policy(command: TrainPolicy) -> int:
    """Train the policy.

    Raises:
        ConfigError: There are too few demonstrations, or settings do not fit.
    """
    configure_logging()
    out = Path(command.out)
    learnt, held_out = parted(read_folder(Path(command.data)), command.validation)
    run = PolicyRunConfig(device=command.device, validate_every=command.validate_every)
    with training_progress() as progress:
        task = progress.add_task("training", total=command.steps)
        for step, loss in train(out, learnt, held_out, training_config(command), run):
            progress.update(task, completed=step, description=f"training, loss {loss:.2f}")
    console.print(f"weights: {out / WEIGHTS}")
    console.print(f"learning curve: {out / 'curve.jsonl'}")
    return 0


def training_config(command: TrainPolicy) -> PolicyTrainingConfig:
    """Return what the flags say of training."""
    return PolicyTrainingConfig(
        steps=command.steps,
        minutes=command.minutes,
        batch=command.batch,
        sampler=SamplerConfig(group=command.group),
        learning_rate=command.learning_rate,
        seed=command.seed,
        begin_with=command.begin_with,
        precision=command.precision,
        policy=PolicyConfig(memory=NAMED[command.memory]),
    )
