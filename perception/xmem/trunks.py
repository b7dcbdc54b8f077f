"""The two residual networks of XMem, cut after stride 16 (He et al., arXiv:1512.03385).

Parameter names are those of the published checkpoints. Batch norms keep their running statistics,
in training too.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Features = tuple[Float[Tensor, "b c16 h16 w16"], Float[Tensor, "b c8 h8 w8"],
                 Float[Tensor, "b c4 h4 w4"]]  # fmt: skip
"""Maps at stride 16, 8 and 4."""


class FrozenNorm(nn.BatchNorm2d):
    """A batch norm that always uses its running statistics."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.eval()

    def train(self, mode: bool = True) -> "FrozenNorm":  # noqa: ARG002, FBT001, FBT002
        """Stay in evaluation mode."""
        return super().train(False)  # noqa: FBT003


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return one convolution that does what a convolution and its batch norm do."""
    assert norm.running_mean is not None, "frozen norms keep statistics"
    assert norm.running_var is not None, "frozen norms keep statistics"
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        device=conv.weight.device,
        dtype=conv.weight.dtype,
    )
    assert folded.bias is not None, "made with one"
    with torch.no_grad():
        folded.weight.copy_(conv.weight * scale[:, None, None, None])
        folded.bias.copy_(norm.bias - norm.running_mean * scale)
    return folded


def fold_norms(module: nn.Module) -> None:
    """Fold every batch norm below a module into the convolution before it, in place.

    Convolutions and norms are paired by name: `conv1` and `bn1`, `0` and `1` of a `downsample`.
    """
    for child in module.modules():
        for name, conv in list(child.named_children()):
            other = {"0": "1"}.get(name, name.replace("conv", "bn"))
            norm = getattr(child, other, None) if other != name else None
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(child, name, fold(conv, norm))
                setattr(child, other, nn.Identity())


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a shortcut; the 3x3 carries the stride."""

    def __init__(self, inside: int, width: int, stride: int = 1):
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = FrozenNorm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = FrozenNorm(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = FrozenNorm(out)
        self.downsample = _shortcut(inside, out, stride)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d u v"]:
        """Apply the block."""
        y = torch.relu_(self.bn1(self.conv1(x)))
        y = torch.relu_(self.bn2(self.conv2(y)))
        return torch.relu_(self.bn3(self.conv3(y)) + self.downsample(x))


class BasicBlock(nn.Module):
    """Two 3x3 with a shortcut; the first carries the stride. Norms are frozen, or another's."""

    def __init__(
        self, inside: int, out: int, stride: int = 1, norm: type[nn.BatchNorm2d] = FrozenNorm
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.bn1 = norm(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = norm(out)
        self.downsample = _shortcut(inside, out, stride, norm)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d u v"]:
        """Apply the block."""
        y = torch.relu_(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(y)) + self.downsample(x))


def _shortcut(
    inside: int, out: int, stride: int, norm: type[nn.BatchNorm2d] = FrozenNorm
) -> nn.Module:
    if inside == out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), norm(out))


class KeyTrunk(nn.Module):
    """ResNet-50 without its last stage."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = FrozenNorm(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.res2 = _stage(64, 64, 3, 1)
        self.layer2 = _stage(256, 128, 4, 2)
        self.layer3 = _stage(512, 256, 6, 2)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Features:
        """Return the maps at stride 16 (1024 channels), 8 (512) and 4 (256)."""
        x = self.maxpool(torch.relu_(self.bn1(self.conv1(image))))
        f4 = self.res2(x)
        f8 = self.layer2(f4)
        return self.layer3(f8), f8, f4


def _stage(inside: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    rest = [Bottleneck(4 * width, width) for _ in range(blocks - 1)]
    return nn.Sequential(Bottleneck(inside, width, stride), *rest)


class ValueTrunk(nn.Module):
    """ResNet-18 without its last stage, over an image and the masks of one object."""

    def __init__(self, mask_channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3 + mask_channels, 64, 7, 2, 3, bias=False)
        self.bn1 = FrozenNorm(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 256 u v"]:
        """Return the map at stride 16."""
        x = torch.relu_(self.maxpool(self.bn1(self.conv1(x))))
        return self.layer3(self.layer2(self.layer1(x)))
