"""Where perception runs: in the caller's thread, or in one of its own behind a queue of one."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from ros_nodes.drops import Drops, Reason


@runtime_checkable
class Worker(Protocol):
    """Carries out what callbacks must not wait for."""

    def frame(self, work: Callable[[], None]) -> None:
        """Take in the newest image; an older one that still waits is left out and counted."""
        ...

    def event(self, work: Callable[[], None]) -> None:
        """Take in something that must not be lost, before any later image."""
        ...

    def close(self) -> None:
        """Finish what was taken in, then stop. May be called twice."""
        ...


class InlineWorker:
    """Does everything at once, in the caller's thread: for bags, which can wait."""

    def frame(self, work: Callable[[], None]) -> None:
        """Take in an image."""
        work()

    def event(self, work: Callable[[], None]) -> None:
        """Take in an event."""
        work()

    def close(self) -> None:
        """Do nothing: nothing waits."""


class LatestWorker:
    """A thread that takes the newest image when it is free. Use for live robots."""

    def __init__(self, drops: Drops):
        """Start the thread.

        Args:
            drops: Where images that were overtaken are counted.
        """
        self._drops = drops
        self._wake = threading.Condition()
        self._frame: Callable[[], None] | None = None
        self._events: deque[Callable[[], None]] = deque()
        self._is_closed = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    def frame(self, work: Callable[[], None]) -> None:
        """Take in the newest image."""
        with self._wake:
            self._check()
            if self._frame is not None:
                self._drops.add(Reason.BUSY, "perception is slower than the camera")
            self._frame = work
            self._wake.notify()

    def event(self, work: Callable[[], None]) -> None:
        """Take in an event."""
        with self._wake:
            self._check()
            self._events.append(work)
            self._wake.notify()

    def close(self) -> None:
        """Finish what waits and stop the thread."""
        with self._wake:
            self._is_closed = True
            self._wake.notify()
        self._thread.join()

    def _next(self) -> Callable[[], None] | None:
        with self._wake:
            while not self._events and self._frame is None and not self._is_closed:
                self._wake.wait()
            if self._events:
                return self._events.popleft()
            work, self._frame = self._frame, None
            return work

    def _run(self) -> None:
        try:
            while (work := self._next()) is not None:
                work()
        except BaseException as error:  # noqa: BLE001 - Raised again in the node's own thread.
            self._failure = error

    def _check(self) -> None:
        """Raise what ended the thread: a bug must end the node, not silence it."""
        if self._failure is not None:
            raise self._failure
