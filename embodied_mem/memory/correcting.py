"""What corrects a memory: an owner who wants a thing forgotten, a pose that was wrong."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager

import numpy as np
from scipy.spatial.transform import RigidTransform

from embodied_mem.memory import graph_update, hand, voxels
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.persistence import Parts
from embodied_mem.types import Attributes


class Correcting(ABC):
    """Part of `Memory`: corrections of what it believes."""

    _parts: Parts

    def forget(self, object_id: str) -> None:
        """Forget one object, and that anything rests on it. Seen again, it is a new one.

        Raises:
            UnknownObjectError: There is no such id.
            StoreError: The disk is full or fails, or the memory is open read only.
        """
        with self._all_or_nothing():
            entry = self._parts.objects[object_id]
            self._parts.objects.forget(entry)
            self._forget([entry.object_id])
            self._commit()

    def brought_about(self, object_id: str, states: Attributes) -> None:
        """Take states of an object as certain: side effects of what the agent has just done.

        Actions tell of the thing that they touch alone; a faucet fills the cup below it, too.

        Raises:
            UnknownObjectError: There is no such id.
            StoreError: The disk is full or fails, or the memory is open read only.
        """
        with self._all_or_nothing():
            entry = self._parts.objects[object_id]
            for name, value in states.items():
                hand.bring_about(self._parts.objects, entry, name, value)
            self._commit()

    def doubt(self, object_id: str, states: Collection[str]) -> None:
        """Forget states of an object: what was taken to bring them about may have failed.

        Raises:
            UnknownObjectError: There is no such id.
            StoreError: The disk is full or fails, or the memory is open read only.
        """
        with self._all_or_nothing():
            entry = self._parts.objects[object_id]
            for name in states:
                entry.attributes.pop(name, None)
                entry.strengths.pop(name, None)
            self._parts.objects.touch(entry)
            self._commit()

    def miss(self, object_id: str) -> None:
        """Take an object for gone: it does not show where it was let go of.

        Seen elsewhere, it may be known again.

        Raises:
            UnknownObjectError: There is no such id.
            StoreError: The disk is full or fails, or the memory is open read only.
        """
        with self._all_or_nothing():
            entry = self._parts.objects[object_id]
            entry.status, entry.placement = "gone", None
            self._parts.objects.touch(entry)
            self._parts.changed_at[entry.object_id] = self._parts.stamp
            buffer, names = self._parts.objects, [entry.object_id]
            parts = self._parts
            graph_update.follow_objects(parts.graph, parts.rooms, buffer, names, parts.stamp)
            self._commit()

    def shift(self, since: float, correction: RigidTransform) -> tuple[str, ...]:
        """Move the objects that were placed by a wrong pose of the robot.

        Each is carried along rigidly, but its box stays parallel to the axes and keeps its size:
        localisation errs by centimetres and degrees.

        Args:
            since: When the pose began to be wrong, on the clock of the frames [s]; what was last
                seen before stays where it is, and so does what is in the hand.
            correction: Maps where they were believed to be to where they are.

        Returns:
            The ids of those that were moved.

        Raises:
            StoreError: The disk is full or fails, or the memory is open read only.
        """
        with self._all_or_nothing():
            buffer, stamp = self._parts.objects, self._parts.stamp
            begin = self._parts.clock.at(since) if np.isfinite(since) else since
            moved = [
                name
                for name, entry in buffer.entries.items()
                if entry.last_seen >= begin and name not in buffer.held
            ]
            for name in moved:
                _carry(buffer, buffer[name], correction)
            self._parts.changed_at.update(dict.fromkeys(moved, stamp))
            graph_update.follow_objects(self._parts.graph, self._parts.rooms, buffer, moved, stamp)
            self._commit()
        return tuple(moved)

    @abstractmethod
    def _all_or_nothing(self) -> AbstractContextManager[None]:
        """Go back to what is stored where the block fails."""

    @abstractmethod
    def _commit(self) -> None:
        """Store what changed."""

    @abstractmethod
    def _forget(self, names: list[str]) -> list[str]:
        """Drop objects that the buffer no longer has from the other parts."""


def _carry(buffer: ObjectBuffer, entry: Entry, correction: RigidTransform) -> None:
    box = buffer.box(entry)
    if not np.isfinite(box).all():
        return
    center = box.mean(axis=0)
    way = correction.apply(center) - center
    entry.bounds = entry.bounds + way
    if entry.larger is not None:
        entry.larger = entry.larger + way
    if len(entry.keys):
        surface = correction.apply(buffer.surface(entry))
        buffer.set_voxels(entry, voxels.encode(surface, buffer.voxel_size(entry)))
    else:
        buffer.set_box(entry, box + way)
