"""Compare associators without ids in generated houses: who is who, where, and what has changed.

Each house is toured, the agent carries one thing to another place, an outside hand moves, removes
and brings things (a vessel with its contents among them) and exchanges two equal ones, and the
house is toured again. All associators are given the same percepts, per level of noise; the
simulator's ids are used for scoring alone.

Run `python benchmarks/association.py --houses 40 --noise default`; prints tables with 95 %
bootstrap intervals over houses, and writes one JSON line per house, which a later run goes on from.
`--explain` lists every false and missed change and relation with its cause. Thresholds were chosen
on houses 40 to 53; look into those, not into the ones reported.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from association_causes import causes, explain
from association_scores import SURE, score
from associators import ASSOCIATORS, Run
from house_tour import Glance, Visit

from embodied_mem.runtime import scoring
from embodied_mem.runtime.change_scoring import is_place_in_view
from embodied_mem.runtime.scoring import Counts
from perception.noise import NoiseConfig
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline

NOISE = {
    "none": None,
    "default": NoiseConfig(),
    "heavy": NoiseConfig(
        drop=0.25,
        split=0.08,
        mislabel=0.12,
        attribute_error=0.05,
        boundary=0.5,
        depth_sigma=0.015,
        depth_dropout=0.1,
    ),
}


def run_house(seed: int, wanted: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Go through one house with each wanted pair of noise and associator, and score them."""
    visit = Visit(seed)
    pipes: dict[str, Pipeline] = {}
    for name in dict.fromkeys(level for level, _ in wanted):
        noise = NOISE[name]
        seeded = (
            None
            if noise is None
            else NoiseConfig(
                **{f: getattr(noise, f) for f in noise.__struct_fields__ if f != "seed"}, seed=seed
            )
        )
        pipes[name] = Pipeline(OracleConfig(noise=seeded))
    runs = {(level, name): Run(ASSOCIATORS[name]()) for level, name in wanted}
    in_view: Counter[str] = Counter()
    frames = 0
    for glance in visit.glances():
        frames += 1
        if glance.phase:
            in_view.update(_places_in_view(visit, glance))
        for level, pipe in pipes.items():
            percept = pipe(glance.frame)
            names = [name_of(visit, glance, s) for s in percept.source_ids or ()]
            for (of, _), run in runs.items():
                if of == level:
                    run.see(glance, percept, names)
    return [
        {"seed": seed, "noise": level, "associator": name, "frames": frames,
         **score(visit, run, set(in_view)), "explained": explain(visit, run, in_view)}
        for (level, name), run in runs.items()
    ]  # fmt: skip


def name_of(visit: Visit, glance: Glance, source: str) -> str:
    """Return the true id of a detection; of two equal things exchanged, the one that was there."""
    return visit.changes.same_as.get(source, source) if glance.phase else source


