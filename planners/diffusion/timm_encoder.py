"""A timm network by name as the grid of a policy's encoder.

Its map of features goes where the small convolutional network's goes: through the bottleneck, with
what all places have in common taken off.

Axes: b images, d channels of the map, y, x its places.
"""

from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from embodied_mem.errors import ConfigError
from embodied_mem.runtime.timm_models import build_timm
from planners.diffusion.encoder import GridEncoder, GridEncoderConfig
from planners.diffusion.pretrained import Trunk, fill_trunk, gradients, squared


class TimmEncoderConfig(GridEncoderConfig, frozen=True, tag="timm"):
    """The map of a timm network."""

    model: str = "resnet18"
    """Name among `timm.list_models()`."""
    weights: str | None = None
    """Path of a .safetensors file that training begins with; None: weights are drawn."""
    layer: int = -1
    """Which of the network's maps: its stages, or the blocks of a transformer, from 0; -1 is the
    last one."""
    side: int | None = None
    """Side of the square that images are brought to [px]; None: they stay as they are."""
    frozen: bool = False
    """Whether the network stays as it is."""

    def __post_init__(self) -> None:
        if self.side is not None and self.side < 1:
            raise ConfigError(f"timm.side must be at least 1 px, got {self.side}.")


class TimmEncoder(GridEncoder):
    """What is seen, and what it means for the task, by a timm network.

    Args:
        height: Of the images [px].
        width: Of the images [px].
        proprio: Numbers that tell of the robot's own state.
        instructions: How many there are.
        config: Which network, and sizes.

    Raises:
        ConfigError: timm is not installed, has no such model or map, or the model does not take
            such images.
    """

    def __init__(
        self, *, height: int, width: int, proprio: int, instructions: int, config: TimmEncoderConfig
    ) -> None:
        size = (height, width) if config.side is None else (config.side, config.side)
        network = timm_network(config, size)
        grid = TimmGrid(network, config)
        _, channels, rows, columns = grid.shape(size)
        super().__init__(
            grid,
            channels=channels,
            places=rows * columns,
            proprio=proprio,
            instructions=instructions,
            config=config,
        )
        known = getattr(network, "pretrained_cfg", None) or {}
        self._mean = tuple(known.get("mean", (0.485, 0.456, 0.406)))
        self._deviation = tuple(known.get("std", (0.229, 0.224, 0.225)))
        self._size = size

    def scaled(
        self,
        images: UInt8[Tensor, "b h w 3"],
        usual: Float[Tensor, "h w 3"],  # noqa: ARG002 - the network was trained without.
    ) -> Float[Tensor, "b y x 3"]:
        """Bring images to the size and colours that the network expects."""
        return squared(images, self._size, self._mean, self._deviation)

    def begin(self, config: TimmEncoderConfig) -> None:
        """Begin with the weights that the config names.

        Raises:
            WeightsError: They are missing, damaged, or another network's.
        """
        if config.weights is not None:
            assert isinstance(self.grid, TimmGrid)
            path = Path(config.weights).expanduser()
            fill_trunk(self.grid.network, path, name=config.model)


class TimmGrid(Trunk):
    """One map of a timm network.

    Args:
        network: It.
        config: Which map.
    """

    def __init__(self, network: nn.Module, config: TimmEncoderConfig) -> None:
        super().__init__(network, frozen=config.frozen)
        self._name, self._layer = config.model, config.layer

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d y x"]:
        """Return the map of scaled images.

        Raises:
            ConfigError: There is no such map, or the images are of another size than it takes.
        """
        try:
            with gradients(self):
                return self.network.forward_intermediates(  # pyright: ignore[reportCallIssue]
                    pixels, indices=[self._layer], intermediates_only=True, output_fmt="NCHW"
                )[0]
        except AssertionError as error:  # timm's way to refuse.
            raise ConfigError(
                f"{self._name} gives no map {self._layer} of {pixels.shape[2]} x "
                f"{pixels.shape[3]} px: {error or 'there is none'}. -1 is the last map; `side` "
                "brings images to another size."
            ) from error

    @torch.no_grad()
    def shape(self, size: tuple[int, int]) -> torch.Size:
        """Return the map's shape for an image of a size."""
        self.network.eval()  # A single image has no variance for a batch norm to learn from.
        shape = self(torch.zeros(1, 3, *size)).shape
        self.train()
        return shape


def timm_network(config: TimmEncoderConfig, size: tuple[int, int]) -> nn.Module:
    """Build the network of a config, with random weights and no classifier; nothing is fetched.

    Args:
        config: Which network.
        size: Height and width of the images that it gets [px].
    """
    network = build_timm(config.model)
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", (1, 1))
    if any(side % part for side, part in zip(size, patch, strict=True)):
        raise ConfigError(
            f"{config.model} cuts images into patches of {patch[0]} x {patch[1]} px, which "
            f"{size[0]} x {size[1]} px are no multiple of. `side` brings them to another size."
        )
    if hasattr(network, "set_input_size"):
        network.set_input_size(img_size=size)  # pyright: ignore[reportCallIssue]
    return network
