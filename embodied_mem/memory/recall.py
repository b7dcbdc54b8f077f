"""The questions to a memory that are answered in words: search, describe, experience."""

from embodied_mem.memory.experience import Experience
from embodied_mem.memory.persistence import Parts


class Recall:
    """Part of `Memory`: what reads of all its parts together."""

    _parts: Parts

    @property
    def experience(self) -> Experience:
        """What past episodes teach; `learn` takes one in, `recall` gives lessons for a goal."""
        return self._parts.experience
