"""How things look, by a timm network: one pass a frame, its map averaged under each mask."""

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor, nn

from embodied_mem.errors import ConfigError
from embodied_mem.runtime.timm_models import build_timm
from perception.devices import choose_device, computing, memory_explained
from perception.timm_config import TimmFeaturesConfig
from perception.weights import fill, find_weights, load_state


class TimmFeatures:
    """Describes by a network's map."""

    def __init__(self, config: TimmFeaturesConfig):
        """Load the weights.

        Raises:
            ConfigError: There is no such model, layer or device.
            WeightsError: The weights are missing, damaged, or another network's.
        """
        self.config = config
        self._device = choose_device(config.device)
        network = build_network(config)
        path = find_weights(config.weights, sha256=config.sha256)
        fill(network, load_state(path), path, name=config.model)
        _resize(network, config)
        self._network = network.to(self._device).eval()
        self._mean, self._scale = _normalisation(network, self._device)

    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], masks: Bool[np.ndarray, "n h w"]
    ) -> Float32[np.ndarray, "n d"]:
        """Describe what lies under each mask.

        Raises:
            DetectorError: The device's memory is full.
        """
        return pool_under(self.maps(rgb), masks)

    @torch.inference_mode()
    def maps(self, rgb: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "d y x"]:
        """Return the network's map of an image, whatever the image's shape.

        Raises:
            DetectorError: The device's memory is full.
        """
        side = self.config.image_size
        square = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)
        with (
            memory_explained("the feature network", "Make image_size smaller or precision bf16."),
            computing(self._device, self.config.precision),
        ):
            image = torch.from_numpy(square).to(self._device).permute(2, 0, 1)[None].float() / 255
            return self._layer((image - self._mean) * self._scale)[0].float().cpu().numpy()

    def _layer(self, image: Float[Tensor, "1 3 s s"]) -> Float[Tensor, "1 d y x"]:
        try:
            return self._network.forward_intermediates(  # pyright: ignore[reportCallIssue]
                image, indices=[self.config.layer], intermediates_only=True, output_fmt="NCHW"
            )[0]
        except AssertionError as error:  # timm's way to refuse a layer.
            raise ConfigError(
                f"{self.config.model} has no map {self.config.layer}. -1 is the last one."
            ) from error


def pool_under(
    maps: Float32[np.ndarray, "d y x"], masks: Bool[np.ndarray, "n h w"]
) -> Float32[np.ndarray, "n d"]:
    """Average a map under each mask, cells counted as far as covered, to unit length.

    Args:
        maps: Covers the same view as the masks.
        masks: An empty one gets an even feature.
    """
    width, height, across = maps.shape
    shares = np.zeros((len(masks), height, across), np.float32)
    for share, mask in zip(shares, masks, strict=True):
        cv2.resize(
            mask.astype(np.float32), (across, height), dst=share, interpolation=cv2.INTER_AREA
        )
    sums = shares.reshape(len(masks), height * across) @ maps.reshape(width, -1).T  # (n, d)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    even = np.full(width, width**-0.5, np.float32)
    return np.where(lengths > 1e-12, sums / np.maximum(lengths, 1e-12), even).astype(np.float32)


def build_network(config: TimmFeaturesConfig) -> nn.Module:
    """Build the network of a config, with random weights and no classifier; nothing is fetched.

    Raises:
        ConfigError: timm has no such model, or it gives no maps.
    """
    return build_timm(config.model)


def _resize(network: nn.Module, config: TimmFeaturesConfig) -> None:
    """Let a network that is made for one size of image take another.

    Raises:
        ConfigError: It cuts images into patches that do not fit that size.
    """
    side = config.image_size
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", (1, 1))
    if side % patch[0]:
        raise ConfigError(
            f"{config.model} cuts images into patches of {patch[0]} px; image_size must be a "
            f"multiple of that, got {side}."
        )
    if hasattr(network, "set_input_size"):
        network.set_input_size(img_size=(side, side))  # pyright: ignore[reportCallIssue]


def _normalisation(network: nn.Module, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and inverse deviation of the colours it was trained on, (3, 1, 1)."""
    known = getattr(network, "pretrained_cfg", None) or {}
    mean = torch.tensor(known.get("mean", (0.485, 0.456, 0.406)), device=device)
    deviation = torch.tensor(known.get("std", (0.229, 0.224, 0.225)), device=device)
    return mean[:, None, None], (1 / deviation)[:, None, None]
