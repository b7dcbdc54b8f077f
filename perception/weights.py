"""Where weights lie, whether they are the right ones, and how they are read without running code.

Weights are named by a path, or by one of `RELEASES`, which is looked for in the cache folder. This
module never touches the network: `weights_download.fetch` does, and only where a user asks for it.
"""

import hashlib
import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from embodied_mem.errors import ConfigError, WeightsError

CACHE_VARIABLE = "EMBODIED_MEM_CACHE"
"""Environment variable that names the cache folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One published file of weights."""

    name: str
    url: str
    """Where its publisher offers it."""
    sha256: str
    """Its SHA-256 in hexadecimal, or the first digits (8 at least) where the publisher states no
    more: torchvision's file names end in them."""
    about: str
    """What it is, in a few words."""

    @property
    def file(self) -> str:
        """Name of the file in the cache folder."""
        return self.url.rpartition("/")[2]


_TORCHVISION = "https://download.pytorch.org/models/"

RELEASES: Mapping[str, Release] = {
    name: Release(name=name, url=_TORCHVISION + file, sha256=sha256, about=about)
    for name, file, sha256, about in (
        (
            "maskrcnn_resnet50_fpn_coco",
            "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
            "bf2d0c1e",
            "Mask R-CNN, ResNet-50, COCO; 170 MB",
        ),
        (
            "maskrcnn_resnet50_fpn_v2_coco",
            "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
            "73cbd0190fcbe3ba339921fbce2c3a0b6bb9126c9a133c85e43a2a8e060a109e",
            "Mask R-CNN, ResNet-50, newer recipe, COCO; 177 MB",
        ),
        (
            "fasterrcnn_resnet50_fpn_coco",
            "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth",
            "258fb6c6",
            "Faster R-CNN (boxes only), ResNet-50, COCO; 160 MB",
        ),
        (
            "fasterrcnn_resnet50_fpn_v2_coco",
            "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",
            "dd69338a24b8d7381807e247652bdc356325bcbaf1cd3e092e00e0a1a58706bf",
            "Faster R-CNN (boxes only), ResNet-50, newer recipe, COCO; 167 MB",
        ),
        (
            "resnet18_imagenet",
            "resnet18-f37072fd.pth",
            "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
            "ResNet-18 for features, ImageNet; 45 MB",
        ),
        (
            "resnet50_imagenet",
            "resnet50-11ad3fa6.pth",
            "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
            "ResNet-50 for features, newer recipe, ImageNet; 98 MB",
        ),
    )
}
"""What can be asked for by name, all from the torchvision project."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where fetched weights lie: a folder of ours in the user's cache, made when needed."""
    if environment.get(CACHE_VARIABLE):
        return Path(environment[CACHE_VARIABLE]).expanduser() / "weights"
    home = environment.get("XDG_CACHE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    return base / "embodied-mem" / "weights"


def find_weights(weights: str, *, sha256: str | None = None, folder: Path | None = None) -> Path:
    """Return the file of weights that a path or a release's name stands for.

    Args:
        weights: A path, or a name among `RELEASES`.
        sha256: Digest that the file must have, or its first 8 digits or more; a release brings its
            own.
        folder: Cache folder; the user's own when None.

    Raises:
        ConfigError: `sha256` is no digest.
        WeightsError: There is no such file, or it is another one than was meant.
    """
    release = RELEASES.get(weights)
    path = Path(weights).expanduser()
    if release is not None:
        path = (folder or cache_folder()) / release.file
        if not path.is_file():
            raise WeightsError(
                f"the weights '{release.name}' are not on this machine. Run `embodied-mem weights "
                f"{release.name}`, or fetch {release.url} yourself and put it at {path}."
            )
    elif not path.is_file():
        raise WeightsError(
            f"there is no file of weights {path}. Give the path of a .safetensors or .pth file, or "
            f"the name of a release: {', '.join(RELEASES)}."
        )
    for wanted in filter(None, (sha256, release and release.sha256)):
        check_digest(path, wanted)
    return path


def check_digest(path: Path, wanted: str) -> None:
    """Refuse a file whose SHA-256 does not begin with the digits that are wanted.

    Raises:
        ConfigError: `wanted` is no digest.
        WeightsError: The file is another one.
    """
    if re.fullmatch(r"[0-9a-f]{8,64}", wanted) is None:
        raise ConfigError(f"sha256 must be 8 to 64 digits 0-9 and a-f, got '{wanted}'.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(wanted):
        raise WeightsError(
            f"{path} is not the file that was asked for: its SHA-256 begins with "
            f"{found[: len(wanted)]}, not {wanted}. Delete it and fetch it again."
        )


def load_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a .safetensors or a PyTorch file by name, on the CPU.

    A state that lies under `model`, `state_dict` or `model_state_dict`, as trainers leave it, is
    found there.

    Raises:
        WeightsError: The file is damaged, holds more than tensors, or cannot be read.
    """
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        read = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than plain tensors, or is no PyTorch file: it is not opened, as "
            "that could run code. Save its `state_dict()` as a .safetensors file."
        ) from error
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}.") from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, BadZipFile, KeyError) as error:
        raise WeightsError(
            f"{path} is damaged, or no file of weights ({type(error).__name__}). Fetch it again."
        ) from error
    for key in ("model", "state_dict", "model_state_dict"):
        if isinstance(read, dict) and isinstance(read.get(key), dict):
            read = read[key]
    if not isinstance(read, dict) or not all(isinstance(t, Tensor) for t in read.values()):
        raise WeightsError(
            f"{path} holds no state of a network. Save what `model.state_dict()` returns."
        )
    return dict(read)


def fill(network: torch.nn.Module, state: Mapping[str, Tensor], path: Path, *, name: str) -> None:
    """Load a state into a network; what the state holds beyond it, such as a classifier, is left.

    Args:
        network: Gets the tensors.
        state: By name.
        path: Where it is from, for messages.
        name: The network's, for messages.

    Raises:
        WeightsError: A tensor is missing, or of another shape.
    """
    wanted = network.state_dict()
    missing = [
        key for key in wanted if key not in state and not key.endswith("num_batches_tracked")
    ]
    other = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    if missing or other:
        key = (missing or other)[0]
        trouble = (
            f"{len(missing)} of its {len(wanted)} tensors are missing, `{key}` first"
            if missing
            else f"`{key}` is {tuple(state[key].shape)}, not {tuple(wanted[key].shape)}"
        )
        raise WeightsError(f"the weights in {path} are not for {name}: {trouble}.")
    network.load_state_dict({k: v for k, v in state.items() if k in wanted}, strict=False)
