"""A simulator's own instance masks as detections: perception that never errs, unless told to."""

import numpy as np
from jaxtyping import Int, Integer

from embodied_mem.config import Config
from embodied_mem.errors import FrameError
from embodied_mem.types import Frame, Truth
from perception.detections import Detections
from perception.lift import LiftConfig
from perception.noise import NoiseConfig


class OracleConfig(Config, frozen=True, tag="oracle"):
    """Instance masks of a simulator."""

    min_pixels: int = 12
    """Smaller masks are not detected [px]."""
    noise: NoiseConfig | None = None
    """Errors of a real detector and depth camera; none when null."""
    lift: LiftConfig | None = LiftConfig()
    """How masks are placed in the world; null leaves them without points."""


class Oracle:
    """Reads detections off `frame.truth`."""

    def __init__(self, config: OracleConfig | None = None):
        self.config = config or OracleConfig()

    def __call__(self, frame: Frame) -> Detections:
        """Return every instance of at least `min_pixels`, in order of its number.

        Raises:
            FrameError: The frame carries no truth.
        """
        truth = frame.truth
        if truth is None:
            raise FrameError(
                f"the frame at {frame.stamp:.2f} s carries no instance masks, which the oracle "
                "reads. Use a simulator with instance segmentation on, or another perceiver."
            )
        if truth.ids.shape != frame.rgb.shape[:2]:
            raise FrameError(
                f"instance masks must match rgb, {frame.rgb.shape[:2]}, got {truth.ids.shape}."
            )
        numbers = self._detected(truth)
        masks = np.empty((len(numbers), *truth.ids.shape), dtype=bool)
        ids = _small(truth.ids)
        for mask, number in zip(masks, numbers.astype(ids.dtype), strict=True):
            np.equal(ids, number, out=mask)
        seen = [truth.instances[int(number)] for number in numbers]
        return Detections(
            masks=masks,
            labels=tuple(instance.label for instance in seen),
            scores=np.ones(len(seen)),
            attributes=tuple(instance.attributes for instance in seen),
            source_ids=tuple(instance.object_id for instance in seen),
        )

    def _detected(self, truth: Truth) -> Int[np.ndarray, "n"]:
        """Return the numbers of the instances that are large enough, in rising order."""
        ids = truth.ids.reshape(-1)
        if ids.size and ids.min() >= 0 and ids.max() < ids.size:
            counts = np.bincount(ids)
            numbers = np.flatnonzero(counts >= self.config.min_pixels)
        else:
            found, counts = np.unique(ids, return_counts=True)
            numbers = found[counts >= self.config.min_pixels]
        return np.array([n for n in numbers if n != 0 and int(n) in truth.instances], dtype=int)


def _small(ids: Integer[np.ndarray, "h w"]) -> Integer[np.ndarray, "h w"]:
    """Return the ids in as few bytes as hold them: they are compared once for each instance."""
    if ids.size and ids.min() >= 0 and ids.max() <= np.iinfo(np.uint16).max:
        return ids.astype(np.uint16)
    return ids
