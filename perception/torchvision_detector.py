"""Detectors of torchvision's R-CNN family, with weights that the user brings."""

import math
from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from embodied_mem.runtime.torchvision_ops import ensure_torchvision
from embodied_mem.types import Frame
from perception.box_masks import masks_in_boxes
from perception.detections import Detections
from perception.devices import choose_device, computing, memory_explained
from perception.label_map import NO_CLASS, called, label_of
from perception.remembering_head import RememberingLinear, remember
from perception.torchvision_config import TorchvisionConfig
from perception.weights import fill, find_weights, load_state


class TorchvisionDetector:
    """Finds things of the classes that its weights were trained for."""

    def __init__(self, config: TorchvisionConfig | None = None):
        """Load the weights.

        Raises:
            ConfigError: There is no such device.
            WeightsError: The weights are missing, damaged, or another architecture's.
        """
        self.config = config or TorchvisionConfig()
        self._device = choose_device(self.config.device)
        path = find_weights(self.config.weights, sha256=self.config.sha256)
        state = load_state(path)
        network = build_network(self.config)
        fill(network, state, path, name=self.config.architecture)
        self._network = network.to(self._device).eval()
        self._layers = self._remembering(network)
        self._latest = -math.inf

    def reset(self) -> None:
        """Forget the frames before, where there is a bank: another video begins."""
        for layer in self._layers:
            layer.bank.reset()
        self._latest = -math.inf

    def __call__(self, frame: Frame) -> Detections:
        """Find the things in one frame.

        Raises:
            DetectorError: The device's memory is full.
        """
        return self.batch([frame])[0]

    @torch.inference_mode()
    def batch(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the things in several frames at once, which may differ in size.

        With a bank they are looked at one after another, and one that is from before the last
        begins another video.

        Raises:
            DetectorError: The device's memory is full.
        """
        advice = "Make image_size smaller, precision bf16, or batches shorter."
        with (
            memory_explained(f"the detector, given {len(frames)} frames,", advice),
            computing(self._device, self.config.precision),
        ):
            images = [
                torch.from_numpy(frame.rgb).to(self._device).permute(2, 0, 1).float() / 255
                for frame in frames
            ]
            outputs = self._look(images, [frame.stamp for frame in frames])
            # Masks come back as (n, 1, h, w) of float: cut here, they travel as bits.
            found = [{name: _plain(name, t) for name, t in out.items()} for out in outputs]
        return [
            detections_of(frame, out, self.config) for frame, out in zip(frames, found, strict=True)
        ]

    def _look(self, images: list[Tensor], stamps: list[float]) -> list[dict[str, Tensor]]:
        if not self._layers:
            return self._network(images)
        outputs = []
        for image, stamp in zip(images, stamps, strict=True):
            if stamp < self._latest:
                self.reset()
            self._latest = stamp
            outputs += self._network([image])
        return outputs

    def _remembering(self, network: nn.Module) -> list[RememberingLinear]:
        """Put banks into the network's box head, where they are asked for."""
        if self.config.bank is None:
            return []
        head = network.get_submodule("roi_heads.box_head")
        return remember(head, self.config.bank)


def _plain(name: str, tensor: Tensor) -> np.ndarray:
    if name == "masks":
        return (tensor[:, 0] >= 0.5).cpu().numpy()
    return (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()


def build_network(config: TorchvisionConfig) -> nn.Module:
    """Build the network of a config, with random weights; nothing is fetched."""
    ensure_torchvision()
    from torchvision.models import detection  # noqa: PLC0415 - must come after the line above.

    match config.architecture:
        case "maskrcnn_resnet50_fpn":
            build = detection.maskrcnn_resnet50_fpn
        case "maskrcnn_resnet50_fpn_v2":
            build = detection.maskrcnn_resnet50_fpn_v2
        case "fasterrcnn_resnet50_fpn":
            build = detection.fasterrcnn_resnet50_fpn
        case "fasterrcnn_resnet50_fpn_v2":
            build = detection.fasterrcnn_resnet50_fpn_v2
        case _:
            assert_never(config.architecture)
    network = build(
        weights=None,
        weights_backbone=None,
        num_classes=len(config.classes),
        min_size=config.image_size,
        max_size=config.image_size * 5 // 3,
        box_score_thresh=config.score,
        box_detections_per_img=config.max_detections,
    )
    if not config.architecture.endswith("v2"):
        _use_exact_normalisation(network)
    return network


def _use_exact_normalisation(network: nn.Module) -> None:
    """Divide by the standard deviation itself, as the older COCO weights were trained.

    torchvision does so where it loads those weights itself (`overwrite_eps`).
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0


def detections_of(
    frame: Frame, output: Mapping[str, np.ndarray], config: TorchvisionConfig
) -> Detections:
    """Return a network's output for one frame as detections, the most certain first.

    Args:
        frame: What was looked at.
        output: `boxes` (n, 4) [px], `labels` (n,), `scores` (n,) and, of Mask R-CNN, `masks` as
            bits (n, h, w).
        config: Thresholds and names.
    """
    scores = np.asarray(output["scores"], dtype=float).clip(0, 1)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= config.score][: config.max_detections]
    masks = _masks(frame, output, order)
    classes = np.array(config.classes)[output["labels"][order]]
    kept = (masks.sum(axis=(1, 2)) >= max(config.min_pixels, 1)) & (classes != NO_CLASS)
    texts = classes[kept].tolist()
    labels = [label_of(text, config.rename) for text in texts]
    return Detections(
        masks=masks[kept],
        labels=tuple(labels),
        scores=scores[order][kept],
        attributes=tuple(called(t, name) for t, name in zip(texts, labels, strict=True)),
    )


def _masks(
    frame: Frame, output: Mapping[str, np.ndarray], rows: np.ndarray
) -> Bool[np.ndarray, "n h w"]:
    if "masks" in output:
        return output["masks"][rows]
    boxes: Float[np.ndarray, "n 4"] = output["boxes"][rows]
    return masks_in_boxes(frame, boxes)
