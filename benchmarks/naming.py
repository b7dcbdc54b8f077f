"""Whether what was named once is found again, against the number of names.

A house is toured. Up to 20 small things of different types are named, each by its largest view, and
nothing is known of them before. Then they are carried to other places, mostly in other rooms, and
the house is toured again. Every further view of at least 150 pixels is asked for its name; of views
of the named things, one each, every name is asked for its view; and views of things that were not
named, of other types, are to be called unknown. What is named is drawn `--draws` times from a
house; with `--together` from all, since few have twenty kinds of things that are seen both times.

Run `python benchmarks/naming.py --first 900 --houses 3`. Masks are the simulator's (`oracle`),
which isolates naming, or those of `Geometric` that have IoU 0.5 with a thing. `--sweep` prints what
thresholds do, `--plot FILE` draws the shares against the number of names.
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from geometric import overlaps
from house_tour import Visit

from embodied_mem.memory.names import Names, NamesConfig, View
from embodied_mem.types import Frame
from perception import GeometricConfig, OracleConfig, Pipeline
from perception.naming import colour_and_shape

LEAST = 150
"""Pixels of a view."""
NUMBERS = (2, 5, 10, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One view of a thing."""

    pixels: int
    feature: np.ndarray
    room: str
    pose: np.ndarray
    """Of the camera: position [m] and direction."""
    phase: int


Looks = dict[str, list[Look]]
"""Views by the true id of the thing."""


def gather(seed: int) -> dict[str, Looks]:
    """Tour a house before and after its small things were carried about; return views by masks."""
    visit = Visit(seed)
    perceivers = {"oracle": Pipeline(OracleConfig()), "geometric": Pipeline(GeometricConfig())}
    found: dict[str, Looks] = {name: defaultdict(list) for name in perceivers}
    small = {n for n, o in visit.objects.items() if o.pickupable}
    carried = False
    for glance in visit.glances():
        if glance.done is not None and not carried:
            carry_about(visit, small)
            carried = True
        if glance.phase == 0 and carried:
            continue
        for masks, perceive in perceivers.items():
            for name, look in views(visit, glance.frame, perceive, glance.phase):
                if name in small and name not in visit.changes.same_as:
                    found[masks][name].append(look)
    return {masks: dict(looks) for masks, looks in found.items()}


def carry_about(visit: Visit, names: set[str]) -> None:
    """Carry things to other places, to another room where one is found."""
    places = [
        o for o in visit.objects.values()
        if o.has("receptacle") and o.body.surfaces and not o.has("openable") and not o.pickupable
    ]  # fmt: skip
    for name in sorted(names):
        item, room = visit.objects[name], visit.room(name)
        if item.held or item.removed or item.children:
            continue
        order = visit.random.permutation(len(places)).tolist()
        order.sort(key=lambda i: visit.room(places[i].object_id) == room)
        any(visit.sim.relocate(name, places[i].object_id) for i in order[:6])


def views(visit: Visit, frame: Frame, perceive: Pipeline, phase: int) -> list[tuple[str, Look]]:
    """Return the views of things in one frame, with their true ids."""
    percept = perceive(frame)
    truth, pose = frame.truth, frame.T_world_camera
    assert truth is not None
    assert pose is not None
    features = colour_and_shape(percept.features, percept.points)
    iou, _, pixels = overlaps(percept.masks, truth.ids)
    numbers = np.unique(truth.ids)
    numbers = numbers[numbers > 0]
    where = np.concatenate((pose.translation, pose.rotation.as_matrix()[:, 2]))
    found = []
    for i in range(len(percept)):
        best = int(np.argmax(iou[i])) if iou.shape[1] else -1
        if best < 0 or iou[i, best] < 0.5 or pixels[i] < LEAST:
            continue
        name = truth.instances[int(numbers[best])].object_id
        found.append((name, Look(pixels=int(pixels[i]), feature=features[i],
                                 room=visit.room(name), pose=where, phase=phase)))  # fmt: skip
    return found


def is_other(look: Look, taught: Look) -> bool:
    """Tell whether a view is from another place or in another direction than the taught one."""
    moved = np.linalg.norm(look.pose[:3] - taught.pose[:3]) > 0.5
    return bool(moved or look.pose[3:] @ taught.pose[3:] < np.cos(np.pi / 6))


@dataclass(slots=True)
class Score:
    """Right answers and questions of each kind."""

    counts: dict[str, list[int]]

    def add(self, kind: str, *, right: bool) -> None:
        """Count one answer."""
        row = self.counts.setdefault(kind, [0, 0])
        row[0] += right
        row[1] += 1

    def share(self, kind: str) -> float:
        """Return the share of right answers; NaN where nothing was asked."""
        right, asked = self.counts.get(kind, [0, 0])
        return right / asked if asked else np.nan

    def told(self, kind: str) -> str:
        """Return the share of right answers, and how many there were."""
        asked = self.counts.get(kind, [0, 0])[1]
        return f"{self.share(kind):.2f} ({asked:,})" if asked else "-"


