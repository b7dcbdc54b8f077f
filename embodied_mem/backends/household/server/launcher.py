"""A small executable that starts the server, for `local_executable_path` of AI2-THOR's client."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

MODULE = "embodied_mem.backends.household.server"


def write_launcher(path: str | Path, arguments: Sequence[str] = ()) -> Path:
    """Write a script that runs the server with this Python.

    Args:
        path: Where to write it; its folder exists.
        arguments: Flags for the server, put before those that the client adds.

    Returns:
        The absolute path of the script, executable by its owner. AI2-THOR's client splits the
        path like a shell does, so it must not hold spaces or quotes.
    """
    path = Path(path).absolute()
    command = shlex.join([sys.executable, "-m", MODULE, *arguments])
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o700)
    return path
