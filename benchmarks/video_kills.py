"""An intake killed with `kill -9` at random moments, and gone on with: is the memory the same?

    python benchmarks/video_kills.py --kills 50

A film is taken in without a stop. Then, again and again into a new store, it is taken in by a
process that is killed at a random moment of the time that this takes at least, and by another one
that goes on. Rows and pictures of both stores are compared, byte for byte.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.video.scripted import draw_script, write_film
from perception.video.chunks import ChunksConfig
from perception.video.intake import IntakeConfig, take_in
from perception.video.look import GridLook
from perception.video.recorder import RecorderConfig

TABLES = ("videos", "events", "event_things", "things", "paths", "places", "event_text")
SEAMS = ChunksConfig(seconds=50.0, hand_over=20.0)
"""Chunks so short that runs are killed in several of them."""


def main() -> None:
    """Kill, go on, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the film")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = folder / "film.mp4"
        script = draw_script(arguments.seconds, every=15, seed=arguments.seed)
        apart(lambda: write_film(film, script))
        length = min(timed(film, folder / name) for name in ("whole", "again", "once-more"))
        whole = content(folder / "whole")
        same = killed = begun = 0
        for number in range(arguments.kills):
            store = folder / f"store{number}"
            killed += run(film, store, chance.uniform(0, length)) != 0
            begun += part(store) > 0
            run(film, store, None)
            same += content(store) == whole
        print(f"{arguments.kills} runs, {killed} killed before their end, {begun} of them with a "
              f"part written; {same} equal to the uninterrupted one")  # fmt: skip
    if same != arguments.kills:
        raise SystemExit(1)


def timed(film: Path, store: Path) -> float:
    """Take a film in without a stop; return how long that took [s]."""
    began = time.perf_counter()
    run(film, store, None)
    return time.perf_counter() - began


def run(film: Path, store: Path, kill_after: float | None) -> int:
    """Take a film in, in a process of its own; return how it ended."""

    def work() -> None:
        config = IntakeConfig(
            rate=4.0,
            side=160,
            folder_rate=30.0,
            look="grid",
            recorder=RecorderConfig(chunks=SEAMS),
        )
        with EventIndex(store) as index:
            take_in(index, film, config, GridLook())

    return apart(work, kill_after)


def apart(work: Callable[[], None], kill_after: float | None = None) -> int:
    """Do something in a process of its own, where libraries may start threads."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def part(store: Path) -> float:
    """Return how much of the film a store holds [s]."""
    if not (store / "memory.sqlite3").exists():
        return 0.0
    with EventIndex(store) as index:
        return max((video.seconds for video in index.videos()), default=0.0)


def content(store: Path) -> dict[str, object]:
    """Return all that a store holds of videos."""
    with EventIndex(store, read_only=True) as index:
        with index.store.transaction(write=False) as database:
            rows: dict[str, object] = {
                table: database.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES
            }
        rows["pictures"] = {path.name: path.read_bytes() for path in index.pictures.iterdir()}
    return rows


if __name__ == "__main__":
    main()
