"""Checkpoints of XMem: the published ones, and our own as safetensors."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from embodied_mem.errors import ConfigError
from perception.compact.weights import FORMAT, load_compact
from perception.xmem.network import Dimensions, MemoryNetwork, XMem


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint; nothing in the file is executed.

    Args:
        path: `.safetensors`, or a `.pth` that holds a plain mapping of tensors.

    Raises:
        ConfigError: There is none, it is damaged, or it holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(
            f"there are no weights at {path}. Put XMem's published checkpoint (XMem.pth) there, or "
            "give the path of another one."
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError, OSError) as error:
        reason = str(error).split("\n")[0]
        raise ConfigError(f"the weights in {path} cannot be read: {reason}") from error
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise ConfigError(f"{path} does not hold a mapping of names to tensors.")
    return dict(state)


def build_network(state: Mapping[str, Tensor], origin: str = "the checkpoint") -> XMem:
    """Build the network that a checkpoint fits, with its weights.

    Widths are read off the checkpoint, so that the variants without sensory memory and those for
    single objects load too.

    Raises:
        ConfigError: Names are missing or too many, or a shape is wrong.
    """
    network = XMem(Dimensions.of(state))
    try:
        network.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).split("\n")[1:] if line.strip()]
        raise ConfigError(f"{origin} does not fit the network: {' '.join(lines)[:400]}") from error
    return network


def load_network(path: str | Path, *, dtype: torch.dtype = torch.float32) -> MemoryNetwork:
    """Load a network ready for inference: norms folded, weights laid out for speed.

    The file's header tells whether it is a compact tracker of our own; all else is XMem's.

    Raises:
        ConfigError: See `read_checkpoint` and `build_network`.
    """
    if FORMAT.is_claimed_by(Path(path)):
        network: MemoryNetwork = load_compact(Path(path))
    else:
        network = build_network(read_checkpoint(path), str(path))
    return network.to(dtype).prepare()
