"""Measures maps, before any grouping, on whole frames of validation houses."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Int64

from embodied_mem.types import Camera
from perception.learned.inference import look
from perception.learned.inputs import network_input
from perception.learned.network import Segmenter
from perception.learned.shards import LabelledFrame, Shard
from perception.learned.targets import make_targets

_MOST_FRAMES = 96
"""Frames that are looked at, evenly over the shards."""


@torch.inference_mode()
def validate(
    network: Segmenter, shards: Sequence[Shard], kind_of: Mapping[int, int], device: torch.device
) -> dict[str, float]:
    """Score the network on validation frames.

    Returns:
        `miou`: mean over the kinds that are there of intersection over union; `pixels`: share of
        pixels whose kind is right; `state_accuracy`: share of pixels whose states are right.
    """
    size = len(kind_of) + 1
    confusion = np.zeros((size, size), np.int64)
    right = seen = 0
    for frame in _frames(shards):
        maps = look(network, torch.from_numpy(frame_input(frame)).to(device))
        kinds = np.array([kind_of.get(int(label), 0) for label in frame.labels], np.int32)
        truth = make_targets(frame.ids, kinds, frame.states)
        found = maps.kinds[0].argmax(dim=0).cpu().numpy()
        confusion += _counts(truth.kinds, found, size)  # pyright: ignore
        states = (maps.states[0] > 0).cpu().numpy()
        applies = np.asarray(truth.states) >= 0
        right += int(((states == (np.asarray(truth.states) == 1)) & applies).sum())
        seen += int(applies.sum())
    both = np.diag(confusion)
    there = confusion.sum(axis=1)
    either = there + confusion.sum(axis=0) - both
    kinds_there = np.flatnonzero(there[1:]) + 1
    return {
        "miou": float((both[kinds_there] / either[kinds_there]).mean()),
        "pixels": float(both.sum() / confusion.sum()),
        "state_accuracy": right / max(seen, 1),
    }


def _frames(shards: Sequence[Shard]) -> list[LabelledFrame]:
    places = [(shard, index) for shard in shards for index in range(len(shard))]
    chosen = np.linspace(0, len(places) - 1, min(_MOST_FRAMES, len(places))).astype(int)
    return [places[i][0].frame(places[i][1]) for i in chosen]


def frame_input(frame: LabelledFrame) -> np.ndarray:
    """Prepare a whole labelled frame as the detector would."""
    height, width = frame.ids.shape
    fx, fy, cx, cy = frame.camera.tolist()
    camera = Camera(width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)
    return network_input(frame.rgb, frame.depth.astype(np.float32) / 1000, camera, frame.pose)


def _counts(
    truth: Int64[np.ndarray, "h w"], found: Int64[np.ndarray, "h w"], size: int
) -> Int64[np.ndarray, "k k"]:
    pairs = truth.reshape(-1) * size + found.reshape(-1)
    return np.bincount(pairs, minlength=size * size).reshape(size, size)