def ask(looks: Looks, number: int, least: float, random: np.random.Generator, score: Score) -> None:
    """Name so many things by one view each, and ask for all other views."""
    teachable = [n for n in sorted(looks) if any(look.phase == 0 for look in looks[n])]
    order = [teachable[i] for i in random.permutation(len(teachable))]
    usable = list({name.split("|")[0]: name for name in order}.values())
    if len(usable) < number:
        return
    names, taught = Names(NamesConfig(least=least)), {}
    for name in usable[:number]:
        taught[name] = max((k for k in looks[name] if k.phase == 0), key=lambda k: k.pixels)
        names.teach(name, View(feature=taught[name].feature))
    asked = [(name, look) for name in usable for look in looks[name]]
    likeness = names.likeness(np.stack([look.feature for _, look in asked]))
    answers = [list(names.table)[k] for k in likeness.argmax(axis=1)]
    known = likeness.max(axis=1) >= least
    pools: dict[str, dict[str, np.ndarray]] = {"other view": {}, "other room": {}}
    for (name, look), answer, has_name in zip(asked, answers, known.tolist(), strict=True):
        if name not in taught:
            score.add("unknown", right=not has_name)
            continue
        kind = kind_of(look, taught[name])
        if kind:
            score.add(kind, right=has_name and answer == name)
            score.add(f"{kind}, forced", right=answer == name)
            if name not in pools[kind] or random.random() < 0.3:
                pools[kind][name] = look.feature
    for kind, pool in pools.items():
        for row, name in enumerate(pool):
            best = names.find(name, np.stack(list(pool.values())))
            score.add(f"{kind}, by name", right=best == row)


def together(houses: list[dict[str, Looks]]) -> dict[str, Looks]:
    """Return the views of all houses as those of one."""
    return {
        masks: {
            f"{name}|house {number}": looks
            for number, house in enumerate(houses)
            for name, looks in house[masks].items()
        }
        for masks in houses[0]
    }


def kind_of(look: Look, taught: Look) -> str:
    """Return what a view is asked as; "" where it is too like the taught one, or in its room."""
    if look.phase == 0:
        return "other view" if is_other(look, taught) else ""
    return "other room" if look.room != taught.room else ""


COLUMNS = ("other view", "other view, forced", "other view, by name", "other room",
           "other room, forced", "other room, by name", "unknown")  # fmt: skip


def score_all(houses: list[Looks], draws: int, number: int, least: float) -> Score:
    """Ask in all houses, with so many names."""
    score, random = Score({}), np.random.default_rng(number)
    for looks in houses:
        for _ in range(draws):
            ask(looks, number, least, random, score)
    return score


SHOWN = {
    "other view": "view to name, same room",
    "other room": "view to name, other room",
    "other view, by name": "name to view, same room",
    "other room, by name": "name to view, other room",
    "unknown": "never named: unknown",
}
"""Columns that are drawn, and what they are called there."""


def draw(scores: dict[str, list[Score]], path: Path) -> None:
    """Draw the share of right answers against the number of names, for both kinds of masks."""
    figure, axes = plt.subplots(1, len(scores), figsize=(9, 3.4), sharey=True)
    for axis, (masks, row) in zip(np.atleast_1d(axes), scores.items(), strict=True):
        for kind, words in SHOWN.items():
            axis.plot(NUMBERS, [score.share(kind) for score in row], marker="o", label=words)
        axis.set(
            title={"oracle": "the simulator's masks", "geometric": "masks of Geometric"}[masks],
            xlabel="things named once",
            xticks=NUMBERS,
            ylim=(0.5, 1.02),
        )
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("share of right answers")
    figure.axes[0].legend(fontsize=7, loc="lower left")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Gather views; print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=900)
    parser.add_argument("--houses", type=int, default=3)
    parser.add_argument("--together", action="store_true", help="draw from all houses at once")
    parser.add_argument("--draws", type=int, default=10, help="choices of what is named")
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--plot", type=Path, help="file of a picture, of the usual threshold")
    arguments = parser.parse_args()
    houses = []
    for seed in range(arguments.first, arguments.first + arguments.houses):
        houses.append(gather(seed))
        print(f"house {seed}", file=sys.stderr)
    if arguments.together:
        houses = [together(houses)]
    usual = NamesConfig().least
    print("| masks | least | names | " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * (3 + len(COLUMNS)))
    scores: dict[str, list[Score]] = {}
    for masks in ("oracle", "geometric"):
        for least in (0.8, 0.85, 0.9, 0.93) if arguments.sweep else (usual,):
            looks = [house[masks] for house in houses]
            row = [score_all(looks, arguments.draws, number, least) for number in NUMBERS]
            for number, score in zip(NUMBERS, row, strict=True):
                cells = " | ".join(score.told(column) for column in COLUMNS)
                print(f"| {masks} | {least} | {number} | {cells} |")
            if least == usual:
                scores[masks] = row
    if arguments.plot:
        draw(scores, arguments.plot)


if __name__ == "__main__":
    main()
