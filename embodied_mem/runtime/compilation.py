"""Networks compiled for the machine that they run on, by `torch.compile`.

It writes C++ or CUDA for what a network does and builds it at the first call, which takes seconds
to minutes; what comes of the network stays the same up to rounding.
"""

import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from embodied_mem.errors import ConfigError


def compiled(function: Callable[..., Tensor], device: torch.device) -> Callable[..., Tensor]:
    """Return a function that computes the same, compiled for inputs of the shapes that it gets.

    On CUDA its kernels are captured as a CUDA graph, and replayed by one call.

    Raises:
        ConfigError: Something that compiling needs is not on this machine.
    """
    check_compiler(device)
    if device.type != "cuda":
        return torch.compile(function, dynamic=False)
    captured = torch.compile(function, dynamic=False, mode="reduce-overhead")

    def replayed(*inputs: Tensor) -> Tensor:
        return captured(*inputs).clone()  # The next replay writes where this one did.

    return replayed


def compile_modules(*modules: nn.Module, device: torch.device) -> None:
    """Let modules be compiled where they are; their names and weights stay what they are.

    Raises:
        ConfigError: Something that compiling needs is not on this machine.
    """
    check_compiler(device)
    for module in modules:
        module.compile(dynamic=False)


def check_compiler(device: torch.device) -> None:
    """Refuse to compile where that must fail.

    Raises:
        ConfigError: A compiler, Python's headers or Triton are not here.
    """
    if device.type == "cuda":
        names = (os.environ.get("CC", "cc"), "gcc", "clang")
    else:
        names = (os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++"),)
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    if not any(shutil.which(name) for name in names):
        missing = f"the compiler `{names[0]}` (Debian: apt-get install g++)"
    elif not headers.exists():
        missing = f"Python's headers, {headers} (Debian: apt-get install python3-dev)"
    elif device.type == "cuda" and importlib.util.find_spec("triton") is None:
        missing = "Triton (pip install triton)"
    else:
        return
    raise ConfigError(f"compiling needs {missing}. Install it, or do without compiling.")
