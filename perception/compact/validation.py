"""How well a network follows things through films that it was not trained on."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from embodied_mem.runtime.mask_scoring import region_similarity
from perception.compact.clips import Clip
from perception.xmem.network import MemoryNetwork
from perception.xmem.tracker import ObjectTracker

_FILMS = 8
"""Films that are measured on at most, evenly from those there are."""
_AREAS = (0.003, 0.3)
"""Shares of the picture that a thing may fill to be followed."""


def choose_targets(
    ids: UInt8[np.ndarray, "h w"], most: int, areas: tuple[float, float] = _AREAS
) -> list[int]:
    """Choose what to follow from the first masks: of fitting sizes, from large to small.

    Returns:
        Ids, evenly from all that fit by size; fewer than `most` where few fit.
    """
    numbers, counts = np.unique(ids, return_counts=True)
    share = counts / ids.size
    fitting = [
        (-s, int(n))
        for n, s in zip(numbers.tolist(), share, strict=True)
        if n and areas[0] <= s <= areas[1]
    ]
    ordered = [number for _, number in sorted(fitting)]
    picked = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[index] for index in picked]


def validate(
    network: MemoryNetwork, films: Sequence[Clip], device: torch.device
) -> dict[str, float]:
    """Follow up to three things through each film.

    Returns:
        `region`: J over all frames but the first; `overlap`: the same where the thing is in view.
    """
    every = range(0, len(films), max(1, len(films) // _FILMS))
    all_frames: list[float] = []
    in_view: list[float] = []
    for film in (films[index] for index in every):
        targets = choose_targets(film.ids[0], 3)
        if not targets:
            continue
        tracker = ObjectTracker(network, device=device)
        given = np.where(np.isin(film.ids[0], targets), film.ids[0], 0).astype(np.int32)
        for number, (rgb, ids) in enumerate(zip(film.rgb, film.ids, strict=True)):
            found = tracker.step(rgb, given if number == 0 else None).ids
            for target in targets if number else ():
                truth = ids == target
                all_frames.append(region_similarity(found == target, truth))
                if truth.any():
                    in_view.append(all_frames[-1])
    return {"region": float(np.mean(all_frames)), "overlap": float(np.mean(in_view))}
