"""Work in threads of its own: reading ahead of the one who reads, writing behind who writes."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _End:
    """The last thing in a queue, with what went wrong."""

    def __init__(self, error: BaseException | None = None):
        self.error = error


def read_ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yield items that a thread gets beforehand, at most `depth` of them.

    What goes wrong there is raised here. The thread ends when the generator is closed.
    """
    held: queue.Queue[Item | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Item | _End) -> bool:
        while not stopped.is_set():
            try:
                held.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for.
            put(_End(error))
        else:
            put(_End())

    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := held.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()


class WriteBehind(Generic[Item]):
    """Hands items to a function in a thread of its own; at most `depth` wait."""

    def __init__(self, write: Callable[[Item], None], depth: int):
        """Start the thread."""
        self._write = write
        self._held: queue.Queue[Item | _End] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="write-behind", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Have an item written.

        Raises:
            Exception: What an earlier one raised.
        """
        self._check()
        self._held.put(item)

    def flush(self) -> None:
        """Wait until everything is written; raises what went wrong."""
        self._held.join()
        self._check()

    def __enter__(self) -> "WriteBehind[Item]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.put(_End())
        self._thread.join()
        if error is None:
            self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while not isinstance(item := self._held.get(), _End):
            try:
                if self._error is None:
                    self._write(item)
            except BaseException as error:  # noqa: BLE001 - raised by the next call.
                self._error = error
            finally:
                self._held.task_done()
        self._held.task_done()
