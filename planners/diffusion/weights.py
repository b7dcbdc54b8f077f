"""A trained policy as one safetensors file: weights, scales, and a card that says what it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embodied_mem.config import Config
from embodied_mem.runtime.carded_weights import WeightsFormat
from planners.diffusion.network import Interface, PolicyConfig, PolicyNetwork

_FOLDER = Path(__file__).parent.parent / "weights"

SHIPPED = _FOLDER / "remember_color_3.safetensors"
"""A policy that comes with the package: for RememberColor3 of MIKASA-Robo (docs/policy.md)."""

SHIPPED_ALL = _FOLDER / "remember_colors_and_shapes.safetensors"
"""One for RememberColor3, 5 and 9 and RememberShape3; its instruction tells it which."""


def shipped(task: str) -> Path:
    """Return the policy that comes with the package for a task."""
    return SHIPPED if task == "RememberColor3-VLA-v0" else SHIPPED_ALL


class PolicyCard(Config, frozen=True):
    """What a policy's weights are."""

    policy: PolicyConfig
    interface: Interface
    training: Mapping[str, str | int | float] = {}
    """How they came about."""

    def build(self) -> PolicyNetwork:
        """Build the network, untrained."""
        return PolicyNetwork(self.policy, self.interface)


def tagged(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card as it is written today; once there was one kind of encoder, without a name."""
    policy = card.get("policy")
    if not isinstance(policy, dict) or not isinstance(policy.get("encoder"), dict):
        return card
    return {**card, "policy": {**policy, "encoder": {"type": "cnn", **policy["encoder"]}}}


FORMAT = WeightsFormat(
    name="embodied-mem policy 1",
    what="policy",
    card=PolicyCard,
    advice="Train one with `embodied-mem train policy`.",
    upgraded=tagged,
)
"""The files."""


def load_policy(path: Path) -> tuple[PolicyCard, PolicyNetwork]:
    """Read weights, and build the network that they fit, ready to be asked.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It is damaged, or holds something else.
    """
    card, network = FORMAT.load(path)
    assert isinstance(network, PolicyNetwork)
    return card, network
