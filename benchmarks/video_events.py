"""Real clips without any weights: visits counted, boundaries found, a hidden cube asked for.

    python benchmarks/video_events.py CLIPS

CLIPS holds `persons_139s*.mp4` (people pass a still camera one by one) and `robot_guess_where*.mp4`
(a robot puts a cup over a green cube, and takes it away). Truth is by eye and stands below.
"""

import argparse
import tempfile
import time
from pathlib import Path

from embodied_mem.memory.events.answers import Answerer, Reply
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import parse
from perception.video.intake import IntakeConfig, take_in
from perception.video.look import GridLook
from perception.video.recorder import RecorderConfig

VISITS = ((6.2, 20.0), (22.9, 45.0), (50.4, 69.5), (74.8, 87.2), (92.3, 120.3), (123.7, 136.4))
"""When somebody is in the picture of `persons_139s` [s]."""
HIDDEN, REVEALED = 11.5, 17.2
"""When the cube of `robot_guess_where` is hidden, and seen again, half of it each time [s]."""


def main() -> None:
    """Measure both clips and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("--rate", type=float, default=5.0, help="pictures a second")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_persons(_only(arguments.clips, "persons_139s"), Path(folder), arguments.rate)
        measure_robot(_only(arguments.clips, "robot_guess_where"), Path(folder), arguments.rate)


def measure_persons(clip: Path, folder: Path, rate: float) -> tuple[int, float]:
    """Return the visits counted and the F1 of boundaries at 1 s."""
    with EventIndex(folder / "persons") as index:
        _record(index, clip, rate)
        reply = ask(index, "how many people came by?")
        counted = len(reply.answers)
        opened = "level = 'segment' AND opened_by NOT IN ('start', 'length')"
        found = [event.start for event in index.events(opened)]
    truth = [edge for visit in VISITS for edge in visit]
    matched, precision, recall, f1 = boundary_scores(found, truth, tolerance=1.0)
    print(f"visits: '{reply.sentence}' (truth: {len(VISITS)})")
    print(f"boundaries at 1 s: {len(found)} found, {matched} of {len(truth)} matched, "
          f"precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}")  # fmt: skip
    return counted, f1


def measure_robot(clip: Path, folder: Path, rate: float) -> Reply:
    """Return the answer to where the cube is hidden."""
    with EventIndex(folder / "robot") as index:
        _record(index, clip, rate)
        reply = ask(index, "where was the green cube hidden?")
        first = reply.answers[0]
        print(f"cube: {reply.sentence}")
        print(f"  hidden at {first.start:.1f} s (truth {HIDDEN}), {first.picture}, "
              f"belief {first.confidence:.2f}")  # fmt: skip
        again = index.events("kind = 'revealed' AND start > ?", (first.start,))
        times = ", ".join(f"{event.start:.1f}" for event in again)
        print(f"  reappearances afterwards: {times} s (truth {REVEALED})")
    return reply


def ask(index: EventIndex, text: str) -> Reply:
    """Ask as `embodied-mem ask` does."""
    answerer = Answerer(index)
    return answerer(parse(text, duration=answerer.duration))


def boundary_scores(
    found: list[float], truth: list[float], *, tolerance: float
) -> tuple[int, float, float, float]:
    """Return matches, precision, recall and F1; each boundary is matched once, nearest first."""
    pairs = sorted((abs(f - t), i, j) for i, f in enumerate(found) for j, t in enumerate(truth))
    left, right = set(range(len(found))), set(range(len(truth)))
    matched = 0
    for gap, i, j in pairs:
        if gap <= tolerance and i in left and j in right:
            left.remove(i)
            right.remove(j)
            matched += 1
    precision, recall = matched / max(len(found), 1), matched / max(len(truth), 1)
    return matched, precision, recall, 2 * matched / max(len(found) + len(truth), 1)


def _record(index: EventIndex, clip: Path, rate: float) -> None:
    config = IntakeConfig(
        rate=rate, side=480, folder_rate=30.0, look="grid", recorder=RecorderConfig()
    )
    began = time.process_time()
    video = take_in(index, clip, config, GridLook())
    spent = time.process_time() - began
    print(f"{clip.name}: {video.seconds:.1f} s taken in with {spent:.1f} CPU-s, "
          f"{video.seconds / spent:.1f} x real time")  # fmt: skip


def _only(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"{name}*.mp4"))
    if len(found) != 1:
        raise SystemExit(f"{folder} should hold one file {name}*.mp4, it holds {len(found)}.")
    return found[0]


if __name__ == "__main__":
    main()
