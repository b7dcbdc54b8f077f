"""The WSGI transport: the player posts each reply, and the response is the next action."""

import http.client
import socket
import time
import uuid
from collections.abc import Callable

from embodied_mem.backends.household.server.wire import Reply, pack_form
from embodied_mem.errors import BackendError

_RETRY_SECONDS = 0.1


class WsgiLink:
    """Talks to the client's HTTP server until it goes away."""

    def __init__(
        self, host: str, port: int, *, token: str, is_wanted: Callable[[], bool], patience: float
    ):
        """Name the client's server without connecting yet.

        Args:
            host: Where the client listens.
            port: Its port.
            token: The secret from AI2THOR_CLIENT_TOKEN, or "".
            is_wanted: Whether somebody may still start to listen.
            patience: How long to wait for the client to listen [s].

        Raises:
            BackendError: The host's name is none.
        """
        try:
            self._connection = http.client.HTTPConnection(host, port)
        except http.client.InvalidURL as error:
            raise BackendError(f"'{host}' is not the name of a host.") from error
        self._token = token
        self._is_wanted = is_wanted
        self._patience = patience
        self._has_met = False

    def exchange(self, reply: Reply) -> bytes | None:
        """Post a reply and wait for the next action's JSON; None when the client is gone.

        Raises:
            BackendError: Nobody listens there, or the client refuses the reply.
        """
        if self._connection.sock is None and not self._connect():
            return None
        boundary = uuid.uuid4().hex
        body = pack_form(reply, token=self._token, boundary=boundary)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        try:
            self._connection.request("POST", "/train", body, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (ConnectionError, http.client.HTTPException):
            return None  # The client died or closed its server.
        if response.status != http.client.OK:
            raise BackendError(
                f"the client refused a reply with HTTP {response.status}"
                f"{' (wrong token)' if response.status == http.client.FORBIDDEN else ''}."
            )
        return text or None

    def refuse(self) -> None:
        """Do nothing: this client notices by itself when its player ends."""

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _connect(self) -> bool:
        """Connect, waiting for the client to listen; False when the client went away."""
        host, port = self._connection.host, self._connection.port
        until = time.monotonic() + self._patience
        while self._is_wanted():
            try:
                self._connection.connect()
            except socket.gaierror as error:
                raise BackendError(f"cannot find the host '{host}': {error.strerror}.") from error
            except OSError as error:
                if self._has_met:
                    return False  # It listened before: it has gone.
                if time.monotonic() > until:
                    raise BackendError(
                        f"no AI2-THOR client listens at {host}:{port} ({error.strerror}). Start "
                        "its Controller with start_unity=False and this port."
                    ) from error
                time.sleep(_RETRY_SECONDS)
                continue
            self._has_met = True
            return True
        return False
