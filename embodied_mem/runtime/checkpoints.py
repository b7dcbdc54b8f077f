"""The whole state of a training run as one file: going on from it changes nothing.

No pickle: tensors and their names in safetensors, the rest as JSON in its header.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from embodied_mem.errors import ConfigError, StoreFormatError

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(slots=True)
class TrainingState:
    """What changes from step to step."""

    network: nn.Module
    average: nn.Module
    """Running mean of the network's weights."""
    optimizer: torch.optim.AdamW
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Time that they took [s]."""


def save_checkpoint(path: Path, state: TrainingState, settings: str) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: The file.
        state: The run.
        settings: What must not differ when the run goes on.
    """
    tensors = _named("network", cpu_state(state.network))
    tensors |= _named("average", cpu_state(state.average))
    for name, parameter in state.network.named_parameters():
        moments = state.optimizer.state.get(parameter, {})
        for moment in _MOMENTS:
            if moment in moments:
                tensors[f"{moment}/{name}"] = moments[moment].detach().cpu().contiguous()
    header = {"step": state.step, "seconds": state.seconds, "settings": settings}
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"header": json.dumps(header)})
    part.replace(path)


def load_checkpoint(path: Path, state: TrainingState, settings: str) -> None:
    """Go on from a checkpoint: fill `state` with what it holds.

    Raises:
        ConfigError: The run was begun with other settings.
        StoreFormatError: The file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:  # pyright: ignore
            header = json.loads((file.metadata() or {})["header"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError) as error:
        raise StoreFormatError(
            f"the checkpoint {path} is damaged: {error}. Delete it to begin anew."
        ) from error
    if header["settings"] != settings:
        raise ConfigError(
            f"the run in {path.parent} was begun with other settings: {header['settings']}; "
            f"now they are {settings}. Use them again, or another folder."
        )
    state.step, state.seconds = int(header["step"]), float(header["seconds"])
    state.network.load_state_dict(_part(tensors, "network"))
    state.average.load_state_dict(_part(tensors, "average"))
    for name, parameter in state.network.named_parameters():
        if f"exp_avg/{name}" in tensors:
            state.optimizer.state[parameter] = {
                "step": torch.tensor(float(state.step)),
                **{moment: tensors[f"{moment}/{name}"].to(parameter.device) for moment in _MOMENTS},
            }


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }


def cpu_state(network: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of a network's state on the CPU."""
    state = network.state_dict()
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in state.items()}
