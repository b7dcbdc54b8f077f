"""`embodied-mem train`: data where it is missing, then training, with progress."""

from pathlib import Path

import msgspec
from rich.progress import Progress

from embodied_mem.app.console import configure_logging, console
from embodied_mem.app.train_commands import TrainSegmenter
from embodied_mem.app.training_bounds import VALIDATION_SEED, check_apart, training_progress
from perception.learned.generation import FramesConfig, generate_shards
from perception.learned.network import NetworkConfig
from perception.learned.sampling import SamplingConfig
from perception.learned.shards import Shard, open_shards
from perception.learned.training import RunConfig, TrainingConfig
from perception.learned.training import train as train_segmenter


def train(command: TrainSegmenter) -> int:
    """Train the segmenter.

    Raises:
        ConfigError: Houses overlap with those that are measured on, or settings do not fit.
    """
    configure_logging()
    training = range(command.first, command.first + command.houses)
    validation = range(VALIDATION_SEED, VALIDATION_SEED + command.validation_houses)
    check_apart(training, validation)
    data, out = Path(command.data), Path(command.out)
    with training_progress() as progress:
        shown = _with_frames(data, validation, FramesConfig(), command.workers, progress)
        frames = FramesConfig(frames=command.frames, arrangements=max(2, command.frames // 8))
        trained = _with_frames(data, training, frames, command.workers, progress)
        task = progress.add_task("training", total=command.steps)
        run = run_config(command)
        for step, loss in train_segmenter(out, trained, shown, training_config(command), run):
            progress.update(task, completed=step, description=f"training, loss {loss:.2f}")
    console.print(f"weights: {out / 'segmenter.safetensors'}")
    console.print(f"learning curve: {out / 'curve.png'}")
    return 0


def training_config(command: TrainSegmenter) -> TrainingConfig:
    """Return what the flags say of training."""
    return TrainingConfig(
        steps=command.steps,
        minutes=command.minutes,
        batch=command.batch,
        learning_rate=command.learning_rate,
        seed=command.seed,
        begin_with=command.begin_with,
        precision=command.precision,
        network=NetworkConfig(backbone=command.backbone, channels=command.channels),
        sampling=SamplingConfig(crop=command.crop),
    )


def run_config(command: TrainSegmenter) -> RunConfig:
    """Return where the training runs, and how often it is measured and saved."""
    slow = RunConfig(device=command.device, workers=command.workers)
    if command.device == "cpu":
        return slow
    return msgspec.structs.replace(slow, checkpoint_every=2000, validate_every=2000)


def _with_frames(
    folder: Path, seeds: range, config: FramesConfig, workers: int, progress: Progress
) -> list[Shard]:
    """Open the frames of houses; draw those that are missing."""
    task = progress.add_task(f"frames of houses {seeds.start} to {seeds.stop - 1}", total=None)
    for done, _ in enumerate(generate_shards(folder, seeds, config, workers), 1):
        progress.update(task, completed=done)
    progress.remove_task(task)
    return open_shards(folder, seeds)
