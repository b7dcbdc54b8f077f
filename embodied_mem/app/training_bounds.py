"""Which houses may be trained on, and how a training shows its progress."""

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from embodied_mem.app.console import console
from embodied_mem.errors import ConfigError

VALIDATION_SEED = 900
"""Seed of the first house that is measured on."""

HELD_OUT = 100
"""Seeds below this are for tests and benchmarks: nothing is trained on them."""


def check_apart(training: range, validation: range) -> None:
    """Refuse to train on houses that are measured on.

    Raises:
        ConfigError: Seeds are held out, or are those of validation.
    """
    if training.start < HELD_OUT or validation.stop > training.start:
        raise ConfigError(
            f"seeds to train on must begin at {validation.stop} or later: those below "
            f"{HELD_OUT} are held out, and those from {validation.start} on are measured on; "
            f"got {training.start}."
        )


def training_progress() -> Progress:
    """Make the bars of a training."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
