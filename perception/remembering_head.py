"""The box head of a torchvision detector, whose features read and fill banks of earlier frames."""

from jaxtyping import Float
from torch import Tensor, nn

from perception.feature_bank import (
    AlikeReader,
    FeatureBank,
    Reader,
    TrainedReader,
)
from perception.feature_bank_config import FeatureBankConfig
from perception.weights import fill, find_weights, load_state


class RememberingLinear(nn.Module):
    """A linear layer whose output is read against a bank, and then written to it, before ReLU."""

    def __init__(self, linear: nn.Linear, config: FeatureBankConfig, reader: Reader):
        super().__init__()
        self.linear, self.config = linear, config
        self.reader = reader
        width, device = linear.out_features, linear.weight.device
        self.bank = FeatureBank(config.capacity, width, seed=config.seed, device=device)

    def forward(self, proposals: Float[Tensor, "n c"]) -> Float[Tensor, "n d"]:
        """Return features of the proposals of one frame, the likeliest things first."""
        features = self.linear(proposals)
        keys = self.bank.draw(self.config.keys)
        if len(keys):
            features = self.reader(features, keys.to(features))
        self.bank.write(features[: self.config.written])
        return features


def remember(head: nn.Module, config: FeatureBankConfig) -> list[RememberingLinear]:
    """Put a bank behind each linear layer of a box head, in place.

    Args:
        head: `roi_heads.box_head` of a Faster or Mask R-CNN: two linear layers in the first
            version, one in the second.
        config: Of each bank. The file of a trained reader names its tensors by the layer's number:
            `0.query.weight`.

    Returns:
        The layers, to be reset when another video begins.

    Raises:
        WeightsError: The weights are missing, damaged, or do not fit.
        ConfigError: The features cannot be divided into so many heads.
    """
    layers = [
        (parent, name, layer)
        for parent in head.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Linear)
    ]
    readers = _readers([layer for *_, layer in layers], config)
    made = []
    for (parent, name, layer), reader in zip(layers, readers, strict=True):
        made.append(RememberingLinear(layer, config, reader))
        setattr(parent, name, made[-1])
    return made


def _readers(layers: list[nn.Linear], config: FeatureBankConfig) -> list[Reader]:
    if config.weights is None:
        return [AlikeReader(config.sharpness, config.share) for _ in layers]
    trained = nn.ModuleList(TrainedReader(layer.out_features, config.heads) for layer in layers)
    path = find_weights(config.weights, sha256=config.sha256)
    fill(trained, load_state(path), path, name="feature bank")
    device = layers[0].weight.device if layers else "cpu"
    return [reader for reader in trained.to(device).eval() if isinstance(reader, TrainedReader)]
