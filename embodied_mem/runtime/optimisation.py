"""What training runs of any network have in common: a state, its steps, interruption."""

import copy
import math
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from embodied_mem.runtime.checkpoints import TrainingState
from embodied_mem.runtime.interruption import deferred_interrupt
from embodied_mem.runtime.processes import ALONE, Processes


@runtime_checkable
class Trainer(Protocol):
    """A training run that can be saved between steps."""

    def steps(self) -> Iterator[tuple[int, float | None]]:
        """Do the steps that are left; yield numbers of steps, and a loss where it is to be told."""
        ...

    def save(self) -> None:
        """Write what is needed to go on."""
        ...

    def finish(self) -> None:
        """Measure and write what came of it."""
        ...


def run_to_end(trainer: Trainer, processes: Processes = ALONE) -> Iterator[tuple[int, float]]:
    """Do what is left of a run, and yield steps and their losses, from the first process alone.

    Raises:
        KeyboardInterrupt: After the step in progress; the run was saved.
    """
    with deferred_interrupt() as interrupted:
        for step, loss in trainer.steps():
            if loss is not None and processes.leads:
                yield step, loss
            if processes.any(interrupted()):
                trainer.save()
                raise KeyboardInterrupt
    trainer.finish()


def fresh_state(network: nn.Module, *, learning_rate: float, weight_decay: float) -> TrainingState:
    """Return the state of a run before its first step."""
    return TrainingState(
        network=network,
        average=copy.deepcopy(network).eval().requires_grad_(requires_grad=False),
        optimizer=torch.optim.AdamW(parameter_groups(network, weight_decay), lr=learning_rate),
    )


def descend(
    state: TrainingState,
    loss: Tensor,
    *,
    rate: float,
    clip: float,
    averaging: float,
    processes: Processes = ALONE,
) -> None:
    """Take one step down the gradient, and let the averaged weights follow.

    Args:
        state: Network, its average and its optimizer; `step` counts the steps before this one.
        loss: A single number.
        rate: Of learning.
        clip: Longest gradient.
        averaging: Share of the running mean that a step leaves; less of it in the first steps.
        processes: Those whose gradients are averaged.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    gradients = (parameter.grad for parameter in state.network.parameters())
    processes.average([gradient for gradient in gradients if gradient is not None])
    nn.utils.clip_grad_norm_(state.network.parameters(), clip)
    state.optimizer.step()
    follow(state.average, state.network, min(averaging, (1 + state.step) / (10 + state.step)))


def rise_and_fall(done: float, warm_up: float, least: float = 0.0) -> float:
    """Return the share of the highest learning rate: a line up, then half a cosine down.

    Args:
        done: Share of the run that is done, 0..1.
        warm_up: Share over which the rate rises.
        least: Share that it begins with.
    """
    if done < warm_up:
        return max(least, done / warm_up)
    return 0.5 * (1 + math.cos(math.pi * min((done - warm_up) / max(1 - warm_up, 1e-9), 1)))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the running mean of weights towards the network's: `keep` of it stays."""
    pairs = list(zip(average.state_dict().values(), network.state_dict().values(), strict=True))
    means = [(mean, new) for mean, new in pairs if mean.is_floating_point()]
    torch._foreach_lerp_(*zip(*means, strict=True), 1 - keep)  # pyright: ignore # One kernel.
    for mean, new in pairs:
        if not mean.is_floating_point():
            mean.copy_(new)


def parameter_groups(network: nn.Module, decay: float) -> list[dict[str, object]]:
    """Filters shrink by weight decay; biases and scales do not."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
