"""The compact tracker's weights: which network they fit, and how they came about."""

from collections.abc import Mapping
from pathlib import Path

from embodied_mem.config import Config
from embodied_mem.runtime.carded_weights import WeightsFormat
from perception.compact.network import CompactConfig, CompactXMem

SHIPPED = Path(__file__).parent.parent / "weights" / "tracker.safetensors"
"""The weights that come with the package."""


class Card(Config, frozen=True):
    """What a compact tracker's weights are."""

    network: CompactConfig
    training: Mapping[str, str | int | float] = {}
    """How they came about."""

    def build(self) -> CompactXMem:
        """Build the network, untrained."""
        return CompactXMem(self.network)


FORMAT = WeightsFormat(
    name="embodied-mem compact tracker 1",
    what="tracker",
    card=Card,
    advice="Train some with `embodied-mem train tracker`.",
)
"""The files."""


def load_compact(path: Path) -> CompactXMem:
    """Read weights, and build the network that they fit.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It is damaged, or its weights do not fit the network of its card.
    """
    _, network = FORMAT.load(path)
    assert isinstance(network, CompactXMem)
    return network
