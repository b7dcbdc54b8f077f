"""What describes whole pictures of a video, as the command line names it."""

from typing import Literal

import msgspec

from embodied_mem.errors import ConfigError
from perception.appearance import Describer
from perception.video.likeness import weights_digest
from perception.video.look import GridLook, Look

Identities = Literal["timm", "tracker"]
"""What may tell which movers are one."""


class LookChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A grid of colours, or a timm network and the file of its weights."""

    features: Literal["grid", "timm"] = "grid"
    model: str = ""
    weights: str | None = None


class BuiltLook(msgspec.Struct, frozen=True, kw_only=True):
    """What describes pictures."""

    look: Look
    name: str
    """By which settings know it."""
    parts: Describer | None = None
    """Describes what moves in them, where it is a network."""


def build_look(choice: LookChoice) -> BuiltLook:
    """Build what describes whole pictures.

    Raises:
        ConfigError: A network without weights.
    """
    if choice.features == "grid":
        return BuiltLook(look=GridLook(), name="grid")
    if choice.weights is None:
        raise ConfigError("`--features timm` needs `--weights FILE`, those of `--model`.")
    from perception.timm_config import TimmFeaturesConfig  # noqa: PLC0415 - imports torch.
    from perception.video.timm_look import TimmLook  # noqa: PLC0415

    look = TimmLook(TimmFeaturesConfig(model=choice.model, weights=choice.weights))
    name = f"{choice.model} {weights_digest(choice.weights)}"
    return BuiltLook(look=look, name=name, parts=look.features)


def build_identities(by: Identities, choice: LookChoice) -> Describer:
    """Build what describes movers, for their identities alone.

    Raises:
        ConfigError: A network without weights.
        WeightsError: The weights are missing, damaged, or another network's.
    """
    if by == "tracker":
        from perception.xmem.features import TrackerFeatures  # noqa: PLC0415 - imports torch.

        return TrackerFeatures()
    if choice.weights is None:
        raise ConfigError("`--identities timm` needs `--weights FILE`, those of `--model`.")
    from perception.timm_config import TimmFeaturesConfig  # noqa: PLC0415 - imports torch.
    from perception.timm_features import TimmFeatures  # noqa: PLC0415

    return TimmFeatures(TimmFeaturesConfig(model=choice.model, weights=choice.weights))
