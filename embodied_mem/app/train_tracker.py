"""`embodied-mem train tracker`: films where they are missing, then training, with progress."""

from itertools import chain
from pathlib import Path

from rich.progress import Progress

from embodied_mem.app.console import configure_logging, console
from embodied_mem.app.train_commands import TrainTracker
from embodied_mem.app.training_bounds import VALIDATION_SEED, check_apart, training_progress
from perception.compact.clips import Clip, clip_path, read_clips
from perception.compact.films_config import FilmsConfig
from perception.compact.pictures import read_pictures
from perception.compact.sampling_config import SamplingConfig
from perception.compact.training import RunConfig, TrainingConfig, train


def train_tracker(command: TrainTracker) -> int:
    """Train the tracker.

    Raises:
        ConfigError: Houses overlap with those that are measured on, or settings do not fit.
    """
    configure_logging()
    training = range(command.first, command.first + command.houses)
    validation = range(VALIDATION_SEED, VALIDATION_SEED + command.validation_houses)
    check_apart(training, validation)
    data, out = Path(command.data), Path(command.out)
    films = FilmsConfig(clips=command.films)
    with training_progress() as progress:
        shown = _with_films(data, validation, films, command.workers, progress)
        clips = _with_films(data, training, films, command.workers, progress)
        if command.images is not None:
            clips += read_pictures(Path(command.images), films.width, films.height)
        task = progress.add_task("training", total=command.steps)
        config = training_config(command)
        run = RunConfig(device=command.device, validations=command.validations)
        for step, loss in train(out, clips, shown, config, run):
            progress.update(task, completed=step, description=f"training, loss {loss:.2f}")
    console.print(f"weights: {out / 'tracker.safetensors'}")
    console.print(f"learning curve: {out / 'curve.png'}")
    return 0


def training_config(command: TrainTracker) -> TrainingConfig:
    """Return what the flags say of training."""
    return TrainingConfig(
        steps=command.steps,
        minutes=command.minutes,
        learning_rate=command.learning_rate,
        seed=command.seed,
        precision=command.precision,
        sampling=SamplingConfig(crop=command.crop, load=command.load),
    )


def _with_films(
    folder: Path, seeds: range, config: FilmsConfig, workers: int, progress: Progress
) -> list[Clip]:
    """Read the films of houses; take those that are missing."""
    task = progress.add_task(f"films of houses {seeds.start} to {seeds.stop - 1}", total=None)
    if not all(clip_path(folder, seed).exists() for seed in seeds):
        from perception.compact.generation import generate_clips  # noqa: PLC0415 - a renderer.

        for done, _ in enumerate(generate_clips(folder, seeds, config, workers), 1):
            progress.update(task, completed=done)
    progress.remove_task(task)
    return list(chain.from_iterable(read_clips(clip_path(folder, seed)) for seed in seeds))
