"""Lets torchvision load where its compiled half does not.

A CPU build of torch beside torchvision's CUDA build from PyPI is a common pair on machines without
a GPU. torchvision's `_C` library then fails to load, and `import torchvision` (so `import timm`)
ends in "operator torchvision::nms does not exist". Its Python half needs two operators of it, in
detectors alone: greedy non-maximum suppression and RoIAlign. (For the latter torchvision has a form
in plain tensors, but one that is compiled for a minute at its first use, by a C++ compiler.) Where
`_C` loads, all of this does nothing.
"""

import importlib.util
from functools import cache
from importlib import import_module
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it.
from jaxtyping import Bool, Float, Int64
from torch import Tensor

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, "
    "int pooled_width, int sampling_ratio, bool aligned) -> Tensor",
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
    library.impl("roi_align", pool_regions, "CPU")
    _LIBRARIES.append(library)

    # They ask for the compiled half; all that these two go on to call is defined above.
    for name in ("torchvision.ops.boxes", "torchvision.ops.roi_align"):
        vars(import_module(name)).update(_assert_has_ops=lambda: None, _has_ops=lambda: True)


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


_REGIONS_AT_ONCE = 128
"""Bounds the memory of `pool_regions`."""


def pool_regions(
    features: Float[Tensor, "b c h w"],
    rois: Float[Tensor, "n 5"],
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,  # noqa: FBT001 - the operator's own signature.
) -> Float[Tensor, "n c ph pw"]:
    """Average bilinear samples in the bins of each region (RoIAlign, arXiv:1703.06870, section 3).

    Args:
        features: Maps of a batch.
        rois: Number in the batch, then x1, y1, x2, y2 [px of the image].
        spatial_scale: Pixels of a map for each pixel of the image.
        pooled_height: Bins of a region, from top to bottom.
        pooled_width: Bins of a region, from left to right.
        sampling_ratio: Samples in a bin along each axis; as many as its pixels when not positive.
        aligned: Whether pixel i's centre lies at i + 0.5.
    """
    bins = (pooled_height, pooled_width)
    pooled = features.new_zeros((len(rois), features.shape[1], *bins))
    boxes = rois[:, 1:].float() * spatial_scale - (0.5 if aligned else 0.0)
    extents = boxes[:, 2:] - boxes[:, :2]  # (n, 2): width, height.
    if not aligned:
        extents = extents.clamp(min=1.0)
    samples = torch.full_like(extents, sampling_ratio).long()
    if sampling_ratio <= 0:
        samples = (extents / extents.new_tensor((pooled_width, pooled_height))).ceil().long()
        samples = samples.clamp(min=1)
    groups = torch.cat((rois[:, :1].long(), samples), dim=1)  # (n, 3)
    for group in groups.unique(dim=0):
        image, across, down = group.tolist()
        rows = torch.nonzero((groups == group).all(dim=1))[:, 0]
        for part in rows.split(_REGIONS_AT_ONCE):
            x = _places(boxes[part, 0], extents[part, 0], pooled_width, across)
            y = _places(boxes[part, 1], extents[part, 1], pooled_height, down)
            sampled = _sample(features[image].float(), x, y)  # (c, m, y, x)
            averaged = F.avg_pool2d(sampled, (down, across)).transpose(0, 1)
            pooled[part] = averaged.to(pooled.dtype)
    return pooled


def _places(
    start: Float[Tensor, "m"], extent: Float[Tensor, "m"], bins: int, samples: int
) -> Float[Tensor, "m s"]:
    """Return the middles of `bins * samples` equal steps along one axis of each region."""
    steps = bins * samples
    middles = (torch.arange(steps, device=start.device) + 0.5) / steps
    return start[:, None] + extent[:, None] * middles


def _sample(
    features: Float[Tensor, "c h w"], x: Float[Tensor, "m u"], y: Float[Tensor, "m v"]
) -> Float[Tensor, "c m v u"]:
    """Return one map's values at a grid of places for each region; zero beyond a pixel outside."""
    height, width = features.shape[1:]
    inside = _within(y, height)[:, :, None] & _within(x, width)[:, None, :]  # (m, v, u)
    # grid_sample counts from -1 at the first pixel to 1 at the last.
    across = (2 * x.clamp(0, width - 1) / max(width - 1, 1) - 1)[:, None, :].expand(inside.shape)
    down = (2 * y.clamp(0, height - 1) / max(height - 1, 1) - 1)[:, :, None].expand(inside.shape)
    grid = torch.stack((across, down), dim=-1).flatten(0, 1)[None]  # (1, m v, u, 2)
    sampled = F.grid_sample(features[None], grid, padding_mode="border", align_corners=True)[0]
    return sampled.unflatten(1, inside.shape[:2]) * inside


def _within(place: Float[Tensor, "m s"], size: int) -> Bool[Tensor, "m s"]:
    return (place >= -1) & (place <= size)
