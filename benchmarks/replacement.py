"""Hit rate of each replacement policy against capacity, with Belady's optimum as the ceiling.

Run `python -m benchmarks.replacement [--out FOLDER]`; prints a table and writes `replacement.json`
and `replacement.png` into the folder. Every trace comes from a seed or from a recording
(`benchmarks/record_household.py`), so that the figures are the same each time.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.cache_traces import Trace, standard_traces
from benchmarks.optimum import asked_hits, belady_hits, static_hits
from embodied_mem.memory.replacement import (
    DecayConfig,
    FIFOConfig,
    LFUConfig,
    LRUConfig,
    Policy,
    ReplacementConfig,
    TinyLFUConfig,
    make_policy,
)

SHARES = (0.05, 0.1, 0.25, 0.5, 0.75)
POLICIES: dict[str, ReplacementConfig] = {
    "FIFO": FIFOConfig(),
    "LRU": LRUConfig(),
    "LFU": LFUConfig(),
    "Ebbinghaus": DecayConfig(),
    "W-TinyLFU 1 %": TinyLFUConfig(adaptive=False),
    "W-TinyLFU": TinyLFUConfig(),
}
CEILING, BYPASS, FIXED, PEER = "Belady", "Belady, may refuse", "best fixed set", "theine"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The hit rates of one family of traces at one capacity."""

    family: str
    traces: int
    uses: int
    """Uses that count, of all traces."""
    share: float
    """Capacity by how many keys there are."""
    capacity: float
    """Mean over the traces [keys]."""
    rates: dict[str, float]


def hits(policy: Policy, trace: Trace, capacity: int) -> int:
    """Count the hits of a policy in a memory of some capacity."""
    inside: set[str] = set()
    found = 0
    asked = trace.asked or [False] * len(trace.keys)
    for number, stamp, question in zip(trace.keys, trace.stamps, asked, strict=True):
        key = str(number)
        found += key in inside and (question or trace.asked is None)
        if question and key not in inside:
            continue
        inside.add(key)
        policy.use(key, stamp)
        if len(inside) > capacity:
            victim = policy.victim(stamp, pinned=_none)
            assert victim is not None
            policy.drop(victim)
            inside.discard(victim)
    return found


def _none(_: str) -> bool:
    return False


def peer_hits(trace: Trace, capacity: int) -> int | None:
    """Count the hits of theine's adaptive W-TinyLFU; None where it is not installed."""
    try:
        from theine import Cache
    except ModuleNotFoundError:
        return None
    if trace.asked is not None:
        return None
    cache = Cache(capacity, nolock=True)
    found = 0
    for key in trace.keys:
        _, known = cache.get(key)
        found += known
        if not known:
            cache.set(key, key)
    cache.close()
    return found


def rates(trace: Trace, capacity: int, *, peer: bool) -> dict[str, float]:
    """Return the hit rates of all policies and ceilings on one trace."""
    counts: dict[str, int | None] = {
        name: hits(make_policy(config, capacity), trace, capacity)
        for name, config in POLICIES.items()
    }
    if trace.asked is not None:
        counts[CEILING] = counts[BYPASS] = asked_hits(trace.keys, trace.asked, capacity)
    else:
        counts[CEILING] = belady_hits(trace.keys, capacity)
        counts[BYPASS] = belady_hits(trace.keys, capacity, bypass=True)
        counts[FIXED] = static_hits(trace.keys, capacity)
    if peer:
        counts[PEER] = peer_hits(trace, capacity)
    return {name: count / trace.counted for name, count in counts.items() if count is not None}


def measure(
    traces: Sequence[Trace], shares: Sequence[float] = SHARES, *, peer: bool = True
) -> list[Row]:
    """Measure every policy on every trace; traces of one family are averaged."""
    families: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        families[trace.family].append(trace)
    rows = []
    for family, members in families.items():
        for share in shares:
            sizes = [max(1, round(share * trace.population)) for trace in members]
            found = [
                rates(trace, size, peer=peer) for trace, size in zip(members, sizes, strict=True)
            ]
            rows.append(
                Row(
                    family=family,
                    traces=len(members),
                    uses=sum(trace.counted for trace in members),
                    share=share,
                    capacity=float(np.mean(sizes)),
                    rates={
                        name: round(float(np.mean([rate[name] for rate in found])), 4)
                        for name in found[0]
                    },
                )
            )
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return the rates in %, as text."""
    names = list(dict.fromkeys(name for row in rows for name in row.rates))
    lines = []
    family = ""
    for row in rows:
        if row.family != family:
            family = row.family
            lines += ["", f"{family}: {row.traces} traces, {row.uses} uses"]
            lines += [
                "keys".rjust(12) + "".join(name.rjust(max(8, len(name) + 2)) for name in names)
            ]
        cells = [
            f"{100 * row.rates[name]:.1f}".rjust(max(8, len(name) + 2))
            if name in row.rates
            else "-".rjust(max(8, len(name) + 2))
            for name in names
        ]
        lines.append(f"{row.capacity:6.0f} {row.share:4.0%} " + "".join(cells))
    return "\n".join(lines)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw hit rate against capacity, a panel for each family."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    families = list(dict.fromkeys(row.family for row in rows))
    columns = 4
    lines = -(-len(families) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(4 * columns, 3.2 * lines), layout="constrained", squeeze=False
    )
    for ax in axes.flat[len(families) :]:
        ax.set_axis_off()
    for ax, family in zip(axes.flat, families, strict=False):
        here = [row for row in rows if row.family == family]
        x = [100 * row.share for row in here]
        for name in (CEILING, *POLICIES):
            style = "k--" if name == CEILING else "-"
            width = 2.2 if name == "W-TinyLFU" else 1.2
            y = [100 * row.rates[name] for row in here]
            ax.plot(x, y, style, label=name, marker=".", linewidth=width)
        ax.set(title=family, xlabel="capacity [% of keys]", ylabel="hit rate [%]", ylim=(0, 100))
        ax.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _is_short(trace: Trace) -> bool:
    return len(trace.keys) <= 5000


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/replacement"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="short traces at 25 % alone")
    asked = parser.parse_args()
    if asked.quick:
        traces = [
            t for t in standard_traces(length=5000, keys=400, seed=asked.seed) if _is_short(t)
        ]
        rows = measure(traces, shares=(0.25,))
    else:
        rows = measure(standard_traces(seed=asked.seed))
    asked.out.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.encode({"seed": asked.seed, "rows": rows})
    (asked.out / "replacement.json").write_bytes(msgspec.json.format(document, indent=1))
    plot(rows, asked.out / "replacement.png")
    sys.stdout.write(table(rows) + f"\n\n{asked.out / 'replacement.png'}\n")


if __name__ == "__main__":
    main()
