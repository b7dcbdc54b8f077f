"""The command line: parse, run one command, end with an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import assert_never

import tyro

from embodied_mem.app.commands import (
    Ask,
    Command,
    Convert,
    Demo,
    Doctor,
    Episode,
    Export,
    Mcp,
    Name,
    Sql,
    Suite,
    ThorServer,
    View,
    Weights,
)
from embodied_mem.app.policy_commands import Eval, TrainPolicy
from embodied_mem.app.train_commands import Train, TrainSegmenter, TrainTracker
from embodied_mem.app.video_commands import Video, VideoRemember, VideoScore, VideoTrack, with_task
from embodied_mem.errors import EmbodiedMemError

OK, FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130
"""Exit codes. FAILED: it ran, and the task was not reached or something is missing."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 not reached, 2 a mistake, 130 interrupted.

    Args:
        arguments: Words after the program's name; those of this process when None.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["thor-server"]:  # Its flags are those that AI2-THOR's client gives to Unity.
        sys.exit(_serve(words[1:]))
    command = tyro.cli(
        Command,  # pyright: ignore[reportArgumentType]
        prog="embodied-mem",
        description="Memory for robots and long videos: perceive, remember, plan, act. "
        "As a robot's node, on bags, DDS and ROS 2: `embodied-mem ros --help`.",
        args=with_task(words),
    )
    sys.exit(execute(command))


def execute(command: Command) -> int:
    """Run one command and return the exit code; errors are told in one line on stderr."""
    try:
        return _dispatch(command)
    except EmbodiedMemError as error:
        sys.stderr.write(f"embodied-mem: {error}\n")
        return USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("embodied-mem: interrupted; what was written so far is kept.\n")
        return INTERRUPTED


def _dispatch(command: Command) -> int:  # noqa: PLR0911, PLR0912
    """Import what the command needs, and run it."""
    # ruff: noqa: PLC0415 - `--help` and `ask` should not wait for engines that they do not use.
    match command:
        case Demo():
            from embodied_mem.app.demo import run_demo

            return run_demo(command)
        case Episode():
            from embodied_mem.app.episode import run_one

            return run_one(command)
        case Suite():
            from embodied_mem.app.suite import run_many

            return run_many(command)
        case Video():
            return _video(command.task)
        case Ask():
            from embodied_mem.app.ask import ask

            return ask(command)
        case Name():
            from embodied_mem.app.name import name_object

            return name_object(command)
        case View():
            from embodied_mem.app.view import view

            return view(command)
        case Sql():
            from embodied_mem.app.sql import ask_sql

            return ask_sql(command)
        case Mcp():
            from embodied_mem.app.mcp_server import serve_memory

            return serve_memory(command)
        case ThorServer():
            return _serve([])
        case Convert():
            from embodied_mem.app.convert import convert

            return convert(command)
        case Export():
            from embodied_mem.app.export import export

            return export(command)
        case Weights():
            from embodied_mem.app.weights import fetch_weights

            return fetch_weights(command)
        case Train():
            return _train(command.task)
        case Eval():
            from embodied_mem.app.eval_policy import eval_policy

            return eval_policy(command)
        case Doctor():
            from embodied_mem.app.doctor import examine

            return examine(command)
        case _:
            assert_never(command)


def _video(task: VideoRemember | VideoTrack | VideoScore) -> int:
    match task:
        case VideoRemember():
            from embodied_mem.app.video_remember import remember_videos

            return remember_videos(task)
        case VideoTrack():
            from embodied_mem.app.video_track import track_video

            return track_video(task)
        case VideoScore():
            from embodied_mem.app.video_score import score_videos

            return score_videos(task)
        case _:
            assert_never(task)


def _train(task: TrainSegmenter | TrainTracker | TrainPolicy) -> int:
    match task:
        case TrainSegmenter():
            from embodied_mem.app.train import train

            return train(task)
        case TrainTracker():
            from embodied_mem.app.train_tracker import train_tracker

            return train_tracker(task)
        case TrainPolicy():
            from embodied_mem.app.train_policy import train_policy

            return train_policy(task)
        case _:
            assert_never(task)


def _serve(words: Sequence[str]) -> int:
    from embodied_mem.backends.household.server.serve import serve

    return serve(words, os.environ)
