"""One way through a video: the images as they are, or mirrored. What is remembered when.

The schedule is XMem's (arXiv:2207.07115, section 3 and the published implementation): every
`memory_every`-th frame, and each annotated one, is remembered; the sensory memory is renewed by the
value encoder on those, by the decoder on others.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from embodied_mem.memory.feature_snapshot import StoreNote, describe, restore
from embodied_mem.memory.feature_store import FeatureStore
from perception.xmem.images import Size, one_hot
from perception.xmem.looks import Look
from perception.xmem.network import Encoded, MemoryNetwork, aggregate, probabilities
from perception.xmem.tracker_config import TrackerConfig


class PassNote(msgspec.Struct, frozen=True):
    """All of a pass that is no tensor."""

    store: StoreNote
    objects: list[int]
    time: int
    last_memory: int
    last_deep: int


class Pass:
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

    def describe(self) -> tuple[PassNote, dict[str, Tensor]]:
        """Return all that was seen, as notes and tensors."""
        store, tensors = describe(self.memory)
        if self.hidden is not None:
            tensors["hidden"] = self.hidden
        note = PassNote(store, self.objects, self.time, self.last_memory, self.last_deep)
        return note, tensors

    def restore(self, note: PassNote, tensors: Mapping[str, Tensor]) -> None:
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
        look: Look,
        number: int,
        ids: Int[np.ndarray, "h w"] | None,
        said: list[int],
        *,
        permanent: bool,
        frozen: bool,
        last: bool,
    ) -> Float[Tensor, "m p q"]:
        """Return the probabilities of background and objects at the network's size.

        Args:
            look: The frame.
            number: Which of its images this pass is about.
            ids: Its annotation, mirrored as the image is.
            said: Objects that the annotation speaks of.
            permanent: Whether to remember the frame for good.
            frozen: Whether to add nothing to memory.
            last: Whether nothing needs to be remembered.
        """
        given = ids if said else None
        self.time += 1
        sync = self.config.deep_update_every < 0
        due = self.time - self.last_memory >= self.config.memory_every or given is not None
        remember = due and not last and not frozen
        waited = self.time - self.last_deep >= self.config.deep_update_every
        deep = (remember if sync else waited) and not last and not frozen
        update = not (sync and deep) and not last
        encoded = look.encoded[number]
        self._fit_hidden(encoded)
        found = None
        if self.objects and (given is None or set(self.objects) - set(said)):
            found = self._segment(encoded, update=update)
        if given is not None:
            found = self._corrected(look.size, given, said, found)
        assert found is not None, "there are objects: they are found or given"
        if remember:
            image = look.images[number]
            self._remember(image, encoded, found[1:], deep=deep, permanent=permanent)
        return found

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
