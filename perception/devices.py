"""Which device a network runs on, in which precision, and what to say when its memory is full."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from embodied_mem.errors import ConfigError, DetectorError
from perception.precision import Precision

_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str) -> torch.device:
    """Return the device of a name such as `cpu`, `cuda` or `cuda:1`.

    Raises:
        ConfigError: There is no such device here.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch raises all three.
        raise ConfigError(
            f"there is no device '{name}' on this machine. `cpu` always is."
        ) from error
    return device


def computing(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context in which a network computes with a precision."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=_HALVES[precision])


@contextmanager
def memory_explained(who: str, advice: str) -> Iterator[None]:
    """Tell a device's full memory in one sentence.

    Args:
        who: What ran there, at the start of the sentence.
        advice: What to reduce.

    Raises:
        DetectorError: The device's memory is full.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DetectorError(f"{who} found no more memory on its device. {advice}") from error
