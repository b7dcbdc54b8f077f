"""What training runs of any network have in common: averaged weights, groups of parameters."""

import torch


@torch.no_grad()
def follow(average: torch.nn.Module, network: torch.nn.Module, keep: float) -> None:
    """Move the running mean of weights towards the network's: `keep` of it stays."""
    pairs = list(zip(average.state_dict().values(), network.state_dict().values(), strict=True))
    means = [(mean, new) for mean, new in pairs if mean.is_floating_point()]
    torch._foreach_lerp_(*zip(*means, strict=True), 1 - keep)  # pyright: ignore # One kernel.
    for mean, new in pairs:
        if not mean.is_floating_point():
            mean.copy_(new)


def parameter_groups(network: torch.nn.Module, decay: float) -> list[dict[str, object]]:
    """Filters shrink by weight decay; biases and scales do not."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
