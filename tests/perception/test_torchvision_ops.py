from importlib import import_module

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perception.torchvision_ops import ensure_torchvision, suppress


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
