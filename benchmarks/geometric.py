"""How well things are told apart by shape alone, in generated houses, and what it costs.

Each house is toured; 14 of its views are drawn, segmented and held against the simulator's masks,
labels aside: a thing of at least 200 pixels is found if a detection has IoU 0.5 with it, and a
detection of that size is right if a thing has IoU 0.5 with it. Walls, floors and ceilings are no
things.

Run `python benchmarks/geometric.py --first 900 --houses 10`, with `--missing 0.4` to take that
share of the depth away, with `--noise 0.005` for that deviation of depth at 1 m. `--speed` prints
the time of each stage instead. Thresholds were chosen on houses 900 to 909.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from house_tour import Visit

from embodied_mem.types import Camera, Frame
from perception.geometric import Geometric, detector

STAGES = ("relief", "find_planes", "edges", "lab_of", "pieces", "patches", "join", "panes",
          "under_tops", "grow", "_detections")  # fmt: skip
"""Functions of the detector's module, in the order of their use."""

SIZES = (200, 500, 1500, 5000, 1_000_000)
"""Bounds of the sizes that are told apart [px]."""


def views(seed: int, *, most: int) -> list[Frame]:
    """Draw some views of the first tour of a house, in their order."""
    every_third = []
    for number, glance in enumerate(Visit(seed).glances()):
        if glance.phase:
            break
        if number % 3 == 0:
            every_third.append(glance.frame)
    random, count = np.random.default_rng(seed), len(every_third)
    chosen = random.choice(count, min(most, count), replace=False)
    return [every_third[i] for i in sorted(chosen.tolist())]


def worsened(frame: Frame, missing: float, noise: float, random: np.random.Generator) -> Frame:
    """Take depth away in blobs and in single pixels, half each, and add noise."""
    assert frame.depth is not None
    depth = frame.depth + random.normal(size=frame.depth.shape) * noise * frame.depth**2
    if missing:
        coarse = random.random((frame.depth.shape[0] // 12, frame.depth.shape[1] // 12))
        blobs = coarse.repeat(12, 0).repeat(12, 1) < missing / 2
        share = missing / 2 / max(1 - missing / 2, 1e-9)
        depth[blobs | (random.random(depth.shape) < share)] = np.nan
    return replace(frame, depth=depth.astype(np.float32))


def overlaps(masks: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return IoU (n, t) of masks with true things, pixels of the things (t), of the masks (n)."""
    numbers, dense = np.unique(ids, return_inverse=True)
    dense = dense.reshape(ids.shape)
    sizes = np.bincount(dense.ravel(), minlength=len(numbers))
    shared = np.array([np.bincount(dense[mask], minlength=len(numbers)) for mask in masks]).reshape(
        len(masks), len(numbers)
    )
    pixels = masks.sum(axis=(1, 2))
    iou = shared / (sizes + pixels[:, None] - shared).clip(1)
    things = numbers > 0
    return iou[:, things], sizes[things], pixels


def score_masks(seeds: range, most: int, missing: float, noise: float) -> None:
    """Print recall and precision of masks."""
    find = Geometric()
    found, all_, right, said = (np.zeros(len(SIZES) - 1, int) for _ in range(4))
    frames = 0
    for seed in seeds:
        for frame in views(seed, most=most):
            assert frame.truth is not None
            random = np.random.default_rng(frames)
            frames += 1
            masks = find(worsened(frame, missing, noise, random)).masks
            iou, sizes, pixels = overlaps(masks, frame.truth.ids)
            best = iou.max(axis=0, initial=0)
            match = iou.max(axis=1, initial=0)
            for k in range(len(SIZES) - 1):
                own = (sizes >= SIZES[k]) & (sizes < SIZES[k + 1])
                all_[k] += own.sum()
                found[k] += (best[own] >= 0.5).sum()
                own = (pixels >= SIZES[k]) & (pixels < SIZES[k + 1])
                said[k] += own.sum()
                right[k] += (match[own] >= 0.5).sum()
    print(f"{frames} views of {len(seeds)} houses, missing {missing:.2f}, noise {noise:.3f}")
    for k in range(len(SIZES) - 1):
        print(
            f"  {SIZES[k]:>5}.. px: recall {found[k] / max(all_[k], 1):.3f} of {all_[k]}, "
            f"precision {right[k] / max(said[k], 1):.3f} of {said[k]}"
        )
    print(f"  all: recall {found.sum() / all_.sum():.3f}, precision {right.sum() / said.sum():.3f}")


def enlarged(frame: Frame) -> Frame:
    """Return a view of 300 x 300 pixels as a camera of 640 x 480 would show its middle."""
    assert frame.depth is not None
    assert frame.camera is not None
    rows, columns = (np.linspace(0, 299, n).astype(int) for n in (480, 640))
    scale = np.array([640, 480]) / 300
    camera = Camera(
        width=640, height=480, fx=frame.camera.fx * scale[0], fy=frame.camera.fy * scale[1],
        cx=frame.camera.cx * scale[0], cy=frame.camera.cy * scale[1],
    )  # fmt: skip
    return replace(
        frame, rgb=frame.rgb[rows][:, columns], depth=frame.depth[rows][:, columns],
        camera=camera, truth=None,
    )  # fmt: skip


def print_speed(seed: int) -> None:
    """Print the processor time of each stage, the median over views of a house."""
    frames = views(seed, most=20)
    random = np.random.default_rng(seed)
    kinds = {
        "300x300": frames,
        "300x300, noise, 40 % missing": [worsened(f, 0.4, 0.005, random) for f in frames],
        "640x480": [enlarged(frame) for frame in frames],
    }
    for name, chosen in kinds.items():
        times: dict[str, list[float]] = {}
        find = Geometric()
        find(chosen[0])
        for frame in chosen:
            began = time.process_time()
            find(frame)
            times.setdefault("whole", []).append(time.process_time() - began)
        for stage in STAGES:
            with timed(stage) as taken:
                for frame in chosen:
                    taken.append(0.0)
                    find(frame)
            times[stage] = list(taken)
        row = ", ".join(f"{k} {1e3 * np.median(v):.1f}" for k, v in times.items())
        print(f"{name} [ms]: {row}")


@contextmanager
def timed(stage: str) -> Iterator[list[float]]:
    """Add the processor time of each call of a stage to the last entry of a list."""
    taken: list[float] = []
    plain = getattr(detector, stage)

    def measured(*args: object, **kwargs: object) -> object:
        began = time.process_time()
        result = plain(*args, **kwargs)
        taken[-1] += time.process_time() - began
        return result

    setattr(detector, stage, measured)
    try:
        yield taken
    finally:
        setattr(detector, stage, plain)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=900)
    parser.add_argument("--houses", type=int, default=10)
    parser.add_argument("--views", type=int, default=14, help="of each house, at most")
    parser.add_argument("--missing", type=float, default=0.0)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--speed", action="store_true")
    arguments = parser.parse_args()
    if arguments.speed:
        print_speed(arguments.first)
        return
    seeds = range(arguments.first, arguments.first + arguments.houses)
    score_masks(seeds, arguments.views, arguments.missing, arguments.noise)


if __name__ == "__main__":
    main()
