"""Follows given objects through a video: masks in once, masks out for every frame.

One call of `step` per frame; what happens in it is said in `perception.xmem.passes`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from jaxtyping import Float, Int, Int32, UInt8
from torch import Tensor

from embodied_mem.errors import FrameError, StoreFormatError
from embodied_mem.memory.feature_snapshot import (
    read_tensors,
    write_tensors,
)
from embodied_mem.memory.feature_store import FeatureStore
from perception.devices import choose_device
from perception.xmem.looks import Look, look_at
from perception.xmem.network import (
    MemoryNetwork,
    likeliest,
)
from perception.xmem.passes import Pass, PassNote
from perception.xmem.tracker_config import TrackerConfig

_FORMAT = "embodied-mem tracker 1"
"""Names the layout of saved trackers."""
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


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

        Raises:
            ConfigError: There is no such device here.
        """
        self.config = config or TrackerConfig()
        self.device = choose_device(str(device))
        self.network = network.eval().to(self.device)
        self._passes = [Pass(self.network, self.config) for _ in range(1 + self.config.flip)]

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
        self._passes = [Pass(self.network, self.config) for _ in self._passes]

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
    def look(self, frames: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> list[Look]:
        """Compute what does not depend on memory for several of the next frames at once.

        Each is then given to `step` in place of its image; the result is the same but for rounding.
        """
        with self._precision():
            return list(
                look_at(
                    frames,
                    self.network.encode_key,
                    max_short=self.config.max_internal_size,
                    mirrored=self.config.flip,
                    like=next(self.network.parameters()),
                )
            )

    def _precision(self) -> AbstractContextManager[object]:
        if self.config.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, _PRECISIONS[self.config.precision])

    @torch.inference_mode()
    def step(
        self,
        frame: UInt8[np.ndarray, "h w 3"] | Look,
        masks: Int[np.ndarray, "y x"] | None = None,
        objects: Sequence[int] | None = None,
        *,
        permanent: bool = False,
        frozen: bool = False,
        last: bool = False,
    ) -> Tracked:
        """Find the objects in the next frame.

        Args:
            frame: The image, or what `look` made of it.
            masks: Object at each pixel, where somebody annotated the frame: any positive ids, 0
                where nothing is said. Objects that it does not speak of are found as usual.
            objects: Which objects `masks` speaks of, where that is more than those that it shows:
                one that it speaks of and does not show is not in the frame.
            permanent: Remember this frame for good.
            frozen: Add nothing to memory: the frame is found with what is remembered already.
            last: The video ends here: nothing needs to be remembered.

        Raises:
            FrameError: The mask does not fit the image, or ids are not positive.
        """
        rgb = frame.rgb if isinstance(frame, Look) else frame
        said = _said(rgb, masks, objects)
        if not self.objects and not said:  # Nothing is followed yet.
            nothing = np.zeros(rgb.shape[:2], np.int32)
            certain = torch.ones((1, *nothing.shape), device=self.device)
            return Tracked(ids=nothing, objects=(), probabilities=certain)
        look = frame if isinstance(frame, Look) else self.look([frame])[0]
        with self._precision():
            inside = [
                one.step(look, k, _mirrored(masks, k), said, permanent=permanent,
                         frozen=frozen, last=last)
                for k, one in enumerate(self._passes)
            ]  # fmt: skip
        found = [look.size.leave(odds) for odds in inside]
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


class _TrackerNote(msgspec.Struct, frozen=True):
    config: TrackerConfig
    passes: list[PassNote]
