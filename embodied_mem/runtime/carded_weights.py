"""Trained weights as one safetensors file: half-precision tensors, and a card in its header.

The file needs no other: the card says which network they fit, and how they came about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from embodied_mem.errors import StoreError, StoreFormatError


@runtime_checkable
class Card(Protocol):
    """What weights are; a config, so that it can stand in a header."""

    def build(self) -> nn.Module:
        """Build the network that they fit, untrained."""
        ...


CardType = TypeVar("CardType", bound=Card)


def as_it_is(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card unchanged."""
    return card


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFormat(Generic[CardType]):
    """A kind of file."""

    name: str
    """Name and version, in every file's header."""
    what: str
    """What such weights make, in a word: segmenter."""
    card: type[CardType]
    advice: str
    """What to do where there are none."""
    upgraded: Callable[[dict[str, Any]], dict[str, Any]] = as_it_is
    """Makes a card that an earlier version of the package wrote one of today's."""

    def save(self, path: Path, card: CardType, tensors: Mapping[str, Tensor]) -> None:
        """Write weights, whole or not at all; matrices and filters in half precision.

        Args:
            path: The file.
            card: What they are.
            tensors: The network's state.
        """
        metadata = {"format": self.name, "card": msgspec.json.encode(card).decode()}
        part = path.with_suffix(".part")
        packed = {name: _packed(tensor) for name, tensor in tensors.items()}
        save_file(packed, part, metadata=metadata)
        part.replace(path)

    def load(self, path: Path) -> tuple[CardType, nn.Module]:
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
                f"cannot read the {self.what}'s weights {path}: {reason_of(error)}. {self.advice}"
            ) from error
        except SafetensorError as error:
            raise StoreFormatError(
                f"the {self.what}'s weights {path} are damaged: {error}."
            ) from error
        if metadata.get("format") != self.name:
            found = metadata.get("format", "something else")
            raise StoreFormatError(f"{path} holds no {self.what} of this version, but '{found}'.")
        try:
            said = msgspec.json.decode(metadata.get("card", ""), type=dict[str, Any])
            card = msgspec.convert(self.upgraded(said), type=self.card)
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

    def is_claimed_by(self, path: Path) -> bool:
        """Tell whether a file says that it is of this kind."""
        if path.suffix != ".safetensors" or not path.is_file():
            return False
        try:
            with safe_open(path, framework="pt") as file:  # pyright: ignore
                return (file.metadata() or {}).get("format") == self.name
        except SafetensorError:
            return False


def _packed(tensor: Tensor) -> Tensor:
    """Half precision for matrices and filters; biases, means and variances stay as they are."""
    kept = tensor.detach().to("cpu", copy=True).contiguous()
    return kept.half() if kept.is_floating_point() and kept.ndim > 1 else kept


def reason_of(error: OSError) -> str:
    """Say why a file could not be opened; safetensors' own errors repeat its name."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return error.strerror or str(error)
