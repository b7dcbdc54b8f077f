"""Starts the player as AI2-THOR's client starts Unity: by flags and environment variables."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from embodied_mem.backends.household.server.fifo import FifoLink
from embodied_mem.backends.household.server.wire import Reply, read_action
from embodied_mem.backends.household.server.wsgi import WsgiLink
from embodied_mem.errors import BackendError, EmbodiedMemError

if TYPE_CHECKING:
    from embodied_mem.backends.household.server.player import Player

logger = logging.getLogger(__name__)

DEFAULT_SIZE = 300
"""Image width and height of a client that asks for none, as with `headless=True` [px]."""

DEFAULT_PORT = 8200
"""Port of a client started with `start_unity=False` that names none."""


class Link(Protocol):
    """A transport."""

    def exchange(self, reply: Reply) -> bytes | None:
        """Send a reply and wait for the next action's JSON; None when the client is gone."""
        ...

    def refuse(self) -> None:
        """Let a client that waits for the player to start know that it will not."""
        ...

    def close(self) -> None:
        """Release pipes and sockets."""
        ...


def main() -> int:
    """Serve with this process's arguments and environment; the entry of the console script."""
    return serve(sys.argv[1:], os.environ)


def serve(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Answer one client until it goes away.

    Args:
        argv: Flags, ours (`--server-type`, `--host`, `--port` ...) and those that the client
            passes to Unity (`-screen-width` ...).
        environ: AI2THOR_SERVER_TYPE and its companions, as the client sets them for its child.

    Returns:
        Exit status: 0 when the client left, 2 after an error, told in one sentence on stderr.
    """
    arguments = _parser().parse_args(argv)
    try:
        link = _link(arguments, environ)
        try:
            _converse(link, arguments)
        finally:
            link.close()
    except EmbodiedMemError as error:
        sys.stderr.write(f"embodied-mem thor-server: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def _converse(link: Link, arguments: argparse.Namespace) -> None:
    """Greet the client, then answer its actions one by one, until it sends none."""
    try:
        player = _player(arguments)
        reply = player.hello()
    except (EmbodiedMemError, ImportError):
        link.refuse()
        raise
    while (text := link.exchange(reply)) is not None:
        action = read_action(text)
        if "action" not in action:
            break
        reply = player.answer(action)
    logger.info("the client is gone")


def _player(arguments: argparse.Namespace) -> "Player":
    # Imported late: what fails here, a library too, must be told to a client that waits.
    from embodied_mem.backends.household.server.player import (  # noqa: PLC0415
        Player,
        PlayerConfig,
    )

    return Player(
        PlayerConfig(
            width=arguments.width,
            height=arguments.height,
            asset_database=arguments.asset_database,
        )
    )


def _link(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Link:
    kind = (arguments.server_type or environ.get("AI2THOR_SERVER_TYPE") or "WSGI").upper()
    is_wanted = _parent_watch() if "AI2THOR_CLIENT_TOKEN" in environ else _always
    if kind == "FIFO":
        pipes = [environ.get(f"AI2THOR_FIFO_{side}_PIPE_PATH") for side in ("SERVER", "CLIENT")]
        if not all(pipes):
            raise BackendError(
                "FIFO needs the pipes that AI2-THOR's client made: set "
                "AI2THOR_FIFO_SERVER_PIPE_PATH and AI2THOR_FIFO_CLIENT_PIPE_PATH, or use "
                "--server-type WSGI."
            )
        server_pipe, client_pipe = (Path(pipe or "") for pipe in pipes)
        return FifoLink(server_pipe, client_pipe, is_wanted=is_wanted)
    if kind != "WSGI":
        raise BackendError(f"the server type must be FIFO or WSGI, got '{kind}'.")
    port = str(arguments.port or environ.get("AI2THOR_PORT") or DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise BackendError(f"the port must lie in 1..65535, got '{port}'.")
    return WsgiLink(
        arguments.host or environ.get("AI2THOR_HOST") or "127.0.0.1",
        int(port),
        token=environ.get("AI2THOR_CLIENT_TOKEN", ""),
        is_wanted=is_wanted,
        patience=arguments.patience,
    )


def _parent_watch() -> Callable[[], bool]:
    """Tell whether the client that launched this process still lives."""
    parent = os.getppid()
    return lambda: os.getppid() == parent


def _always() -> bool:
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="embodied-mem thor-server",
        description="Serve the embedded household simulator to AI2-THOR's own Python client: as "
        "its local_executable_path, or by hand beside Controller(start_unity=False, port=N, "
        "server_class=WsgiServer).",
    )
    parser.add_argument("--server-type", help="FIFO or WSGI (default: AI2THOR_SERVER_TYPE, WSGI)")
    parser.add_argument("--host", help="where the client listens (default: 127.0.0.1)")
    parser.add_argument("--port", help=f"the client's port (default: {DEFAULT_PORT})")
    parser.add_argument(
        "--patience",
        type=float,
        default=300.0,
        help="seconds to wait until the client listens (default: 300)",
    )
    parser.add_argument("--asset-database", help="asset-database.json of ProcTHOR: exact sizes")
    parser.add_argument("-screen-width", "--width", dest="width", type=int, default=DEFAULT_SIZE)
    parser.add_argument("-screen-height", "--height", dest="height", type=int, default=DEFAULT_SIZE)
    for flag in ("-screen-fullscreen", "-screen-quality", "-force-device-index"):
        parser.add_argument(flag, help=argparse.SUPPRESS)  # Unity's; nothing to do here.
    for flag in ("-batchmode", "-nographics"):
        parser.add_argument(flag, action="store_true", help=argparse.SUPPRESS)
    return parser
