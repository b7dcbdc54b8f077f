"""Lets torchvision load where its compiled half does not.

A CPU build of torch beside torchvision's CUDA build from PyPI is a common pair on machines without
a GPU. torchvision's `_C` library then fails to load, and `import torchvision` (so `import timm`)
ends in "operator torchvision::nms does not exist". Its Python half needs two operators of it, in
detectors alone: greedy non-maximum suppression, given here, and RoIAlign, for which torchvision has
a form in plain tensors itself. Where `_C` loads, all of this does nothing.
"""

import importlib.util
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""Operators that `import torchvision` refers to by name."""

_LIBRARIES: list[torch.library.Library] = []
"""Kept: an operator goes when its library object does."""


@cache
def ensure_torchvision() -> None:
    """Make `import torchvision` and `import timm` work; call it before either of them."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or _loads(Path(found.origin).parent):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    library.impl("nms", suppress, "CPU")
    _LIBRARIES.append(library)
    import torchvision.extension  # noqa: PLC0415 - only now can it be imported.
    import torchvision.ops.boxes  # noqa: PLC0415

    # Its check asks for the compiled half; all that `nms` goes on to call is defined above.
    torchvision.ops.boxes._assert_has_ops = lambda: None  # noqa: SLF001


def _loads(folder: Path) -> bool:
    """Tell whether torchvision's compiled half fits the torch that is here."""
    try:
        for path in sorted(folder.glob("_C*.so")) + sorted(folder.glob("_C*.pyd")):
            torch.ops.load_library(path)
            return True
    except OSError:
        return False
    return False


def suppress(
    boxes: Float[Tensor, "n 4"], scores: Float[Tensor, "n"], iou_threshold: float
) -> Int64[Tensor, "k"]:
    """Return the boxes that greedy non-maximum suppression keeps, best score first.

    A box goes when it overlaps a kept one by an intersection over union of more than the threshold.

    Args:
        boxes: x1, y1, x2, y2 [px].
        scores: Confidence of each.
        iou_threshold: 0..1.
    """
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes[order]
    areas = (ranked[:, 2] - ranked[:, 0]) * (ranked[:, 3] - ranked[:, 1])
    low = torch.maximum(ranked[:, None, :2], ranked[None, :, :2])
    high = torch.minimum(ranked[:, None, 2:], ranked[None, :, 2:])
    common = (high - low).clamp(min=0).prod(dim=2)  # (n, n)
    over = common > iou_threshold * (areas[:, None] + areas[None] - common)
    alive = torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    for row in range(len(order)):
        if alive[row]:
            alive[row + 1 :] &= ~over[row, row + 1 :]
    return order[alive]
