"""An object in a process of its own: asked by the names of its methods, it answers later."""

from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from embodied_mem.errors import BackendError
from embodied_mem.runtime.workers import serve, start_process

_ENDING = 2.0
"""Time that a process has for ending by itself [s]."""


class Remote:
    """Another process's object. One question at a time; close it, or leave its `with`.

    Args:
        build: Makes the object, there; a function of a module, or a partial of one.
        what: It is, in messages.
    """

    def __init__(self, build: Callable[[], object], what: str) -> None:
        self.what = what
        self._process, self._connection = start_process(_serve, build)

    def ask(self, method: str, *arguments: object) -> None:
        """Ask for a method to be called.

        Raises:
            BackendError: The process died.
        """
        try:
            self._connection.send((method, arguments))
        except OSError as error:
            raise self._death("") from error

    def answer(self) -> Any:
        """Wait for what the method returns.

        Raises:
            BackendError: It raised an error, or the process died.
        """
        try:
            kind, value = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._death("") from error
        if kind == "failed":
            raise BackendError(value)
        if kind == "died":
            raise self._death(value)
        return value

    def _death(self, words: str) -> BackendError:
        code = self._end()
        return BackendError(f"the process of {self.what} died: {words or f'exit code {code}'}.")

    def _end(self) -> int | None:
        self._process.join(timeout=_ENDING)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        return self._process.exitcode

    def close(self) -> None:
        """End the process, whatever it does."""
        self._connection.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


def _serve(connection: Connection, build: Callable[[], object]) -> None:
    """Build the object, and call its methods until the other end closes."""
    built: list[object] = []

    def call(message: tuple[str, tuple[object, ...]]) -> object:
        if not built:
            built.append(build())
        method, arguments = message
        return getattr(built[0], method)(*arguments)

    serve(connection, call)
