"""The segmenter as a detector: no truth is read, weights come with the package."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from scipy.spatial.transform import RigidTransform

from embodied_mem.errors import FrameError
from embodied_mem.types import Attributes, Camera, Frame
from perception.detections import Detections
from perception.devices import choose_device
from perception.learned.config import LearnedConfig
from perception.learned.grouping import Groups, full_size, group, pooled
from perception.learned.inference import dtype_of, look
from perception.learned.inputs import network_input
from perception.learned.network import Maps, to_device
from perception.learned.strides import FINE
from perception.learned.weights import SHIPPED, Kind, load_weights

_FAINT = frozenset(("filled", "cooked"))
"""States of which at 0.75 every third sighting says the contrary."""


class Learned:
    """Finds things with a trained network.

    Raises:
        StoreError: The weights cannot be read.
        StoreFormatError: They are damaged, or those of something else.
    """

    def __init__(self, config: LearnedConfig | None = None) -> None:
        self.config = config or LearnedConfig()
        path = SHIPPED if self.config.weights is None else Path(self.config.weights)
        self.card, network = load_weights(path)
        self._device = choose_device(self.config.device)
        exact = dtype_of(self.config.precision, self._device)
        self._network = to_device(network, self._device).to(exact)

    def __call__(self, frame: Frame) -> Detections:
        """Return what is found, the largest first.

        Raises:
            FrameError: The frame lacks depth, camera or pose.
        """
        image, depth = self.prepare(frame)
        groups, states = self.groups(self.maps(image), depth)
        return self.detections(groups, states, depth, frame.rgb)

    def prepare(
        self, frame: Frame
    ) -> tuple[Float32[np.ndarray, "c h w"], Float32[np.ndarray, "h w"]]:
        """Return the network's input, and depth with 0 where it is unknown [m].

        Raises:
            FrameError: The frame lacks depth, camera or pose.
        """
        depth, camera, pose = _needed(frame)
        depth = np.nan_to_num(depth, nan=0.0, posinf=0.0, neginf=0.0)
        image = network_input(frame.rgb, depth, camera, pose.as_matrix(), floor_height(frame))
        return image, depth

    @torch.inference_mode()
    def maps(self, image: Float32[np.ndarray, "c h w"]) -> Maps:
        """Return what the network says of an image."""
        return look(self._network, torch.from_numpy(image).to(self._device))

    @torch.inference_mode()
    def groups(
        self, maps: Maps, depth: Float32[np.ndarray, "h w"]
    ) -> tuple[Groups, Float[np.ndarray, "n s"]]:
        """Return the things of the maps, and the probability of each one's states."""
        logits = maps.kinds[0].movedim(0, -1)  # As they lie in memory.
        best, kinds = logits.max(dim=-1)
        chances = torch.zeros_like(best)
        things = kinds > 0  # The background's chances are of no use, and take long.
        chances[things] = (best[things] - logits[things].logsumexp(dim=-1)).exp()
        groups = group(
            kinds.cpu().numpy(),
            chances.cpu().numpy(),
            maps.centres[0, 0].sigmoid().cpu().numpy(),
            maps.offsets[0].cpu().numpy(),
            depth[::FINE, ::FINE],
            self.config.grouping,
        )
        logits = pooled(maps.states[0].cpu().numpy(), groups.cells, len(groups.kinds))
        return groups, 1 / (1 + np.exp(-logits))

    def detections(
        self,
        groups: Groups,
        states: Float[np.ndarray, "n s"],
        depth: Float32[np.ndarray, "h w"],
        rgb: UInt8[np.ndarray, "h w 3"],
    ) -> Detections:
        """Return masks of full size of what is large and sure enough, the largest first."""
        numbers = full_size(groups.cells, depth, rgb)
        areas = np.bincount(numbers.reshape(-1), minlength=len(groups.kinds) + 1)[1:]
        good = (areas >= self.config.min_pixels) & (groups.scores >= self.config.min_score)
        kept = np.flatnonzero(good)
        kept = kept[np.argsort(-areas[kept], kind="stable")]
        kinds = [self.card.kinds[groups.kinds[i] - 1] for i in kept]
        return Detections(
            masks=numbers[None] == (kept + 1)[:, None, None],
            labels=tuple(kind.label for kind in kinds),
            scores=groups.scores[kept].astype(np.float64),
            attributes=tuple(
                self._attributes(kind, states[i]) for kind, i in zip(kinds, kept, strict=True)
            ),
        )

    def _attributes(self, kind: Kind, chances: Float[np.ndarray, "s"]) -> Attributes:
        found = dict(kind.constant)
        for name, chance in zip(self.card.states, chances, strict=True):
            sure = self.config.sure_of_faint if name in _FAINT else self.config.sure
            if name in kind.states and max(chance, 1 - chance) >= sure:
                found[name] = bool(chance > 0.5)
        return found


def floor_height(frame: Frame) -> float:
    """Height of the floor in the world: that of the robot's base, else 0 [m]."""
    return 0.0 if frame.T_world_body is None else float(frame.T_world_body.translation[2])


def _needed(frame: Frame) -> tuple[np.ndarray, Camera, RigidTransform]:
    missing = [
        name
        for name, value in (
            ("depth", frame.depth),
            ("camera", frame.camera),
            ("T_world_camera", frame.T_world_camera),
        )
        if value is None
    ]
    if missing:
        raise FrameError(
            f"the frame at {frame.stamp:.2f} s has no {' and no '.join(missing)}, which the "
            "learned segmenter looks at beside colour. Use an RGB-D camera with a known pose, or "
            "another perception."
        )
    assert frame.depth is not None
    assert frame.camera is not None
    assert frame.T_world_camera is not None
    return frame.depth, frame.camera, frame.T_world_camera
