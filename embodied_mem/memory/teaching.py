"""What a memory is told: names of things, kept with their views."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from embodied_mem.memory.names import Names, View
from embodied_mem.memory.object_buffer import Entry, ObjectBuffer
from embodied_mem.memory.persistence import Parts

_OUTWEIGHS = 3.5
"""A name that is told weighs so many times what was seen before. What comes without a name still is
a fair share of the evidence, so that it finds the object (`AssociationConfig.min_agreement`)."""


class Teaching(ABC):
    """Part of `Memory`: what a person tells it."""

    _parts: Parts

    @property
    def names(self) -> Names:
        """Names that were taught, with views; to be asked by either. `teach` adds to it."""
        return self._parts.names

    def teach(self, name: str, view: View, object_id: str | None = None) -> str:
        """Learn that a view shows what is called so, and that this object is called so.

        Args:
            name: A word or a few.
            view: A look at it; `perception.naming.Namer.teach` takes it from the newest image.
            object_id: The object that was shown, if it is known.

        Returns:
            The name as it is kept.

        Raises:
            NamingError: The name or the view cannot be taught.
            UnknownObjectError: There is no such object.
            StoreError: The disk is full or fails, or the memory is open read only.
        """
        with self._all_or_nothing():
            entry = None if object_id is None else self._parts.objects[object_id]
            name = self.names.teach(name, view)
            if entry is not None:
                _call(self._parts.objects, entry, name)
                self._parts.changed_at[entry.object_id] = self._parts.stamp
            self._commit()
        return name

    def unteach(self, name: str) -> None:
        """Forget a name and its views; objects keep what they are called.

        Raises:
            NamingError: There is no such name.
            StoreError: The disk is full or fails, or the memory is open read only.
        """
        with self._all_or_nothing():
            self.names.forget(name)
            self._commit()

    @abstractmethod
    def _all_or_nothing(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _commit(self) -> None: ...


def _call(buffer: ObjectBuffer, entry: Entry, name: str) -> None:
    """Give an object a name; its id stays."""
    others = sum(weight for label, weight in entry.label_weights.items() if label != name)
    entry.label_weights[name] = max(entry.label_weights.get(name, 0.0), _OUTWEIGHS * others, 1.0)
    buffer.relabel(entry, name)
    buffer.touch(entry)
