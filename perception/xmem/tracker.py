"""Follows given objects through a video: masks in once, masks out for every frame.

One call of `step` per frame. What it does when is XMem's (arXiv:2207.07115, section 3 and the
published implementation's schedule): every `memory_every`-th frame, and each annotated one, is
remembered; the sensory memory is renewed by the value encoder on those, by the decoder on others.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from jaxtyping import Float, Int, Int32, UInt8
from torch import Tensor

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, FrameError, StoreFormatError
from embodied_mem.memory.feature_config import FeatureStoreConfig
from embodied_mem.memory.feature_snapshot import (
    StoreNote,
    describe,
    read_tensors,
    restore,
    write_tensors,
)
from embodied_mem.memory.feature_store import FeatureStore
from perception.xmem.images import Size, normalise, one_hot
from perception.xmem.network import (
    Encoded,
    MemoryNetwork,
    aggregate,
    likeliest,
    probabilities,
)

_FORMAT = "embodied-mem tracker 1"
"""Names the layout of saved trackers."""
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TrackerConfig(Config, frozen=True):
    """How objects are followed."""

    memory: FeatureStoreConfig = FeatureStoreConfig()
    memory_every: int = 5
    """Every so many frames one is remembered [frames]."""
    deep_update_every: int = -1
    """Frames between renewals of the sensory memory by the value encoder; -1: on each remembered
    frame, which then does without the decoder's."""
    max_internal_size: int | None = 480
    """Images with a longer short side are shrunk to this [px]; null keeps the camera's size."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of convolutions and stored values; similarities and probabilities are exact always."""
    flip: bool = False
    """Average with the same on mirrored images: twice the work."""

    def __post_init__(self) -> None:
        if self.memory_every < 1:
            raise ConfigError(f"memory_every must be at least 1 frame, got {self.memory_every}.")
        if self.deep_update_every == 0 or self.deep_update_every < -1:
            raise ConfigError(
                f"deep_update_every must be -1 or at least 1 frame, got {self.deep_update_every}."
            )
        if self.max_internal_size is not None and self.max_internal_size < 16:
            raise ConfigError(
                f"max_internal_size must be at least 16 px, got {self.max_internal_size}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Where the objects are in one frame."""

    ids: Int32[np.ndarray, "h w"]
    """Object at each pixel; 0 is background."""
    objects: tuple[int, ...]
    """Ids of the objects that are followed."""
    probabilities: Float[Tensor, "m h w"]
    """Of background, then of each of `objects`; they sum to one."""


class ObjectTracker:
    """Follows objects; one for each video. Not safe for use from several threads."""

    def __init__(
        self,
        network: MemoryNetwork,
        config: TrackerConfig | None = None,
        *,
        device: str | torch.device = "cpu",
    ):
        """Make a tracker that has seen nothing.

        Args:
            network: With weights; see `perception.xmem.loading`. Shared between trackers.
            config: Schedule, memory and size.
            device: Where all is computed; the network is moved there.
        """
        self.config = config or TrackerConfig()
        self.network = network.eval().to(device)
        self.device = torch.device(device)
        self._passes = [_Pass(self.network, self.config) for _ in range(1 + self.config.flip)]

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of the objects that are followed."""
        return tuple(self._passes[0].objects)

    @property
    def memory(self) -> FeatureStore:
        """What is remembered (of the images as they are, where they are mirrored too)."""
        return self._passes[0].memory

    def clear(self) -> None:
        """Forget everything: the next frame begins a new video."""
        self._passes = [_Pass(self.network, self.config) for _ in self._passes]

    def remove(self, objects: Sequence[int]) -> None:
        """Follow some objects no longer; unknown ids are ignored."""
        for one in self._passes:
            one.remove(objects)

    def save(self, path: str | Path) -> None:
        """Write all that was seen to a file, so that `load` goes on from here.

        Raises:
            StoreError: It cannot be written.
        """
        notes, tensors = [], {}
        for number, one in enumerate(self._passes):
            note, rows = one.describe()
            notes.append(note)
            tensors |= {f"{number}/{name}": row for name, row in rows.items()}
        note = msgspec.json.encode(_TrackerNote(self.config, notes))
        write_tensors(path, _FORMAT, note, tensors)

    @classmethod
    def load(
        cls, path: str | Path, network: MemoryNetwork, *, device: str | torch.device = "cpu"
    ) -> "ObjectTracker":
        """Read a tracker that goes on as the saved one would have.

        Args:
            path: From `save`.
            network: With the same weights.
            device: Where it goes on.

        Raises:
            StoreError: It cannot be read.
            StoreFormatError: It is something else, or damaged.
        """
        data, tensors = read_tensors(path, _FORMAT)
        try:
            note = msgspec.json.decode(data, type=_TrackerNote)
        except msgspec.DecodeError as error:
            raise StoreFormatError(f"the notes in {path} cannot be read: {error}.") from error
        tracker = cls(network, note.config, device=device)
        for number, (one, saved) in enumerate(zip(tracker._passes, note.passes, strict=True)):
            prefix = f"{number}/"
            rows = {
                name.removeprefix(prefix): row.to(device)
                for name, row in tensors.items()
                if name.startswith(prefix)
            }
            one.restore(saved, rows)
        return tracker

    @torch.inference_mode()
    def step(
        self,
        rgb: UInt8[np.ndarray, "h w 3"],
        masks: Int[np.ndarray, "y x"] | None = None,
        objects: Sequence[int] | None = None,
        *,
        permanent: bool = False,
        last: bool = False,
    ) -> Tracked:
        """Find the objects in the next frame.

        Args:
            rgb: The image.
            masks: Object at each pixel, where somebody annotated the frame: any positive ids, 0
                where nothing is said. Objects that it does not speak of are found as usual.
            objects: Which objects `masks` speaks of, where that is more than those that it shows:
                one that it speaks of and does not show is not in the frame.
            permanent: Remember this frame for good.
            last: The video ends here: nothing needs to be remembered.

        Raises:
            FrameError: The mask does not fit the image, or ids are not positive.
        """
        said = _said(rgb, masks, objects)
        size = Size(*rgb.shape[:2], max_short=self.config.max_internal_size)
        found = [
            one.step(size, rgb if k == 0 else rgb[:, ::-1], _mirrored(masks, k), said,
                     permanent=permanent, last=last)
            for k, one in enumerate(self._passes)
        ]  # fmt: skip
        known = self._passes[0].objects
        odds = found[0] if len(found) == 1 else (found[0] + found[1].flip(2)) / 2
        names = np.array([0, *known], np.int32)
        return Tracked(
            ids=names[likeliest(odds).cpu().numpy()], objects=tuple(known), probabilities=odds
        )


def _mirrored(masks: Int[np.ndarray, "h w"] | None, number: int) -> np.ndarray | None:
    return masks if masks is None or number == 0 else masks[:, ::-1]


def _said(
    rgb: UInt8[np.ndarray, "h w 3"],
    masks: Int[np.ndarray, "y x"] | None,
    objects: Sequence[int] | None,
) -> list[int]:
    """Return the objects that an annotation speaks of, in rising order."""
    if masks is None:
        if objects:
            raise FrameError("objects are named without a mask; give both, or neither.")
        return []
    if masks.shape != rgb.shape[:2]:
        raise FrameError(
            f"the mask must match the image, {rgb.shape[:2]}, got {masks.shape}. Resize it by "
            "nearest neighbours."
        )
    shown = [int(i) for i in np.unique(masks) if i != 0]
    said = sorted({*shown, *(objects or ())})
    if said and said[0] < 0:
        raise FrameError(f"object ids must be positive, got {said[0]}.")
    if 0 in said:
        raise FrameError("0 is the background and cannot be an object's id.")
    return said


class _PassNote(msgspec.Struct, frozen=True):
    store: StoreNote
    objects: list[int]
    time: int
    last_memory: int
    last_deep: int


class _TrackerNote(msgspec.Struct, frozen=True):
    config: TrackerConfig
    passes: list[_PassNote]


class _Pass:
    """One way through a video: the images as they are, or mirrored."""

    def __init__(self, network: MemoryNetwork, config: TrackerConfig):
        self.network, self.config = network, config
        self.memory = FeatureStore(config.memory)
        self.objects: list[int] = []
        self.hidden: Float[Tensor, "1 n m h w"] | None = None
        self.time = -1
        self.last_memory = 0
        self.last_deep = -config.deep_update_every

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _precision(self) -> AbstractContextManager[object]:
        if self.config.precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, _PRECISIONS[self.config.precision])

    def describe(self) -> tuple[_PassNote, dict[str, Tensor]]:
        """Return all that was seen, as notes and tensors."""
        store, tensors = describe(self.memory)
        if self.hidden is not None:
            tensors["hidden"] = self.hidden
        note = _PassNote(store, self.objects, self.time, self.last_memory, self.last_deep)
        return note, tensors

    def restore(self, note: _PassNote, tensors: Mapping[str, Tensor]) -> None:
        """Take over what was seen."""
        self.memory = restore(note.store, tensors, self._device)
        self.objects, self.time = list(note.objects), note.time
        self.last_memory, self.last_deep = note.last_memory, note.last_deep
        self.hidden = tensors.get("hidden")

    def remove(self, objects: Sequence[int]) -> None:
        """Forget some objects."""
        kept = [number for number, id_ in enumerate(self.objects) if id_ not in set(objects)]
        self.memory.remove(objects)
        self.objects = [self.objects[number] for number in kept]
        self.hidden = None if self.hidden is None else self.hidden[:, kept]

    def step(
        self,
        size: Size,
        rgb: UInt8[np.ndarray, "h w 3"],
        ids: Int[np.ndarray, "h w"] | None,
        said: list[int],
        *,
        permanent: bool,
        last: bool,
    ) -> Float[Tensor, "m h w"]:
        """Return the probabilities of background and objects at the camera's size."""
        if not self.objects and not said:  # Nothing is followed yet.
            return torch.ones((1, *rgb.shape[:2]), dtype=self._dtype, device=self._device)
        given = ids if said else None
        self.time += 1
        sync = self.config.deep_update_every < 0
        due = self.time - self.last_memory >= self.config.memory_every or given is not None
        remember = due and not last
        waited = self.time - self.last_deep >= self.config.deep_update_every
        deep = (remember if sync else waited) and not last
        update = not (sync and deep) and not last
        image = size.enter(normalise(rgb, dtype=self._dtype, device=self._device))
        with self._precision():
            encoded = self.network.encode_key(image[None])
            self._fit_hidden(encoded)
            found = None
            if self.objects and (given is None or set(self.objects) - set(said)):
                found = self._segment(encoded, update=update)
            if given is not None:
                found = self._corrected(size, given, said, found)
            assert found is not None, "there are objects: they are found or given"
            if remember:
                self._remember(image, encoded, found[1:], deep=deep, permanent=permanent)
        return size.leave(found)

    def _segment(self, encoded: Encoded, *, update: bool) -> Float[Tensor, "m p q"]:
        key, selection = encoded.key[0].to(self._dtype), encoded.selection[0].to(self._dtype)
        readout = self.memory.read(key, selection)
        logits, self.hidden = self.network.segment(
            encoded.features, readout[None], self.hidden, update=update
        )
        return probabilities(logits.to(self._dtype))[0]

    def _corrected(
        self,
        size: Size,
        ids: Int[np.ndarray, "h w"],
        said: list[int],
        found: Float[Tensor, "m p q"] | None,
    ) -> Float[Tensor, "_ p q"]:
        """Lay an annotation over what was found; objects that are new are followed from now on."""
        before = list(self.objects)
        self.objects += [id_ for id_ in said if id_ not in before]
        given = torch.from_numpy(one_hot(size.enter_ids(ids), self.objects))
        masks = size.pad(given.to(self._device, self._dtype))
        if found is not None:
            taken = masks.sum(dim=0) > 0.5
            rest = found[1:].masked_fill(taken, 0)
            for number, id_ in enumerate(before):
                if id_ not in said:
                    masks[number] = rest[number]
        self._extend_hidden(len(self.objects) - len(before), masks)
        return aggregate(masks[None])[0]

    def _remember(
        self,
        image: Float[Tensor, "3 p q"],
        encoded: Encoded,
        masks: Float[Tensor, "n p q"],
        *,
        deep: bool,
        permanent: bool,
    ) -> None:
        value, hidden = self.network.encode_value(
            image[None], encoded.features[0], self.hidden, masks[None], deep=deep
        )
        exact = self._dtype
        self.memory.add(
            encoded.key[0].to(exact),
            encoded.shrinkage[0, 0].to(exact),
            value[0],
            self.objects,
            encoded.selection[0].to(exact) if self.config.memory.long_term else None,
            permanent=permanent,
        )
        self.last_memory = self.time
        if deep:
            self.hidden, self.last_deep = hidden, self.time

    def _extend_hidden(self, new: int, masks: Float[Tensor, "n p q"]) -> None:
        """Begin the sensory memory of new objects with zeros."""
        width = self.network.dimensions.hidden
        if not width or not new:
            return
        height, across = masks.shape[1] // 16, masks.shape[2] // 16
        fresh = masks.new_zeros((1, new, width, height, across))
        self.hidden = fresh if self.hidden is None else torch.cat((self.hidden, fresh), dim=1)

    def _fit_hidden(self, encoded: Encoded) -> None:
        """Bring the sensory memory to the size of the present frame."""
        shape = encoded.key.shape[2:]
        if self.hidden is not None and self.hidden.shape[3:] != shape:
            resized = torch.nn.functional.interpolate(
                self.hidden[0], shape, mode="bilinear", align_corners=False
            )
            self.hidden = resized[None]
