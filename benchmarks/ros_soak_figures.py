"""What `ros_soak` measured, judged."""

import os
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ros_soak_examiner import Acknowledged
from embodied_mem.memory import Memory
from embodied_mem.memory.store import DATABASE

Sample = dict[str, Any]
Kill = dict[str, Any]

_WARM_UP = 0.2
"""Share of the time without kills that is left out of the growth."""


def resident(pid: int) -> float:
    """Return what a process holds in RAM [MB]; 0 where it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def stored_well(store: Path, acknowledged: Acknowledged) -> tuple[bool, int]:
    """Open the store of a killed node: is it sound, and how much of what it told is missing?

    An image that was taken in and not yet told may have joined or evicted objects: only where the
    store is of the very image that was told last must the objects be the same.
    """
    database = sqlite3.connect(f"file:{store / DATABASE}?mode=ro", uri=True)
    sound = database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    with Memory.open(store, read_only=True) as memory:
        if memory.frame < acknowledged.frames:
            return sound, acknowledged.frames - memory.frame
        there = {known.object_id for known in memory.known()} | memory.objects.aliases.keys()
        is_newest = memory.frame == acknowledged.frames
    return sound, len(acknowledged.objects - there) if is_newest else 0


def judged(
    samples: Sequence[Sample],
    kills: Sequence[Kill],
    injected: Mapping[str, int],
    dropped: Mapping[str, int],
) -> dict[str, Any]:
    """Return all figures, and a table of them."""
    quiet = _without_kills(samples, kills)
    growth = {name: _growth(quiet, f"{name}_mb") for name in ("join", "sim", "plan")}
    others = {r: n for r, n in sorted(dropped.items()) if r not in injected}
    missed = Counter(injected)
    missed.subtract({reason: dropped.get(reason, 0) for reason in injected})
    return {
        "seconds": samples[-1]["second"] if samples else 0.0,
        "kills": list(kills),
        "lost": sum(kill["lost"] for kill in kills),
        "unsound": sum(not kill["sound"] for kill in kills),
        "injected": dict(injected),
        "not_counted": {reason: count for reason, count in missed.items() if count},
        "other_drops": others,
        "growth": growth,
        "frames": max((sample["frames"] for sample in samples), default=0),
        "table": _table(samples, kills, growth, injected, dropped),
    }


def _without_kills(samples: Sequence[Sample], kills: Sequence[Kill]) -> list[Sample]:
    last = max((kill["second"] + kill["back_after"] for kill in kills), default=0.0)
    end = samples[-1]["second"] if samples else 0.0
    begin = last + _WARM_UP * (end - last)
    return [sample for sample in samples if sample["second"] >= begin]


def _growth(samples: Sequence[Sample], key: str) -> dict[str, float]:
    """Return RAM at the beginning and the end of the quiet time, and its slope [MB, MB/min]."""
    if len(samples) < 3:
        return {}
    seconds = np.array([sample["second"] for sample in samples])
    values = np.array([sample[key] for sample in samples])
    slope = 60 * float(np.polyfit(seconds, values, 1)[0])
    ends = (
        float(np.median(values[: len(values) // 5 + 1])),
        float(np.median(values[-len(values) // 5 :])),
    )
    return {"first": round(ends[0], 1), "last": round(ends[1], 1), "per_minute": round(slope, 3)}


def _table(
    samples: Sequence[Sample],
    kills: Sequence[Kill],
    growth: Mapping[str, Mapping[str, float]],
    injected: Mapping[str, int],
    dropped: Mapping[str, int],
) -> str:
    lines = ["| process | kills | back after [s] | RAM without kills: first, last [MB] | MB/min |"]
    lines.append("|---|---|---|---|---|")
    for name, figures in growth.items():
        own = [kill["back_after"] for kill in kills if kill["victim"] == name]
        back = f"{min(own):.1f} to {max(own):.1f}" if own else "-"
        ram = f"{figures['first']}, {figures['last']}" if figures else "-"
        lines.append(f"| {name} | {len(own)} | {back} | {ram} | {figures.get('per_minute', '-')} |")
    stored = [kill for kill in kills if kill["victim"] == "join"]
    late = [sample["latency_ms"] for sample in samples if sample["latency_ms"]]
    lines += [
        "",
        f"{len(stored)} stores after kill -9: {sum(kill['sound'] for kill in stored)} sound, "
        f"{sum(kill['lost'] for kill in stored)} acknowledged things missing",
        f"images in memory at the end: {samples[-1]['frames'] if samples else 0}; "
        f"latency [ms]: {np.median(late) if late else 0:.1f}; store: "
        f"{samples[-1]['store_mb'] if samples else 0} MB",
        f"injected: {dict(injected)}; counted: {dict(dropped)}",
    ]
    return "\n".join(lines)
