"""What describes whole pictures of a video, as the command line names it."""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from embodied_mem.errors import ConfigError
from perception.video.look import GridLook, Look


class LookChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A grid of colours, or a timm network and the file of its weights."""

    features: Literal["grid", "timm"] = "grid"
    model: str = ""
    weights: str | None = None


def build_look(choice: LookChoice) -> tuple[Look, str]:
    """Return what describes whole pictures, and its name, by which settings know it.

    Raises:
        ConfigError: A network without weights.
    """
    if choice.features == "grid":
        return GridLook(), "grid"
    if choice.weights is None:
        raise ConfigError("`--features timm` needs `--weights FILE`, those of `--model`.")
    from perception.timm_config import TimmFeaturesConfig  # noqa: PLC0415 - imports torch.
    from perception.video.timm_look import TimmLook  # noqa: PLC0415

    look = TimmLook(TimmFeaturesConfig(model=choice.model, weights=choice.weights))
    with Path(choice.weights).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return look, f"{choice.model} {digest}"
