"""The process that the soak kills: it opens the store, goes on where it ends, and tells each step.

Run by `benchmarks/soak.py` as `soak_hour.py FOLDER SEED ROOMS HOUR STEPS`. It first prints what it
found in the store, then a line for each acknowledged write; these go to a file that outlives it.
"""

import contextlib
import json
import os
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from soak_house import LivingHouse, Patrol

from embodied_mem.goals import fold
from embodied_mem.memory import Memory
from embodied_mem.types import Percept
from perception.noise import NoiseConfig
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline

SIZE = (160, 120)
"""Width and height of the images [px]."""
EVERY = 25
"""Steps between two events of the outside hand."""
ACTIVE = 0.8
"""Share of an hour in which it acts; then a whole patrol can see what came of it."""
ASKED = 20
"""Steps between two rounds of questions."""
NEAR = 0.5
"""A thing believed farther than this from its true place is not located [m]."""


def digest(memory: Memory) -> int:
    """Return a checksum of all objects: ids, boxes, states of belief and counts."""
    total = 0
    for name, entry in sorted(memory.objects.entries.items()):
        text = f"{name} {entry.status} {entry.sightings} {entry.last_seen!r}"
        total = zlib.crc32(memory.objects.box(entry).tobytes(), zlib.crc32(text.encode(), total))
    return total


