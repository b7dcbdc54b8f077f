"""The blocks of XMem that work on each object; objects are folded into the batch.

Axes: b images, o objects of all images (image-major), n objects of one image.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


def spread(x: Float[Tensor, "b c h w"], objects: int) -> Float[Tensor, "o c h w"]:
    """Repeat each image's map for its objects; for one image no copy is made."""
    n = objects // len(x)
    return x[:, None].expand(-1, n, -1, -1, -1).flatten(0, 1)


class JoinedConv(nn.Conv2d):
    """A 3x3 convolution over [image map, object map] that does the image's half only once.

    conv(cat[x, g]) = conv_x(x) + conv_g(g): the image's half is the same for all objects.
    """

    def __init__(self, image: int, per_object: int, out: int):
        super().__init__(image + per_object, out, 3, padding=1)
        self.image = image
        # Buffers, so that they move with the module; not of a checkpoint.
        self._image_half: Tensor | None
        self._object_half: Tensor | None
        self.register_buffer("_image_half", None, persistent=False)
        self.register_buffer("_object_half", None, persistent=False)

    def split(self) -> None:
        """Lay the two halves of the weights out on their own; for inference."""
        weight, layout = self.weight.detach(), torch.channels_last
        self._image_half = weight[:, : self.image].contiguous(memory_format=layout)
        self._object_half = weight[:, self.image :].contiguous(memory_format=layout)

    def forward(  # type: ignore[override]
        self, image: Float[Tensor, "b c h w"], objects: Float[Tensor, "o d h w"]
    ) -> Float[Tensor, "o e h w"]:
        """Convolve both maps and add."""
        image_half, object_half = self._image_half, self._object_half
        if image_half is None or object_half is None:
            image_half, object_half = self.weight[:, : self.image], self.weight[:, self.image :]
        shared = functional.conv2d(image, image_half, None, padding=1)
        own = functional.conv2d(objects, object_half, self.bias, padding=1)
        return own + (shared if len(shared) == 1 else spread(shared, len(own)))


class GroupResBlock(nn.Module):
    """conv2(relu(conv1(relu(x)))) + shortcut(x), a convolution where widths differ."""

    def __init__(self, inside: int, out: int):
        super().__init__()
        self.downsample = nn.Conv2d(inside, out, 3, padding=1) if inside != out else None
        self.conv1 = nn.Conv2d(inside, out, 3, padding=1)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: Float[Tensor, "o c h w"]) -> Float[Tensor, "o d h w"]:
        """Apply the block."""
        y = self.conv2(torch.relu_(self.conv1(torch.relu(x))))
        return y + (x if self.downsample is None else self.downsample(x))


class JoinedResBlock(nn.Module):
    """The same over [image map, object map]."""

    def __init__(self, image: int, per_object: int, out: int):
        super().__init__()
        self.downsample = JoinedConv(image, per_object, out)
        self.conv1 = JoinedConv(image, per_object, out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)

    def forward(
        self, image: Float[Tensor, "b c h w"], objects: Float[Tensor, "o d h w"]
    ) -> Float[Tensor, "o e h w"]:
        """Apply the block."""
        y = torch.relu_(self.conv1(torch.relu(image), torch.relu(objects)))
        return self.conv2(y) + self.downsample(image, objects)


class ChannelGate(nn.Module):
    """Which channels matter, from their means and maxima (CBAM, arXiv:1807.06521, section 3)."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels, channels // reduction),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels),
        )

    def forward(self, x: Float[Tensor, "o c h w"]) -> Float[Tensor, "o c h w"]:
        """Weight the channels."""
        gate = self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3)))
        return x * torch.sigmoid(gate)[:, :, None, None]


class _Spatial(nn.Module):
    """Holds the gate's convolution under the name that checkpoints give it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)


class SpatialGate(nn.Module):
    """Which places matter, from maximum and mean over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = _Spatial()

    def forward(self, x: Float[Tensor, "o c h w"]) -> Float[Tensor, "o c h w"]:
        """Weight the places."""
        both = torch.stack((x.amax(dim=1), x.mean(dim=1)), dim=1)
        return x * torch.sigmoid(self.spatial.conv(both))


class Attention(nn.Module):
    """Channel gate, then spatial gate."""

    def __init__(self, channels: int):
        super().__init__()
        self.ChannelGate = ChannelGate(channels)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Float[Tensor, "o c h w"]) -> Float[Tensor, "o c h w"]:
        """Weight channels and places."""
        return self.SpatialGate(self.ChannelGate(x))


class FeatureFusion(nn.Module):
    """Brings an image's map and its objects' maps together."""

    def __init__(self, image: int, per_object: int, middle: int, out: int):
        super().__init__()
        self.block1 = JoinedResBlock(image, per_object, middle)
        self.attention = Attention(middle)
        self.block2 = GroupResBlock(middle, out)

    def forward(
        self, image: Float[Tensor, "b c h w"], objects: Float[Tensor, "o d h w"]
    ) -> Float[Tensor, "o e h w"]:
        """Fuse."""
        joined = self.block1(image, objects)
        return self.block2(joined + self.attention(joined))


class Upsample(nn.Module):
    """Doubles the size of the objects' maps, with what the image shows at that size."""

    def __init__(self, skip: int, up: int, out: int):
        super().__init__()
        self.skip_conv = nn.Conv2d(skip, up, 3, padding=1)
        self.out_conv = GroupResBlock(up, out)

    def forward(
        self, skip: Float[Tensor, "b s u v"], objects: Float[Tensor, "o c h w"]
    ) -> Float[Tensor, "o d u v"]:
        """Upsample and refine."""
        shared = self.skip_conv(skip)
        up = functional.interpolate(objects, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out_conv(up + (shared if len(shared) == 1 else spread(shared, len(up))))


class SensoryUpdate(nn.Module):
    """Renews the sensory memory; not quite a GRU: the candidate does not see the forget gate."""

    def __init__(self, inside: int, hidden: int):
        super().__init__()
        self.hidden = hidden
        self.transform = nn.Conv2d(inside + hidden, 3 * hidden, 3, padding=1)

    def forward(
        self, x: Float[Tensor, "o c h w"], hidden: Float[Tensor, "o m h w"]
    ) -> Float[Tensor, "o m h w"]:
        """Return the new one, f h (1 - u) + u c."""
        forget, update, new = self.transform(torch.cat((x, hidden), dim=1)).chunk(3, dim=1)
        forget, update = torch.sigmoid(forget), torch.sigmoid(update)
        return forget * hidden * (1 - update) + update * torch.tanh(new)


class DecoderSensoryUpdate(SensoryUpdate):
    """The same from the decoder's maps at three sizes."""

    def __init__(
        self, hidden: int, g16: int = 512, g8: int = 256, g4: int = 256, middle: int = 256
    ):
        super().__init__(middle, hidden)
        self.g16_conv = nn.Conv2d(g16, middle, 1)
        self.g8_conv = nn.Conv2d(g8, middle, 1)
        self.g4_conv = nn.Conv2d(g4 + 1, middle, 1)

    def join(
        self,
        g16: Float[Tensor, "o c h w"],
        g8: Float[Tensor, "o d h8 w8"],
        g4: Float[Tensor, "o e h4 w4"],
    ) -> Float[Tensor, "o m h w"]:
        """Bring the maps to stride 16 and add them."""
        return (
            self.g16_conv(g16)
            + self.g8_conv(functional.avg_pool2d(g8, 2))
            + self.g4_conv(functional.avg_pool2d(g4, 4))
        )
