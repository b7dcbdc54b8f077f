"""A feature store as tensors and back, with identical continuation.

What is saved is the live rows alone, so that a file is as large as what is remembered. The layout
of objects, groups and frames is JSON in the file's header.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from embodied_mem.errors import StoreError, StoreFormatError
from embodied_mem.memory.arena import Arena
from embodied_mem.memory.feature_config import FeatureStoreConfig
from embodied_mem.memory.feature_store import FeatureStore
from embodied_mem.memory.timeline import Group, Timeline

FORMAT = "embodied-mem features 1"
"""Names the layout; files of another are refused."""


class _GroupNote(msgspec.Struct, frozen=True):
    objects: list[int]
    width: int


class _TimelineNote(msgspec.Struct, frozen=True):
    frames: list[int]
    permanent: int
    long: int
    work: int
    groups: list[_GroupNote]


class StoreNote(msgspec.Struct, frozen=True):
    """What a store is made of, beside its tensors."""

    config: FeatureStoreConfig
    timelines: list[_TimelineNote]


def describe(store: FeatureStore) -> tuple[StoreNote, dict[str, Tensor]]:
    """Return a store's layout and its live rows, as copies, by name."""
    tensors: dict[str, Tensor] = {}
    notes = []
    for number, timeline in enumerate(store.timelines):
        arenas = [timeline.keys, *(group.values for group in timeline.groups)]
        for place, arena in enumerate(arenas):
            for name in arena.fields:
                tensors[f"{number}.{place}.{name}.long"] = arena.long_rows(name).clone()
                tensors[f"{number}.{place}.{name}.work"] = arena.work_rows(name).clone()
        groups = [_GroupNote(list(group.objects), group.width) for group in timeline.groups]
        notes.append(
            _TimelineNote(
                list(timeline.frames),
                timeline.permanent,
                timeline.keys.long,
                timeline.keys.work,
                groups,
            )
        )
    return StoreNote(store.config, notes), tensors


def restore(note: StoreNote, tensors: Mapping[str, Tensor], device: torch.device) -> FeatureStore:
    """Build a store from its layout and rows.

    Raises:
        StoreFormatError: Rows are missing or do not fit the layout.
    """
    store = FeatureStore(note.config)
    try:
        for number, line in enumerate(note.timelines):
            arenas = [
                _arena(f"{number}.{place}", tensors, line, device)
                for place in range(1 + len(line.groups))
            ]
            groups = [
                Group(list(group.objects), arena, group.width)
                for group, arena in zip(line.groups, arenas[1:], strict=True)
            ]
            store.timelines.append(
                Timeline(note.config, arenas[0], groups, list(line.frames), line.permanent)
            )
    except (KeyError, RuntimeError) as error:
        raise StoreFormatError(
            f"the saved features do not fit their own layout: {error}."
        ) from error
    return store


def _arena(
    prefix: str, tensors: Mapping[str, Tensor], line: _TimelineNote, device: torch.device
) -> Arena:
    names = sorted({key.split(".")[2] for key in tensors if key.startswith(f"{prefix}.")})
    if not names:
        raise KeyError(prefix)
    live = {name: tensors[f"{prefix}.{name}.work"] for name in names}
    arena = Arena(
        {name: rows.shape[1] for name, rows in live.items()},
        long=line.long,
        work=line.work,
        dtypes={name: rows.dtype for name, rows in live.items()},
        device=device,
    )
    arena.append_work({name: rows.to(device) for name, rows in live.items()})
    arena.append_long({name: tensors[f"{prefix}.{name}.long"].to(device) for name in names})
    return arena


def write_tensors(path: str | Path, kind: str, note: bytes, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors with a note, whole or not at all.

    Args:
        path: The file.
        kind: What it is and of which version.
        note: JSON.
        tensors: By name.

    Raises:
        StoreError: It cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
        save_file(rows, partial, metadata={"kind": kind, "note": note.decode()})
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error}.") from error


def read_tensors(path: str | Path, kind: str) -> tuple[bytes, dict[str, Tensor]]:
    """Read what `write_tensors` wrote.

    Raises:
        StoreError: It cannot be read.
        StoreFormatError: It is something else, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"there is no file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("kind") != kind:
                raise StoreFormatError(
                    f"{path} is not '{kind}' but '{header.get('kind', 'something else')}'."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreFormatError(f"{path} is damaged: {error}.") from error
    return header["note"].encode(), tensors


def save_features(store: FeatureStore, path: str | Path) -> None:
    """Write a store to a file; see `write_tensors` for what can go wrong."""
    note, tensors = describe(store)
    write_tensors(path, FORMAT, msgspec.json.encode(note), tensors)


def load_features(path: str | Path, *, device: str | torch.device = "cpu") -> FeatureStore:
    """Read a store that goes on as the saved one would have; see `read_tensors`."""
    note, tensors = read_tensors(path, FORMAT)
    try:
        layout = msgspec.json.decode(note, type=StoreNote)
    except msgspec.DecodeError as error:
        raise StoreFormatError(f"the layout in {path} cannot be read: {error}.") from error
    return restore(layout, tensors, torch.device(device))
