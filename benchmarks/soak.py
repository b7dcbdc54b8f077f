"""A day in one house with things moving, and a kill -9 in every hour: does the memory stay flat?

An agent patrols a generated house by single steps; what it sees, with the default noise and without
ids, goes to a memory on disk. An outside hand moves, takes, brings, opens and shuts things. Each
simulated hour a process opens the store, goes on where it ends, is killed with SIGKILL at a random
moment, and is started again, which has to find everything that was acknowledged.

Run `python benchmarks/soak.py --hours 24 --steps 2000 --out FOLDER`. It writes one JSON line per
hour, goes on after Ctrl-C where it stopped, and ends with a verdict and a figure, `soak.png`.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from soak_figures import draw, verdict

House = tuple[int, int]
"""Its seed, and how many rooms it has."""

QUESTIONS = ("find", "near", "since", "where", "describe", "search")


class UnexpectedEndError(RuntimeError):
    """A process ended in a way that it should not."""


def run_hour(folder: Path, house: House, hour: int, steps: int) -> dict[str, Any]:
    """Run one hour, killed once, and return its record."""
    began = time.perf_counter()
    kills = folder / "kills.jsonl"
    if hour not in {kill["hour"] for kill in read(kills)}:
        note(kills, {"hour": hour, **killed(folder, house, hour, steps)})
    opened, done = None, None
    for line in child(folder, house, hour, steps):
        opened = line.get("opened", opened)
        done = line.get("done", done)
    if opened is None or done is None:
        raise UnexpectedEndError(f"hour {hour} did not end. See what its process wrote above.")
    kill = next(kill for kill in read(kills) if kill["hour"] == hour)
    lines = read(folder / "acks" / f"{hour:03d}.jsonl")
    return {
        "hour": hour + 1,
        "steps": len(lines),
        "open_median": opened["open_ms"][0],
        "open_cpu": opened["open_ms"][1],
        "start": kill["opened"],
        "recovery": opened,
        "killed_after": kill["after"],
        "lost": opened["lost"] + kill["opened"]["lost"],
        "same": opened["same"] and kill["opened"]["same"],
        "orphans": max(opened["orphans"], kill["opened"]["orphans"]),
        **times(lines),
        **done,
        "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def killed(folder: Path, house: House, hour: int, steps: int) -> dict[str, Any]:
    """Let an hour begin, and kill its process at a random moment.

    The moment is a random step, and a random part of the tenth of a second after it.
    """
    random = np.random.default_rng()  # As chance has it: nothing may depend on the moment.
    last = hour * steps + int(random.uniform(0.15, 0.6) * steps)
    opened: dict[str, Any] = {}
    process = start(folder, house, hour, steps)
    assert process.stdout is not None
    after = 0
    with process:
        for text in process.stdout:
            line = json.loads(text)
            opened = line.get("opened", opened)
            after = line.get("frame", after)
            if after >= last:
                time.sleep(float(random.uniform(0.0, 0.1)))
                process.send_signal(signal.SIGKILL)
                break
    if process.returncode != -signal.SIGKILL:
        raise UnexpectedEndError(f"hour {hour} ended by itself, with code {process.returncode}.")
    return {"after": after, "opened": opened}


def child(folder: Path, house: House, hour: int, steps: int) -> Iterator[dict[str, Any]]:
    """Run an hour to its end; yield what its process tells."""
    process = start(folder, house, hour, steps)
    assert process.stdout is not None
    try:
        yield from map(json.loads, process.stdout)
        if process.wait() != 0:
            raise UnexpectedEndError(f"hour {hour} ended with code {process.returncode}.")
    finally:
        process.kill()
        process.wait()


def start(folder: Path, house: House, hour: int, steps: int) -> subprocess.Popen[str]:
    """Start the process of an hour."""
    script = Path(__file__).with_name("soak_hour.py")
    arguments = [str(folder), *map(str, (*house, hour, steps))]
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def times(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the median and the 99th percentile of each time, and the median of the processor's."""
    found: dict[str, float] = {}
    asked = [line["asked"] for line in lines if "asked" in line]
    for key in ("write", "record", *QUESTIONS):
        rows = asked if key in QUESTIONS else lines
        wall, cpu = np.array([row[key] for row in rows]).reshape(-1, 2).T
        for name, values, share in (("median", wall, 50), ("p99", wall, 99), ("cpu", cpu, 50)):
            found[f"{key}_{name}"] = round(float(np.percentile(values, share)), 4)
    return found


def read(file: Path) -> list[dict[str, Any]]:
    """Read JSON lines; none where there is no file."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def note(file: Path, row: dict[str, Any]) -> None:
    """Append a JSON line."""
    with file.open("a") as out:
        out.write(json.dumps(row) + "\n")


def main() -> int:
    """Run the hours that are not done yet; print the verdict. Returns 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--steps", type=int, default=2000, help="per simulated hour")
    parser.add_argument("--seed", type=int, default=3, help="of the house and all that happens")
    parser.add_argument("--rooms", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("soak"))
    given = parser.parse_args()
    (given.out / "acks").mkdir(parents=True, exist_ok=True)
    file = given.out / "hours.jsonl"
    for hour in range(len(read(file)), given.hours):
        row = run_hour(given.out, (given.seed, given.rooms), hour, given.steps)
        note(file, row)
        print(summary(row), file=sys.stderr, flush=True)
    rows = read(file)[: given.hours]
    print(verdict(rows))
    draw(rows, given.out / "soak.png")
    return 1 if any(row["lost"] or not row["same"] for row in rows) else 0


def summary(row: dict[str, Any]) -> str:
    """Say in one line how an hour went."""
    return (
        f"hour {row['hour']}: {row['size_mib']:.1f} MiB, "
        f"{row['known']} known ({row['gone']} gone), "
        f"{row['true']} there, located {row['located']:.3f}, false {row['false']:.3f}, "
        f"write {row['write_median']:.1f} ms ({row['write_cpu']:.1f} CPU), "
        f"describe {row['describe_median']:.1f} ms, "
        f"open {row['open_median']:.0f} ms, lost {row['lost']}, same {row['same']}, "
        f"sightings {row['rows_sightings']}, {row['seconds']:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
