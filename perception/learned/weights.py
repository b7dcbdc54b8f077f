"""A trained segmenter as one safetensors file: half-precision weights, and a card that names kinds.

The file needs no other: which network it fits, its kinds and their states stand in its header.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from embodied_mem.config import Config
from embodied_mem.errors import StoreError, StoreFormatError
from perception.learned.network import NetworkConfig, Segmenter
from perception.learned.shards import reason_of

FORMAT = "embodied-mem segmenter 1"
"""Name and version of the format, in every file's header."""

SHIPPED = Path(__file__).parent.parent / "weights" / "segmenter.safetensors"
"""The weights that come with the package."""


class Kind(Config, frozen=True):
    """One kind of thing that a segmenter tells."""

    label: str
    """AI2-THOR's type name."""
    states: tuple[str, ...] = ()
    """States that it can have and that can be seen."""
    constant: Mapping[str, bool] = {}
    """States that follow from what it is: slices are sliced."""


class Card(Config, frozen=True):
    """What a segmenter's weights are."""

    network: NetworkConfig
    kinds: tuple[Kind, ...]
    """In the order of the network's maps, from 1; 0 is background."""
    states: tuple[str, ...]
    """In the order of the network's maps."""
    training: Mapping[str, str | int | float] = {}
    """How they came about."""

    def build(self) -> Segmenter:
        """Build the network, untrained."""
        return Segmenter(kinds=len(self.kinds) + 1, states=len(self.states), config=self.network)


def save_weights(path: Path, card: Card, tensors: Mapping[str, Tensor]) -> None:
    """Write weights, whole or not at all; large ones in half precision.

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
    """Half precision for matrices and filters; means and variances stay as they are."""
    kept = tensor.detach().to("cpu", copy=True).contiguous()
    return kept.half() if kept.is_floating_point() and kept.ndim > 1 else kept


def load_weights(path: Path) -> tuple[Card, Segmenter]:
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
            f"cannot read the segmenter's weights {path}: {reason_of(error)}. "
            "Train some with `embodied-mem train segmenter`, or choose another perception."
        ) from error
    except SafetensorError as error:
        raise StoreFormatError(f"the segmenter's weights {path} are damaged: {error}.") from error
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "something else")
        raise StoreFormatError(f"{path} holds no segmenter of this version, but '{found}'.")
    try:
        card = msgspec.json.decode(metadata.get("card", ""), type=Card)
        network = card.build()
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
        )
    except (msgspec.DecodeError, RuntimeError) as error:
        raise StoreFormatError(
            f"the weights in {path} do not fit the network that their card describes. "
            "Use the file as it was trained."
        ) from error
    return card, network.eval().requires_grad_(requires_grad=False)
