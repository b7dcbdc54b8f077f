"""Errors that users of the package may want to catch. Each says what, got, and what to do."""

from collections.abc import Iterable
from pathlib import Path


class EmbodiedMemError(Exception):
    """Base class of every error raised on purpose by this package."""


class FrameError(EmbodiedMemError, ValueError):
    """A frame's images, depth and camera do not fit together."""


class ConfigError(EmbodiedMemError, ValueError):
    """A config file or value cannot be used."""


class GoalError(EmbodiedMemError, ValueError):
    """A goal cannot be read, or speaks of what cannot be."""


class HouseError(EmbodiedMemError, ValueError):
    """A house file is malformed."""


class BackendError(EmbodiedMemError, RuntimeError):
    """A simulator, robot or recording cannot be driven."""


class WeightsError(EmbodiedMemError, RuntimeError):
    """A network's weights are missing, damaged, not those that were asked for, or do not fit."""


class DetectorError(EmbodiedMemError, RuntimeError):
    """A detector cannot go on, for want of memory on its device."""


class PlanningError(EmbodiedMemError, RuntimeError):
    """A planner's engine failed (that there is no plan is an answer, not an error)."""


class LanguageModelError(PlanningError):
    """A language model's endpoint cannot be reached, refuses, or answers with nothing usable."""


class StoreError(EmbodiedMemError, OSError):
    """A memory's files cannot be read or written."""


class StoreLockedError(StoreError):
    """Another process writes to this store."""


class StoreFormatError(StoreError):
    """The files are not a memory, or of a version that this release cannot read."""


class QueryError(EmbodiedMemError, ValueError):
    """A question in SQL is wrong, forbidden, or costs too much."""


class NamingError(EmbodiedMemError, ValueError):
    """A name cannot be taught, or was not."""


class UnknownObjectError(EmbodiedMemError, KeyError):
    """A label or an id is not in memory."""

    def __init__(self, label: str, known: Iterable[str]):
        names = ", ".join(sorted(known)) or "nothing yet"
        super().__init__(f"no object labelled '{label}' in memory. Known labels: {names}.")

    __str__ = Exception.__str__  # KeyError would print the message as a quoted repr.


class MissingExtraError(EmbodiedMemError, ImportError):
    """A feature needs packages of an extra that is not installed."""

    def __init__(self, feature: str, extra: str):
        super().__init__(
            f"{feature} needs packages that are not installed. "
            f"Run `pip install 'embodied-mem[{extra}]'`."
        )


class PackageShadowedError(EmbodiedMemError, ImportError):
    """One of our top-level packages is hidden or overwritten by a namesake."""

    def __init__(self, name: str, found: Path | None, ours: Path, others: Iterable[str]):
        culprit = f"the pip package {', '.join(sorted(others))}" if others else f"{found}"
        super().__init__(
            f"`{name}` should come from {ours}, but {culprit} provides it too. "
            "Uninstall that, or put ours first on PYTHONPATH, then reinstall embodied-mem."
        )
