"""What memory makes of things without names: who is who after a tour, and which things it knows.

Each house is toured once, and every view written to a memory, by one of three perceivers: `oracle`,
the simulator's masks and labels; `nameless`, its masks with every label "object"; `geometric`,
things by their shape. A detection shows the thing that fills most of its mask. Identity F1 is over
those that show one. An object of the memory is right if it has IoU 0.25 with the box of a thing,
one to one; the things to be found are those that some view showed with 200 pixels.

Run `python benchmarks/geometric_memory.py --first 900 --houses 3 --who nameless geometric`.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from house_tour import Visit
from scipy.optimize import linear_sum_assignment

from embodied_mem.memory import Memory
from embodied_mem.memory.association import box_iou
from embodied_mem.runtime import scoring
from embodied_mem.runtime.scoring import Counts
from embodied_mem.types import Frame, Percept
from perception import GeometricConfig, OracleConfig, Pipeline

LEAST = 200
"""Pixels with which a thing must have been in view once to be missed."""
MATCH = 0.25
"""Least IoU of boxes."""


def nameless(perceive: Callable[[Frame], Percept]) -> Callable[[Frame], Percept]:
    """Return a perceiver that calls everything an object."""

    def unnamed(frame: Frame) -> Percept:
        percept = perceive(frame)
        return replace(percept, labels=("object",) * len(percept))

    return unnamed


PERCEIVERS: dict[str, Callable[[], Callable[[Frame], Percept]]] = {
    "oracle": lambda: Pipeline(OracleConfig()),
    "nameless": lambda: nameless(Pipeline(OracleConfig())),
    "geometric": lambda: Pipeline(GeometricConfig()),
}


def shown(percept: Percept) -> list[str]:
    """Return the true id of the thing that fills most of each mask; "" where none does."""
    truth = percept.frame.truth
    assert truth is not None
    names = []
    for mask in percept.masks:
        counts = np.bincount(truth.ids[mask])
        best = int(np.argmax(counts))
        known = best in truth.instances and counts[best] > 0.5 * counts.sum()
        names.append(truth.instances[best].object_id if known else "")
    return names


def tour(seed: int, who: str) -> tuple[Counts, Counts, float, int]:
    """Tour a house; return identity, objects, seconds of writing for each view, and objects."""
    visit, perceive, memory = Visit(seed), PERCEIVERS[who](), Memory()
    truth: list[str] = []
    found: list[str] = []
    in_view: set[str] = set()
    taken, frames = 0.0, 0
    for glance in visit.glances():
        if glance.done is not None:  # The errand begins.
            break
        assert glance.frame.truth is not None
        counts = np.bincount(glance.frame.truth.ids.ravel())
        in_view |= {
            instance.object_id
            for number, instance in glance.frame.truth.instances.items()
            if number < len(counts) and counts[number] >= LEAST
        }
        percept = perceive(glance.frame)
        began = time.process_time()
        ids = memory.write(percept).ids
        taken += time.process_time() - began
        frames += 1
        for name, id_ in zip(shown(percept), ids, strict=True):
            if name:
                truth.append(name)
                found.append(id_)
    aliases = memory.objects.aliases
    final = [aliases.get(id_, id_) for id_ in found]
    objects = object_counts(visit, memory, in_view)
    return scoring.identity_counts(truth, final), objects, taken / frames, len(memory)


def object_counts(visit: Visit, memory: Memory, in_view: set[str]) -> Counts:
    """Count the objects that are things in their place, those that are not, and what is lacking."""
    believed = [k for k in memory.known() if k.status != "gone" and k.confidence >= 0.5]
    boxes = np.array([k.box for k in believed]).reshape(-1, 2, 3)
    names = sorted(visit.objects)
    true = np.array([visit.box(name) for name in names])
    iou = np.array([box_iou(np.repeat(box[None], len(true), 0), true) for box in boxes])
    iou = iou.reshape(len(boxes), len(true))
    rows, columns = linear_sum_assignment(np.where(iou >= MATCH, iou, 0), maximize=True)
    hits = {names[c] for r, c in zip(rows, columns, strict=True) if iou[r, c] >= MATCH}
    return Counts(len(hits), len(boxes) - len(hits), len(in_view - hits))


def main() -> None:
    """Tour the houses; print one line for each perceiver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=900)
    parser.add_argument("--houses", type=int, default=3)
    parser.add_argument("--who", nargs="+", default=list(PERCEIVERS), choices=list(PERCEIVERS))
    arguments = parser.parse_args()
    for who in arguments.who:
        identity, objects, seconds = Counts(), Counts(), []
        for seed in range(arguments.first, arguments.first + arguments.houses):
            one, other, taken, _ = tour(seed, who)
            identity, objects = identity + one, objects + other
            seconds.append(taken)
        recall = objects.right / (objects.right + objects.missing)
        print(
            f"{who:>9}: identity F1 {identity.f1:.3f}, objects recall {recall:.3f}, precision "
            f"{objects.precision:.3f} of {objects.right + objects.wrong}, "
            f"{1e3 * np.mean(seconds):.1f} ms a write"
        )


if __name__ == "__main__":
    main()
