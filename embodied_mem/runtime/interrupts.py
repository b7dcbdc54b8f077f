"""Ctrl-C that waits for the end of a step, so that no write is cut in two."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], None]]:
    """Hold the first Ctrl-C back until the yielded function is called, which then raises it.

    A second Ctrl-C is not held back. Only Python's own handler is replaced, and only in the main
    thread; elsewhere the yielded function does nothing.

    Raises:
        KeyboardInterrupt: From the yielded function, after a Ctrl-C; or at the end, if one came
            that was not raised yet.
    """
    asked = False

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
