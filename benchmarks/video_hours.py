"""Hours of generated video with planted events: one pass, flat memory, questions, second questions.

    python benchmarks/video_hours.py --hours 10

A film with a known script is written (squares that show for a second, passers, noise, slowly
changing light), taken in at `--sampling` pictures a second, and asked for each planted square.
A square counts as found when one of the five answers overlaps it within a second.
"""

import argparse
import gc
import resource
import tempfile
import time
from pathlib import Path

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import parse
from embodied_mem.video.scripted import Planted, Script, draw_script, write_film
from perception.video.backtrack import BacktrackConfig, answer
from perception.video.intake import IntakeConfig, take_in
from perception.video.look import GridLook
from perception.video.recorder import RecorderConfig


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=90.0, help="mean gap of events [s]")
    parser.add_argument("--rate", type=int, default=4, help="frames a second of the film")
    parser.add_argument("--sampling", type=float, default=2.0, help="pictures a second")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--questions", type=int, default=100, help="most squares asked for")
    arguments = parser.parse_args()
    script = draw_script(3600 * arguments.hours, every=arguments.every, seed=arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        began = time.process_time()
        write_film(film, script, rate=arguments.rate)
        print(f"film: {arguments.hours:g} h, {len(script.events)} events, "
              f"{film.stat().st_size / 2**20:.0f} MiB, written with "
              f"{time.process_time() - began:.0f} CPU-s")  # fmt: skip
        with EventIndex(Path(folder) / "store") as index:
            take(index, film, arguments.sampling)
            question_squares(index, script, arguments.questions)
            question_twice(index)


def take(index: EventIndex, film: Path, sampling: float) -> None:
    """Take the film in and print the pace and the resident memory on the way."""
    config = IntakeConfig(
        rate=sampling, side=160, folder_rate=30.0, look="grid", recorder=RecorderConfig()
    )
    marks: list[tuple[float, float]] = []

    def note(seconds: float) -> None:
        if seconds >= 600 * (len(marks) + 1):
            marks.append((seconds, _resident()))

    wall, cpu = time.perf_counter(), time.process_time()
    video = take_in(index, film, config, GridLook(), progress=note)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"taken in with {cpu:.0f} CPU-s, {wall:.0f} s by the clock: {video.seconds / cpu:.1f} "
          f"and {video.seconds / wall:.1f} x real time")  # fmt: skip
    if marks:
        first, last = marks[0], marks[-1]
        most = max(size for _, size in marks)
        print(f"resident: {first[1]:.0f} MiB after {first[0] / 60:.0f} min, {last[1]:.0f} MiB "
              f"after {last[0] / 60:.0f} min, most {most:.0f} MiB")  # fmt: skip
    size = sum(path.stat().st_size for path in index.store.path.rglob("*") if path.is_file())
    print(f"store: {size / 2**20:.1f} MiB, {len(index.events())} events")


def question_squares(index: EventIndex, script: Script, most: int) -> None:
    """Ask for planted squares and print recall."""
    squares = [event for event in script.events if event.kind == "square"]
    step = max(1, len(squares) // most)
    asked = squares[::step][:most]
    hits, ranks, spent = 0, 0.0, time.process_time()
    for square in asked:
        rank = _rank(index, square, script)
        hits += rank > 0
        ranks += 1 / rank if rank else 0.0
    spent = (time.process_time() - spent) / max(len(asked), 1)
    print(f"questions: {len(asked)}, recall@5 {hits / max(len(asked), 1):.3f}, MRR "
          f"{ranks / max(len(asked), 1):.3f}, {1000 * spent:.0f} CPU-ms each")  # fmt: skip


def _rank(index: EventIndex, square: Planted, script: Script) -> int:
    """Return the rank of the answer that shows a planted square; 0 where none does.

    The question names colour, region and the ten minutes around it, and does not tell which of the
    squares that may be alike in them is meant: each that is alike is a right answer.
    """
    low, high = max(square.start - 300, 0), min(square.start + 300, script.seconds)
    text = (
        f"when did something {square.colour} appear at the {square.region} "
        f"between {_clock(low)} and {_clock(high)}?"
    )
    found = answer(index, parse(text), 5, BacktrackConfig(budget=0.0)).reply.answers
    for rank, one in enumerate(found, 1):
        if one.start - 1 <= square.stop and one.stop + 1 >= square.start:
            return rank
    return 0


def question_twice(index: EventIndex) -> None:
    """Ask for what was never there in an interval, twice; print what was looked at again."""
    asked = parse("when did something pink appear between 0:20 and 1:10?")
    for name in ("first", "second"):
        began = time.process_time()
        found = answer(index, asked)
        print(f"{name} question about 0:20 to 1:10: {found.looked:.1f} s of video looked at again, "
              f"{time.process_time() - began:.2f} CPU-s")  # fmt: skip


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _resident() -> float:
    """Return the resident memory now [MiB]."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
