"""The FIFO transport: two named pipes, made by the client and opened by the player."""

import errno
import fcntl
import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from embodied_mem.backends.household.server.wire import Field, FieldReader, Reply, pack_fields
from embodied_mem.errors import BackendError

_PIPE_BYTES = 1 << 20  # A 300x300 reply with depth and ids fits; Linux allows this to anyone.
_CHECK_SECONDS = 1.0  # How often to look whether the client still lives while nothing arrives.


class FifoLink:
    """Talks to the client through its pipes until it goes away.

    A client that dies closes its pipes; one that dies before it opened them is noticed through
    `is_wanted`, which is asked about once a second.
    """

    def __init__(self, server_pipe: Path, client_pipe: Path, *, is_wanted: Callable[[], bool]):
        """Name the pipes without opening them: the client does so at its own pace.

        Args:
            server_pipe: The pipe that the player writes (AI2THOR_FIFO_SERVER_PIPE_PATH).
            client_pipe: The pipe that the player reads (AI2THOR_FIFO_CLIENT_PIPE_PATH).
            is_wanted: Whether somebody may still open the pipes.
        """
        self._paths = (server_pipe, client_pipe)
        self._is_wanted = is_wanted
        self._output: int | None = None
        self._input: int | None = None
        self._reader = FieldReader()

    def exchange(self, reply: Reply) -> bytes | None:
        """Send a reply and wait for the next action's JSON; None when the client is gone.

        Raises:
            BackendError: A pipe cannot be opened, or what arrives is not this protocol.
        """
        if self._output is None:
            self._output = self._open_output()
        if self._output is None or not self._write(self._output, pack_fields(reply)):
            return None
        if self._input is None:
            self._input = self._open(self._paths[1], os.O_RDONLY)
        message = self._read(self._input)
        if message is not None and Field.ACTION not in message:
            raise BackendError("the client sent a message without an action.")
        return None if message is None else message[Field.ACTION]

    def refuse(self) -> None:
        """Open and close the pipe for which the client waits, without end otherwise."""
        self._output = self._open_output()
        self.close()

    def close(self) -> None:
        """Close the pipes."""
        for descriptor in (self._output, self._input):
            if descriptor is not None:
                os.close(descriptor)
        self._output = self._input = None

    def _open_output(self) -> int | None:
        while self._is_wanted():
            try:
                descriptor = self._open(self._paths[0], os.O_WRONLY)
            except OSError as error:
                if error.errno != errno.ENXIO:  # ENXIO: nobody reads the pipe yet.
                    raise
                time.sleep(0.01)
                continue
            _widen(descriptor)
            os.set_blocking(descriptor, True)
            return descriptor
        return None

    def _open(self, path: Path, mode: int) -> int:
        try:
            return os.open(path, mode | os.O_NONBLOCK)
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise
            raise BackendError(
                f"cannot open the client's pipe {path}: {error.strerror}."
            ) from error

    def _write(self, descriptor: int, data: bytes) -> bool:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
        except BrokenPipeError:
            return False
        return True

    def _read(self, descriptor: int) -> dict[Field, bytes] | None:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        data = b""
        while True:
            for message in self._reader.feed(data):
                return message  # The client waits for a reply before it sends again.
            if not poll.poll(_CHECK_SECONDS * 1000):
                if not self._is_wanted():
                    return None
                data = b""
                continue
            data = os.read(descriptor, _PIPE_BYTES)
            if not data:
                return None


def _widen(descriptor: int) -> None:
    """Let a whole reply fit into the pipe, so that writing it does not wait for the reader."""
    resize = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only.
    if resize is None:
        return
    try:
        fcntl.fcntl(descriptor, resize, _PIPE_BYTES)
    except OSError:
        return  # The system's limit is lower: slower, not wrong.
