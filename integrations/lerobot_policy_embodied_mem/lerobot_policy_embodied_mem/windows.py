"""LeRobot's windows of frames as the groups that the policy learns from.

A window ends with the present frame; where an episode is younger than that, LeRobot repeats its
first frame in front. A memory would count that frame several times: here frames begin the group,
and what is left over follows them, where nothing looks at it.

Axes: b windows, t frames of each, k actions of a chunk, a numbers each, m of the robot's state.
"""

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from planners.diffusion.batches import Groups


def pixels_of(images: Float[Tensor, "*b 3 h w"]) -> UInt8[Tensor, "*b h w 3"]:
    """Return images of 0 to 1 as a camera gives them."""
    return (images * 255).round().clamp(0, 255).to(torch.uint8).movedim(-3, -1).contiguous()


def window_groups(
    *,
    images: Float[Tensor, "b t 3 h w"],
    proprio: Float[Tensor, "b t m"],
    chunks: Float[Tensor, "b k a"],
    padded: Bool[Tensor, "b t"],
    instructions: Int[Tensor, "b"],
) -> tuple[Groups, Int[Tensor, "b 1"]]:
    """Return groups, and which of their frames chunks are asked for: the present ones."""
    batch, steps = padded.shape
    place = torch.arange(steps, device=padded.device)
    missing = padded.sum(1, keepdim=True)  # (b, 1)
    order = (place + missing).clamp(max=steps - 1)  # (b, t)
    present = steps - 1 - missing
    row = torch.arange(batch, device=padded.device)[:, None]
    groups = Groups(
        images=pixels_of(images)[row, order],
        proprio=proprio.float()[row, order],
        instructions=instructions,
        times=torch.minimum(place, present).float(),
        chunks=chunks.float()[:, None].expand(-1, steps, -1, -1),
        used=place <= present,
        decision=present[:, 0],
    )
    return groups, present
