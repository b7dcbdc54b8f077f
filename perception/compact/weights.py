"""The compact tracker's weights as one safetensors file: half precision, and a card in its header.

The file needs no other: which network it fits, and how it came about, stand in its header.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from perception.compact.network import CompactConfig, CompactXMem

FORMAT = "embodied-mem compact tracker 1"
"""Name and version of the format, in every file's header."""

SHIPPED = Path(__file__).parent.parent / "weights" / "tracker.safetensors"
"""The weights that come with the package."""


class Card(Config, frozen=True):
    """What a compact tracker's weights are."""

    network: CompactConfig
    training: Mapping[str, str | int | float] = {}
    """How they came about."""


def save_weights(path: Path, card: Card, tensors: Mapping[str, Tensor]) -> None:
    """Write weights, whole or not at all; filters in half precision."""
    metadata = {"format": FORMAT, "card": msgspec.json.encode(card).decode()}
    part = path.with_suffix(".part")
    save_file({name: _packed(tensor) for name, tensor in tensors.items()}, part, metadata=metadata)
    part.replace(path)


def _packed(tensor: Tensor) -> Tensor:
    """Half precision for filters; biases, means and variances stay as they are."""
    kept = tensor.detach().to("cpu", copy=True).contiguous()
    return kept.half() if kept.is_floating_point() and kept.ndim > 1 else kept


def is_compact(path: Path) -> bool:
    """Tell whether a file claims to hold weights of a compact tracker."""
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:  # pyright: ignore
            return (file.metadata() or {}).get("format") == FORMAT
    except SafetensorError:
        return False


def load_compact(path: Path) -> CompactXMem:
    """Read weights, and build the network that they fit.

    Raises:
        ConfigError: They do not fit the network that their card describes.
    """
    with safe_open(path, framework="pt") as file:  # pyright: ignore
        metadata = file.metadata() or {}
    try:
        card = msgspec.json.decode(metadata.get("card", ""), type=Card)
        network = CompactXMem(card.network)
        state = load_file(path)
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
        )
    except (msgspec.DecodeError, RuntimeError) as error:
        raise ConfigError(
            f"the weights in {path} do not fit the network that their card describes. "
            "Use the file as it was trained."
        ) from error
    return network.to(torch.float32)
