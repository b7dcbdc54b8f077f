"""Ctrl-C that waits for the end of a step, so that no write is cut in two."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class _Deferral:
    """A handler that notes the first Ctrl-C and raises the second."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def check(self) -> None:
        """Raise what was noted."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], None]]:
    """Hold the first Ctrl-C back until the yielded function is called, which then raises it.

    A second Ctrl-C is not held back. Only Python's own handler is replaced, and only in the main
    thread; elsewhere the yielded function does nothing.

    Raises:
        KeyboardInterrupt: From the yielded function, after a Ctrl-C; or at the end, if one came
            that was not raised yet.
    """
    deferral = _Deferral()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield deferral.check
        return
    signal.signal(signal.SIGINT, deferral)
    try:
        yield deferral.check
        deferral.check()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def immediate_interrupts() -> Iterator[None]:
    """Let Ctrl-C through at once, inside `deferred_interrupts`: for waits in which nothing is cut.

    Raises:
        KeyboardInterrupt: Also one that was held back before.
    """
    main = threading.current_thread() is threading.main_thread()
    deferral = signal.getsignal(signal.SIGINT) if main else None
    if not isinstance(deferral, _Deferral):
        yield
        return
    deferral.check()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, deferral)
