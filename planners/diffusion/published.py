"""Published weights of action heads, CogACT's and MemoryVLA's, in ours.

Both name their tensors alike (arXiv:2411.19650, arXiv:2508.19236): `x_embedder`, `t_embedder`,
`z_embedder`, `blocks.N`, `final_layer`; MemoryVLA's have `per_token_embedder` besides, and
`per_attn` in their blocks. Queries, keys and values are one tensor there and three here.
"""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from embodied_mem.errors import StoreError, StoreFormatError, WeightsError
from embodied_mem.runtime.carded_weights import reason_of
from planners.diffusion.denoiser import Denoiser, published

_FIRST = "x_embedder.linear.weight"
"""A tensor that every head has: what stands before its name stands before all of them."""

_UNUSED = ("history_embedder.linear.weight", "history_embedder.linear.bias")
"""In CogACT's files; nothing is computed with them."""

_OUTSIDE = {
    "x_embedder.linear": "action",
    "t_embedder.mlp.0": "time.0",
    "t_embedder.mlp.2": "time.2",
    "z_embedder.linear": "condition",
    "per_token_embedder.linear": "perception",
    "final_layer.linear": "out",
}
"""Layers outside of blocks: their published names, and ours."""

_INSIDE = {
    "attn.proj": "among.out",
    "per_attn.out_proj": "look.out",
    "norm3": "before_look",
    "mlp.fc1": "network.0",
    "mlp.fc2": "network.2",
}
"""Layers of a block."""

_FUSED = {"attn.qkv.": "among", "per_attn.in_proj_": "look"}
"""Tensors that hold queries, keys and values, one above the other."""


def published_head(path: Path, *, part: str | None = None) -> Denoiser:
    """Build the head that a file of published weights describes: S, B or L, of any widths around.

    Args:
        path: Safetensors, or what `torch.save` wrote; of nothing but tensors.
        part: What stands before the head's names, where a file holds several heads.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It is damaged, or holds code.
        WeightsError: It holds no head of a published size.
    """
    tensors = read_published(path, part=part)
    width, actions = tensors[_FIRST].shape
    depth = 1 + max((int(name.split(".")[1]) for name in tensors if _is_inside(name)), default=-1)
    perceptual = tensors.get("per_token_embedder.linear.weight")
    positions = _tensor(tensors, "positional_embedding", path)
    head = Denoiser(
        actions=actions,
        cognitive=_tensor(tensors, "z_embedder.linear.weight", path).shape[1],
        perceptual=None if perceptual is None else perceptual.shape[1],
        config=published(_size(depth, width, path), chunk=len(positions) - 1),
    )
    fill(head, tensors, path)
    return head


def load_published(path: Path, head: Denoiser, *, part: str | None = None) -> None:
    """Fill a head with published weights; see `published_head`.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It is damaged, or holds code.
        WeightsError: Tensors are missing, too many, or of other shapes.
    """
    fill(head, read_published(path, part=part), path)


def _size(depth: int, width: int, path: Path) -> Literal["S", "B", "L"]:
    sizes: tuple[Literal["S", "B", "L"], ...] = ("S", "B", "L")
    for size in sizes:
        if (published(size).depth, published(size).width) == (depth, width):
            return size
    raise WeightsError(
        f"the head in {path} has {depth} blocks of width {width}, which is no published size "
        "(S: 6 x 384, B: 12 x 768, L: 24 x 1024), so its number of attention heads is not known. "
        "Build a `Denoiser` of your own, and fill it with `load_published`."
    )


def _tensor(tensors: Mapping[str, Tensor], name: str, path: Path) -> Tensor:
    if name not in tensors:
        raise WeightsError(f"the head in {path} lacks {name}.")
    return tensors[name]


