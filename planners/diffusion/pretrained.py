"""What encoders of others' networks have in common: a trunk that may stay as it is, and weights.

Axes: b images.
"""

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it.
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from embodied_mem.errors import WeightsError

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""


class Trunk(nn.Module):
    """A network by others, with images scaled as it was trained on them.

    Args:
        network: It.
        frozen: Whether it stays as it is: no gradients, and no running means either.
    """

    def __init__(self, network: nn.Module, *, frozen: bool) -> None:
        super().__init__()
        self.network = network
        self.frozen = frozen
        self.train()

    def train(self, mode: bool = True) -> "Trunk":  # noqa: FBT001, FBT002 - torch's own signature.
        """Do as told, but leave a frozen network as it works at a robot."""
        super().train(mode)
        if self.frozen:
            self.network.eval()
        return self


def squared(
    images: UInt8[Tensor, "b h w 3"], side: tuple[int, int], mean: Colour, deviation: Colour
) -> Float[Tensor, "b y x 3"]:
    """Bring images to a size, whatever their shape, and to the colours that a network expects.

    Args:
        images: As a camera gives them.
        side: Height and width that they are brought to [px].
        mean: Of the colours that it was trained on.
        deviation: Likewise.
    """
    pixels = images.float() / 255
    if images.shape[1:3] != side:
        pixels = F.interpolate(
            pixels.permute(0, 3, 1, 2), side, mode="bilinear", antialias=True
        ).permute(0, 2, 3, 1)
    return (pixels - pixels.new_tensor(mean)) / pixels.new_tensor(deviation)


def fill_trunk(network: nn.Module, path: Path, *, name: str) -> None:
    """Load weights into a network; what the file holds beyond it, such as a classifier, is left.

    Raises:
        WeightsError: The file is missing, damaged, no safetensors, or another network's.
    """
    if path.suffix != ".safetensors" or not path.is_file():
        raise WeightsError(
            f"there are no weights for {name} at {path}: give a .safetensors file on this machine; "
            "nothing is fetched."
        )
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"the weights {path} are damaged: {error}.") from error
    wanted = network.state_dict()
    unfit = [
        key
        for key, tensor in wanted.items()
        if (key not in state and not key.endswith("num_batches_tracked"))
        or (key in state and state[key].shape != tensor.shape)
    ]
    if unfit:
        raise WeightsError(
            f"the weights in {path} are not for {name}: {len(unfit)} of its {len(wanted)} tensors "
            f"are missing or of another shape, `{unfit[0]}` first."
        )
    network.load_state_dict({key: state[key] for key in wanted if key in state}, strict=False)


def gradients(trunk: Trunk) -> torch.autograd.grad_mode.set_grad_enabled:
    """Return the context that a trunk's own layers are run in."""
    return torch.set_grad_enabled(torch.is_grad_enabled() and not trunk.frozen)
