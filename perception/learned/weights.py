"""A trained segmenter as one safetensors file: half-precision weights, and a card that names kinds.

The file needs no other: which network it fits, its kinds and their states stand in its header.
"""

from collections.abc import Mapping
from pathlib import Path

from embodied_mem.config import Config
from embodied_mem.runtime.carded_weights import WeightsFormat
from perception.learned.network import NetworkConfig, Segmenter

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


FORMAT = WeightsFormat(
    name="embodied-mem segmenter 1",
    what="segmenter",
    card=Card,
    advice="Train some with `embodied-mem train segmenter`, or choose another perception.",
)
"""The files."""


def load_weights(path: Path) -> tuple[Card, Segmenter]:
    """Read weights, and build the network that they fit, ready to be asked.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It is damaged, or holds something else.
    """
    card, network = FORMAT.load(path)
    assert isinstance(network, Segmenter)
    return card, network