def _places_in_view(visit: Visit, glance: Glance) -> set[str]:
    frame = glance.frame
    assert frame.depth is not None
    assert frame.camera is not None
    assert frame.T_world_camera is not None
    pose = frame.T_world_camera.inv().as_matrix()
    return {
        name
        for name, box in visit.changes.old_boxes.items()
        if is_place_in_view(box, frame.depth, frame.camera, pose)
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write the numbers of each noise level and associator, with intervals over houses."""
    lines = []
    groups = dict.fromkeys((r["noise"], r["associator"]) for r in rows)
    head = ("noise", "associator", "identity F1", "online F1", "relation F1", "on/in F1",
            "room F1", "change P", "change R", "err med", "p90 [m]", "switch", "frag", "mixed",
            "surplus", "ms/frame")  # fmt: skip
    lines.append("| " + " | ".join(head) + " |")
    lines.append("|" + "---|" * len(head))
    for noise, name in groups:
        mine = [r for r in rows if (r["noise"], r["associator"]) == (noise, name)]
        objects = sum(r["objects"] for r in mine)
        errors = [e for r in mine for e in r["errors"]]
        cells = [noise, name]
        for key, part in (("identity", "f1"), ("online", "f1"), ("relations", "f1"),
                          ("support", "f1"), ("room", "f1"), ("changes", "precision"),
                          ("changes", "recall")):  # fmt: skip
            known = name == "ours" or key not in {"relations", "room"}
            cells.append(_interval(mine, key, part) if known else "-")
        cells += [f"{np.median(errors):.3f}", f"{np.quantile(errors, 0.9):.3f}"]
        per_object = [sum(r[k] for r in mine) / objects for k in ("switches", "fragments")]
        cells += [f"{v:.2f}" for v in per_object]
        cells.append(f"{sum(r['mixed'] for r in mine) / sum(r['detections'] for r in mine):.3f}")
        cells.append(f"{sum(r['surplus'] for r in mine) / objects:.3f}")
        frames = sum(r["frames"] for r in mine)
        cells.append(f"{1e3 * sum(r['seconds'] for r in mine) / frames:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    for noise, name in groups:
        sure = [r for r in rows if (r["noise"], r["associator"]) == (noise, name)]
        sure = [r for r in sure if "changes_sure" in r]
        if sure:
            parts = (_interval(sure, "changes_sure", part) for part in ("precision", "recall"))
            lines.append(
                f"changes claimed with confidence {SURE} by {name} ({noise}, {len(sure)} houses): "
                + "P {}, R {}".format(*parts)
            )
        if name == "ours":
            kinds: Counter[str] = Counter()
            total: Counter[str] = Counter()
            for r in rows:
                if (r["noise"], r["associator"]) == (noise, name):
                    for kind, (hit, of) in r["by_kind"].items():
                        kinds[kind] += hit
                        total[kind] += of
            lines.append(
                f"noticed by ours ({noise}): "
                + ", ".join(f"{kind} {kinds[kind]}/{of}" for kind, of in sorted(total.items()))
            )
    return "\n".join(lines)


def _interval(rows: Sequence[dict[str, Any]], key: str, part: str) -> str:
    def statistic(sample: Sequence[dict[str, Any]]) -> float:
        return getattr(sum((Counts(*r[key]) for r in sample), Counts()), part)

    low, high = scoring.bootstrap(rows, statistic, np.random.default_rng(0))
    return f"{statistic(rows):.3f} ({low:.3f}-{high:.3f})"


def main() -> None:
    """Run the houses that are not in the output yet; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="seed of the first house")
    parser.add_argument("--noise", nargs="+", default=["default"], choices=list(NOISE))
    parser.add_argument("--who", nargs="+", default=list(ASSOCIATORS), choices=list(ASSOCIATORS))
    parser.add_argument(
        "--explain", action="store_true", help="list the errors of each house, counted by cause"
    )
    parser.add_argument("--out", type=Path, default=Path("association.jsonl"))
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if arguments.out.exists():
        rows = [json.loads(line) for line in arguments.out.read_text().splitlines()]
    wanted = range(arguments.first, arguments.first + arguments.houses)
    for seed in wanted:
        have = {(r["noise"], r["associator"]) for r in rows if r["seed"] == seed}
        missing = [(n, w) for n in arguments.noise for w in arguments.who if (n, w) not in have]
        if not missing:
            continue
        began = time.perf_counter()
        fresh = run_house(seed, missing)
        rows += fresh
        with arguments.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in fresh)
        taken = time.perf_counter() - began
        print(f"house {seed}: {fresh[0]['frames']} frames, {taken:.0f} s", file=sys.stderr)
    kept = [
        r
        for r in rows
        if r["seed"] in wanted
        and r["noise"] in arguments.noise
        and r["associator"] in arguments.who
    ]
    print(table(kept))
    if arguments.explain:
        lines = [f"{line} [house {r['seed']}]" for r in kept for line in r.get("explained", [])]
        print("\n".join(sorted(lines)))
        print(causes(lines))


if __name__ == "__main__":
    main()