def read_published(path: Path, *, part: str | None = None) -> dict[str, Tensor]:
    """Read the tensors of a head by their published names.

    Raises:
        StoreError: The file cannot be read.
        StoreFormatError: It is damaged, or holds code.
        WeightsError: It holds no head, or several.
    """
    tensors = dict(_flat(_read(path)))
    parts = sorted(name.removesuffix(_FIRST) for name in tensors if name.endswith(_FIRST))
    wanted = parts if part is None else [each for each in parts if each.rstrip(".") == part]
    if len(wanted) != 1:
        found = ", ".join(f"'{each.rstrip('.')}'" for each in parts) or "none"
        raise WeightsError(
            f"one action head is read from a file, but {path} has: {found}. "
            "Say which with `part`, or give the file of a CogACT or MemoryVLA head."
        )
    (before,) = wanted
    kept = {k.removeprefix(before): v for k, v in tensors.items() if k.startswith(before)}
    return {name: tensor for name, tensor in kept.items() if name not in _UNUSED}


def _read(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise StoreError(f"cannot read the weights {path}: {reason_of(error)}.") from error
    except pickle.UnpicklingError as error:
        raise StoreFormatError(
            f"{path} holds more than tensors, or is damaged. It is not unpickled: that could run "
            "anything. Save the tensors alone."
        ) from error
    except (SafetensorError, RuntimeError, EOFError, KeyError) as error:
        raise StoreFormatError(f"the weights {path} are damaged: {error}.") from error


def _flat(held: object, before: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of nested dictionaries, their names joined by dots."""
    if isinstance(held, Tensor):
        yield before, held
    elif isinstance(held, Mapping):
        for name, value in held.items():
            yield from _flat(value, f"{before}.{name}" if before else str(name))


def fill(head: Denoiser, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy tensors of published names into a head; all of them, or none.

    Raises:
        WeightsError: Tensors are missing, too many, or of other shapes.
    """
    ours = head.state_dict()
    given = dict(_renamed(tensors))
    faults = _faults({name: tuple(t.shape) for name, t in ours.items()}, given)
    if faults:
        raise WeightsError(f"the head in {path} is not the one to be filled: {'; '.join(faults)}.")
    copied = sum(tensor.numel() for tensor in tensors.values())
    assert copied == sum(parameter.numel() for parameter in head.parameters())
    head.load_state_dict({name: given[name].reshape(ours[name].shape) for name in ours})


def _faults(ours: Mapping[str, tuple[int, ...]], given: Mapping[str, Tensor]) -> list[str]:
    """Say what is missing, too much or of another shape, by our names."""
    faults = []
    for words, names in (
        ("it lacks", [name for name in ours if name not in given]),
        ("it has besides", [name for name in given if name not in ours]),
    ):
        if names:
            faults.append(f"{words} {_listed(names)}")
    for name, tensor in given.items():
        if name in ours and tuple(tensor.shape) != _bare(name, ours[name]):
            wanted = list(_bare(name, ours[name]))
            faults.append(f"{name} is of {list(tensor.shape)} instead of {wanted}")
    return faults[:4]


def _bare(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The published shape of a tensor of ours: positions have no axis of the batch."""
    return shape[1:] if name == "position" else shape


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _renamed(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors by our names; those without one keep theirs."""
    for name, tensor in tensors.items():
        if name == "positional_embedding":
            yield "position", tensor
        elif name == "z_embedder.uncondition":
            yield "unconditional", tensor
        elif _is_inside(name):
            _, number, rest = name.split(".", 2)
            for ours, piece in _of_block(rest, tensor):
                yield f"blocks.{number}.{ours}", piece
        else:
            layer, _, kind = name.rpartition(".")
            yield (f"{_OUTSIDE[layer]}.{kind}" if layer in _OUTSIDE else name), tensor


def _of_block(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    for fused, ours in _FUSED.items():
        if name.startswith(fused) and len(tensor) % 3 == 0:
            pieces = zip(("query", "key", "value"), tensor.chunk(3), strict=True)
            yield from ((f"{ours}.{each}.{name.removeprefix(fused)}", t) for each, t in pieces)
            return
    layer, _, kind = name.rpartition(".")
    yield (f"{_INSIDE[layer]}.{kind}" if layer in _INSIDE else name), tensor


def _is_inside(name: str) -> bool:
    words = name.split(".", 2)
    return words[0] == "blocks" and len(words) == 3 and words[1].isdigit()
