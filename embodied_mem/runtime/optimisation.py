"""What every training run does: weights that shrink, and a running mean of them."""

import torch


@torch.no_grad()
def follow(average: torch.nn.Module, network: torch.nn.Module, keep: float) -> None:
    """Move the running mean of weights towards the network's: `keep` of it stays."""
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    for mean, new in pairs:
        if mean.is_floating_point():
            mean.lerp_(new, 1 - keep)
        else:
            mean.copy_(new)


def parameter_groups(network: torch.nn.Module, decay: float) -> list[dict[str, object]]:
    """Filters shrink by weight decay; biases and scales do not."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
