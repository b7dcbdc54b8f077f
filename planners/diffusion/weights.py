"""A trained policy as one safetensors file: weights, scales, and a card that says what it is."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from embodied_mem.config import Config
from embodied_mem.errors import StoreError, StoreFormatError
from planners.diffusion.network import Interface, PolicyConfig, PolicyNetwork

_FOLDER = Path(__file__).parent.parent / "weights"

SHIPPED = _FOLDER / "remember_color_3.safetensors"
"""A policy that comes with the package: for RememberColor3 of MIKASA-Robo (docs/policy.md)."""

SHIPPED_FIVE = _FOLDER / "remember_color_5.safetensors"
"""Another, for RememberColor5; trained on both."""


def shipped(task: str) -> Path:
    """Return the policy that comes with the package for a task; else that for most colours."""
    return SHIPPED if task == "RememberColor3-VLA-v0" else SHIPPED_FIVE


FORMAT = "embodied-mem policy 1"
"""Name and version of the format, in every file's header."""


class PolicyCard(Config, frozen=True):
    """What a policy's weights are."""

    policy: PolicyConfig
    interface: Interface
    training: Mapping[str, str | int | float] = {}
    """How they came about."""

    def build(self) -> PolicyNetwork:
        """Build the network, untrained."""
        return PolicyNetwork(self.policy, self.interface)


def save_policy(path: Path, card: PolicyCard, tensors: Mapping[str, Tensor]) -> None:
    """Write weights, whole or not at all; matrices in half precision.

    Args:
        path: The file.
        card: What they are.
        tensors: The network's state.
    """
    metadata = {"format": FORMAT, "card": msgspec.json.encode(card).decode()}
    part = path.with_suffix(".part")
    save_file({name: _packed(tensor) for name, tensor in tensors.items()}, part, metadata=metadata)
    part.replace(path)


def _packed(tensor: Tensor) -> Tensor:
    kept = tensor.detach().to("cpu", copy=True).contiguous()
    return kept.half() if kept.is_floating_point() and kept.ndim > 1 else kept


def load_policy(path: Path) -> tuple[PolicyCard, PolicyNetwork]:
    """Read weights, and build the network that they fit, ready to be asked.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It is damaged, or holds something else.
    """
    try:
        with safe_open(path, framework="pt") as file:  # pyright: ignore
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise StoreError(
            f"cannot read the policy {path}: {error}. Train one with `embodied-mem train policy`."
        ) from error
    except SafetensorError as error:
        raise StoreFormatError(f"the policy {path} is damaged: {error}.") from error
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "something else")
        raise StoreFormatError(f"{path} holds no policy of this version, but '{found}'.")
    try:
        card = msgspec.json.decode(metadata.get("card", ""), type=PolicyCard)
        network = card.build()
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
        )
    except (msgspec.DecodeError, RuntimeError) as error:
        raise StoreFormatError(
            f"the weights in {path} do not fit the policy that their card describes. "
            "Use the file as it was trained."
        ) from error
    return card, network.eval().requires_grad_(requires_grad=False)
