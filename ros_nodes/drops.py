"""What is left out, and why: every reason has a name, every name a count."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from threading import Lock

from embodied_mem.errors import EmbodiedMemError


class Reason(StrEnum):
    """Why a message or an image did not reach memory. The values are the names in diagnostics."""

    MALFORMED = "malformed"
    """Bytes or fields that are no such message."""
    ENCODING = "wrong_encoding"
    """Pixels in a form that is not read."""
    ZERO_STAMP = "zero_stamp"
    """A header without a time."""
    NO_CAMERA_INFO = "no_camera_info"
    """An image before the first camera info."""
    CAMERA_INFO = "camera_info_mismatch"
    """Camera info for another image size, or without a calibration."""
    OUT_OF_SYNC = "out_of_sync"
    """An image whose companions did not come within the slop."""
    NO_TRANSFORM = "no_transform"
    """No pose of the camera at the image's stamp within the timeout."""
    CLOCK_JUMP = "clock_jump"
    """Waiting when the clock went back."""
    BUSY = "busy"
    """Replaced by a newer image before perception was free."""
    LATE = "late"
    """An action that was made too late to be done."""
    PAUSED = "paused"
    """Arrived while the node was paused."""


class UnusableMessageError(EmbodiedMemError, ValueError):
    """A message cannot be used; `reason` is the name under which it is counted."""

    def __init__(self, reason: Reason, why: str):
        super().__init__(why)
        self.reason = reason


class Drops:
    """Counts what is left out, and keeps the newest sentence for each reason; for any thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._newest: dict[str, str] = {}
        self._lock = Lock()

    def add(self, reason: Reason, why: str = "", count: int = 1) -> None:
        """Count something that is left out."""
        if count:
            with self._lock:
                self._counts[reason.value] += count
                self._newest[reason.value] = why

    @property
    def counts(self) -> Counter[str]:
        """How many were left out, by reason."""
        with self._lock:
            return self._counts.copy()

    @property
    def newest(self) -> Mapping[str, str]:
        """The newest sentence for each reason."""
        with self._lock:
            return dict(self._newest)

    @property
    def total(self) -> int:
        """All of them."""
        return self.counts.total()