def stored(folder: Path) -> dict[str, float]:
    """Measure a store: size [MiB], segment files, files that nothing refers to, rows."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    with sqlite3.connect(
        f"{(folder / 'memory.sqlite3').absolute().as_uri()}?mode=ro", uri=True
    ) as db:
        kept = {n for (n,) in db.execute("SELECT number FROM segments WHERE data IS NULL")}
        rows = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("sightings", "frames", "actions", "objects", "nodes", "edges", "habits")
        }
    db.close()
    segments = list((folder / "tensors").iterdir())
    names = {f"segment-{n:08d}.safetensors" for n in kept}
    return {
        "size_mib": sum(path.stat().st_size for path in files) / 2**20,
        "segments": len(segments),
        "orphans": sum(path.name not in names for path in segments),
        "missing": len(names - {path.name for path in segments}),
        **{f"rows_{table}": count for table, count in rows.items()},
    }


def accuracy(memory: Memory, house: LivingHouse) -> dict[str, float]:
    """Match what is believed to be there one to one with what is there, by label and place."""
    truth = [(fold(label), box.mean(axis=0)) for label, box in house.in_the_open().values()]
    believed = [
        (fold(known.label), known.position)
        for known in memory.known()
        if known.status != "gone" and known.confidence >= 0.5 and np.isfinite(known.box).all()
    ]
    cost = np.full((len(believed), len(truth)), 1e3)
    for i, (label, at) in enumerate(believed):
        for j, (true_label, true_at) in enumerate(truth):
            if label == true_label and (away := float(np.linalg.norm(at - true_at))) <= NEAR:
                cost[i, j] = away
    rows, columns = linear_sum_assignment(cost)
    located = int((cost[rows, columns] < 1e3).sum())
    return {
        "true": len(truth),
        "believed": len(believed),
        "located": located / max(len(truth), 1),
        "false": 1 - located / max(len(believed), 1),
    }


class Questions:
    """Rounds of questions, each timed."""

    def __init__(self, memory: Memory, seed: int):
        self._memory, self._random = memory, np.random.default_rng(seed)

    def ask(self) -> dict[str, list[float]]:
        """Ask one round; return the milliseconds of each kind, on the wall and of the processor."""
        memory, random = self._memory, self._random
        known = memory.known()
        one = known[int(random.integers(len(known)))]
        then = float(random.uniform(one.first_seen, memory.stamp))
        body = memory.T_world_body
        point = np.zeros(3) if body is None else body.translation
        return {
            "find": timed(lambda: memory.find(one.label)),
            "near": timed(lambda: memory.near(point, 1.0)),
            "since": timed(lambda: memory.since(memory.stamp - 600)),
            "where": timed(lambda: _where(memory, one.object_id, then)),
            "describe": timed(lambda: memory.describe(f"put the {one.label} away", budget=500)),
            "search": timed(lambda: memory.search(f"the {one.label} I opened")),
        }


def _where(memory: Memory, object_id: str, then: float) -> None:
    with contextlib.suppress(LookupError):  # It was not known by this id then.
        memory.where(object_id, at=then)


def timed(call: Callable[[], object]) -> list[float]:
    """Return how long a call takes, on the wall and of the processor [ms]."""
    began, cpu = time.perf_counter(), time.process_time()
    call()
    taken = time.perf_counter() - began, time.process_time() - cpu
    return [round(seconds * 1e3, 4) for seconds in taken]


class Hour:
    """One simulated hour, from wherever the store ends."""

    def __init__(self, folder: Path, seed: int, rooms: int, hour: int, steps: int):
        self.folder, self.seed, self.hour, self.steps = folder, seed, hour, steps
        opened: list[Memory] = []
        self.opened = timed(lambda: opened.append(Memory.open(folder / "store")))
        (self.memory,) = opened
        self.acks = os.open(
            folder / "acks" / f"{hour:03d}.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644
        )
        self.found = self._compare(last_ack(folder, hour))
        self.house = LivingHouse(seed, folder / "house.json", rooms=rooms, size=SIZE)
        random = np.random.default_rng([seed, hour, self.memory.frame])
        self.patrol = Patrol(self.house, self.found.pop("pose"), random)
        self.questions = Questions(self.memory, self.memory.frame)

    def _compare(self, last: dict[str, Any] | None) -> dict[str, Any]:
        """Compare what was opened with what was acknowledged last."""
        memory = self.memory
        acknowledged = 0 if last is None else last["frame"]
        same = memory.frame in {acknowledged, acknowledged + 1}  # One may have been on its way.
        if last is not None and memory.frame == acknowledged:
            same = last["digest"] == digest(memory) and last["stamp"] == memory.stamp
        return {
            "open_ms": self.opened,
            "frame": memory.frame,
            "acknowledged": acknowledged,
            "lost": max(acknowledged - memory.frame, 0),
            "ahead": memory.frame - acknowledged,
            "same": same,
            "pose": None if last is None else last["pose"],
            **stored(self.folder / "store"),
        }

    def run(self) -> None:
        """Go on to the end of the hour, telling each step."""
        self._tell({"opened": self.found})
        while self.memory.frame < (self.hour + 1) * self.steps:
            self._step()
        self._tell(
            {"done": {"rss_mib": rss(), **stored(self.folder / "store"),
                      "known": len(self.memory), "gone": self._gone(),
                      **accuracy(self.memory, self.house)}}
        )  # fmt: skip
        self.memory.close()

    def _gone(self) -> int:
        return sum(known.status == "gone" for known in self.memory.known())

    def _step(self) -> None:
        index = self.memory.frame
        event, due = divmod(index, EVERY)
        if due == EVERY - 1 and index % self.steps < ACTIVE * self.steps:
            self.house.disturb(event)
        percept, target = self._see(index)
        action, done, stamp = self.patrol.action, self._succeeded, percept.frame.stamp
        recorded = timed(
            lambda: self.memory.record(action, target=target, succeeded=done, stamp=stamp)
        )
        written = timed(lambda: self.memory.write(percept))
        line: dict[str, Any] = {
            "frame": self.memory.frame, "stamp": self.memory.stamp, "objects": len(self.memory),
            "digest": digest(self.memory), "pose": self.patrol.pose,
            "write": written, "record": recorded,
        }  # fmt: skip
        if index % ASKED == ASKED - 1 and len(self.memory):
            line["asked"] = self.questions.ask()
        self._tell(line)

    def _see(self, index: int) -> tuple[Percept, str | None]:
        """Return the step's percept, and memory's id of what the action touched.

        The stamp is the simulated day's, and the noise is drawn for the step: neither depends on
        when the process was killed.
        """
        first, self.patrol.first = self.patrol.first, None
        step = first or self.patrol.step()
        self._succeeded = step.action_success
        frame = replace(step.frame, stamp=index * 3600.0 / self.steps)
        noise = NoiseConfig(seed=self.seed * 1_000_000 + index)
        percept = Pipeline(OracleConfig(noise=noise))(frame)
        target = self._meant() if self.patrol.target else None
        return replace(percept, source_ids=None, frame=replace(percept.frame, truth=None)), target

    def _meant(self) -> str | None:
        """Return memory's id of the thing that the agent touched: the nearest of its label."""
        item = self.house.objects[self.patrol.target]
        label, box = self.house.in_the_open()[item.object_id]
        near = [k for k in self.memory.near(box.mean(axis=0), 0.3) if fold(k.label) == fold(label)]
        return near[0].object_id if near else None

    def _tell(self, line: dict[str, Any]) -> None:
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        if "frame" in line:
            os.write(self.acks, data)
        os.write(1, data)


def last_ack(folder: Path, hour: int) -> dict[str, Any] | None:
    """Return the newest whole line that was acknowledged, of this hour or the one before."""
    for number in (hour, hour - 1):
        file = folder / "acks" / f"{number:03d}.jsonl"
        lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
        if lines:
            return json.loads(lines[-1])
    return None


def rss() -> float:
    """Return what the process holds in RAM now [MiB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Go through one hour."""
    Hour(Path(sys.argv[1]), *map(int, sys.argv[2:6])).run()


if __name__ == "__main__":
    main()
