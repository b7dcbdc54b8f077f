"""`embodied-mem ros`: nodes without ROS."""

import sys
from collections.abc import Sequence
from typing import assert_never

import tyro

from embodied_mem.app.cli import INTERRUPTED, USER_ERROR
from embodied_mem.app.console import configure_logging
from embodied_mem.errors import EmbodiedMemError
from ros_nodes.commands import Act, Join, Plan, Record, Replay, RosCommand, Sim, Track


def run(arguments: Sequence[str]) -> None:
    """Run one command and exit: 0 done, 1 not reached, 2 a mistake, 130 interrupted.

    Args:
        arguments: Words after `embodied-mem ros`.
    """
    command = tyro.cli(
        RosCommand,  # pyright: ignore[reportArgumentType]
        prog="embodied-mem ros",
        description="The memory as a robot's node, on bags and on DDS, without ROS.",
        args=list(arguments),
    )
    sys.exit(execute(command))


def execute(command: RosCommand) -> int:
    """Run one command and return the exit code; errors are told in one line on stderr."""
    configure_logging()
    try:
        return _dispatch(command)
    except EmbodiedMemError as error:
        sys.stderr.write(f"embodied-mem ros: {error}\n")
        return USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("embodied-mem ros: interrupted; what was written so far is kept.\n")
        return INTERRUPTED


def _dispatch(command: RosCommand) -> int:
    """Import what the command needs, and run it."""
    # ruff: noqa: PLC0415 - `--help` should not wait for engines, nor need the extras.
    match command:
        case Replay():
            from ros_nodes.replay import replay

            return replay(command)
        case Record():
            from ros_nodes.record import record

            return record(command)
        case Join() | Sim() | Plan() | Track() | Act():
            from ros_nodes.run_nodes import run_node

            return run_node(command)
        case _:
            assert_never(command)
