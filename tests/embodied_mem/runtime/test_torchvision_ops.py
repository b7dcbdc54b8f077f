from importlib import import_module

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.runtime.torchvision_ops import ensure_torchvision, pool_regions, suppress


def naive(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda k: -scores[k]):
        for j in kept:
            low, high = (
                np.maximum(boxes[i, :2], boxes[j, :2]),
                np.minimum(boxes[i, 2:], boxes[j, 2:]),
            )
            common = np.prod(np.clip(high - low, 0, None))
            areas = [np.prod(boxes[k, 2:] - boxes[k, :2]) for k in (i, j)]
            if common > threshold * (sum(areas) - common):
                break
        else:
            kept.append(i)
    return kept


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), n=st.integers(0, 30), threshold=st.sampled_from((0.0, 0.3, 0.7))
)
def test_suppression_keeps_what_a_plain_loop_keeps(seed: int, n: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 20, (n, 2))
    boxes = np.concatenate((corner, corner + random.uniform(1, 12, (n, 2))), axis=1)
    scores = random.permutation(n) / max(n, 1)
    found = suppress(torch.tensor(boxes), torch.tensor(scores), threshold)
    assert found.tolist() == naive(boxes, scores, threshold)


def naive_pool(
    features: np.ndarray,
    roi: np.ndarray,
    scale: float,
    bins: tuple[int, int],
    ratio: int,
    *,
    aligned: bool,
) -> np.ndarray:
    """One region by the definition, sample by sample, in float64 (as torchvision's CPU kernel)."""
    _, height, width = features.shape
    x1, y1, x2, y2 = roi * scale - (0.5 if aligned else 0)
    w, h = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1), max(y2 - y1, 1))
    down, across = h / bins[0], w / bins[1]
    ny, nx = (
        (ratio, ratio) if ratio > 0 else (max(int(np.ceil(down)), 1), max(int(np.ceil(across)), 1))
    )
    out = np.zeros((len(features), *bins))
    for i, j, v, u in np.ndindex(*bins, ny, nx):
        y, x = y1 + (i + (v + 0.5) / ny) * down, x1 + (j + (u + 0.5) / nx) * across
        if -1 <= y <= height and -1 <= x <= width:
            y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
            top, left = min(int(y), height - 1), min(int(x), width - 1)
            low, right = min(top + 1, height - 1), min(left + 1, width - 1)
            fy, fx = y - top, x - left
            upper = features[:, top, left] * (1 - fx) + features[:, top, right] * fx
            lower = features[:, low, left] * (1 - fx) + features[:, low, right] * fx
            out[:, i, j] += (upper * (1 - fy) + lower * fy) / (ny * nx)
    return out


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    ratio=st.sampled_from((2, 1, -1)),
    aligned=st.booleans(),
    size=st.sampled_from(((5, 7), (1, 4))),
)
def test_regions_are_pooled_as_a_plain_loop_pools_them(
    seed: int, ratio: int, aligned: bool, size: tuple[int, int]
) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(2, 3, *size))
    corner = random.uniform(-12, 24, (4, 2))
    boxes = np.concatenate((corner, corner + random.uniform(0, 24, (4, 2))), axis=1)
    images = random.integers(0, 2, 4)
    rois = torch.tensor(np.concatenate((images[:, None], boxes), axis=1), dtype=torch.float32)
    found = pool_regions(
        torch.tensor(features, dtype=torch.float32), rois, 0.25, 2, 3, ratio, aligned
    )
    for i, (image, box) in enumerate(zip(images, rois[:, 1:].double().numpy(), strict=True)):
        expected = naive_pool(features[image], box, 0.25, (2, 3), ratio, aligned=aligned)
        np.testing.assert_allclose(found[i].numpy(), expected, atol=2e-5)


def test_torchvision_and_timm_load_whatever_build_of_torch_is_here() -> None:
    ensure_torchvision()
    timm, torchvision = import_module("timm"), import_module("torchvision")

    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 3.9], [8, 8, 9, 9]])
    kept = torchvision.ops.batched_nms(
        boxes, torch.tensor([0.5, 0.9, 0.1]), torch.tensor([0, 0, 0]), 0.5
    )
    assert kept.tolist() == [1, 2]
    pooled = torchvision.ops.roi_align(
        torch.ones(1, 2, 8, 8), torch.tensor([[0.0, 0, 0, 4, 4]]), (2, 2), sampling_ratio=2
    )
    assert pooled.shape == (1, 2, 2, 2)
    assert timm.list_models("resnet18")
