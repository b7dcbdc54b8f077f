"""Score the learned segmenter in houses that it was not trained on.

    python benchmarks/segmenter.py [--houses 4] [--first 900] [--weights FILE] [--oracle] [--table]
    python benchmarks/segmenter.py --file HOUSES.jsonl.gz --asset-database FILE --first 0

Every house is toured once. Frames: panoptic quality and IoU of kinds against the simulator's masks
(means over the kinds that are there), and the states told. Memory: what it believes after the tour
against what the tour showed, by label and place. `benchmarks/detectors.py` tells what it costs.
Seeds from 1000 on were trained on; those from 900 on were looked at in training; those below 100
are held out.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import tyro
from scipy.optimize import linear_sum_assignment

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.household.tour import TourConfig, tour
from embodied_mem.backends.thor_frames import world_box
from embodied_mem.memory import Memory
from embodied_mem.types import Frame, Percept, Truth
from perception import Detections, LearnedConfig, OracleConfig, Pipeline
from perception.learned.quality import KindScore, PanopticTally

NEAR = 0.5
"""A belief is of a thing when the middles of their boxes are within this, or within half of the
thing's size where that is more [m]."""
ENOUGH = 60
"""A thing was shown when one frame had so many pixels of it [px]."""
BELIEVED = 0.5
"""Beliefs of less confidence do not count."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Benchmark of the learned segmenter."""

    houses: int = 4
    first: int = 900
    """Seed of the first house, or its number in the file."""
    file: str | None = None
    """File of houses instead of generated ones: .json, .jsonl or .jsonl.gz."""
    asset_database: str | None = None
    """ProcTHOR's asset-database.json, for exact sizes."""
    weights: str | None = None
    """Weights to score; those that are shipped by default."""
    every: int = 1
    """Frames of the tour between those that are scored."""
    spacing: float = 1.5
    """Between the places that are visited [m]."""
    oracle: bool = False
    """Whether the memory is also filled with the simulator's own masks, to compare."""
    table: bool = False
    """Whether to print a line for each kind."""
    json: Path | None = None
    """File for all scores."""


@dataclass(slots=True)
class Beliefs:
    """Counts of what memories believe against what was shown."""

    right: int = 0
    false: int = 0
    missed: int = 0
    unlabelled: int = 0
    """Of the missed, those in whose place a thing of another label is believed."""
    errors: list[float] = field(default_factory=list)
    """Distances of the middles of right beliefs from the true ones [m]."""

    def add(self, memory: Memory, shown: dict[str, tuple[str, np.ndarray]]) -> None:
        """Match beliefs with things, nearest first in sum."""
        things = list(shown.values())
        beliefs = [k for k in memory.known() if k.confidence >= BELIEVED and k.status != "gone"]
        middles = np.array([k.position for k in beliefs]).reshape(-1, 3)
        truth = np.array([box.mean(axis=0) for _, box in things]).reshape(-1, 3)
        reach = np.array([max(NEAR, np.linalg.norm(b[1] - b[0]) / 2) for _, b in things])
        apart = np.linalg.norm(truth[:, None] - middles[None], axis=2)
        near = apart <= reach[:, None]
        same = np.array([[label == k.label for k in beliefs] for label, _ in things], bool)
        same = same.reshape(apart.shape)
        rows, columns = linear_sum_assignment(np.where(near & same, apart, 1e3))
        good = (near & same)[rows, columns]
        self.right += int(good.sum())
        self.errors += apart[rows, columns][good].tolist()
        self.false += len(beliefs) - int(good.sum())
        lost = np.setdiff1d(np.arange(len(things)), rows[good])
        self.missed += len(lost)
        self.unlabelled += int(near[lost].any(axis=1).sum())

    def summary(self) -> dict[str, float]:
        """Recall, precision and errors of place."""
        return {
            "recall": self.right / max(self.right + self.missed, 1),
            "precision": self.right / max(self.right + self.false, 1),
            "recall_whatever_label": (self.right + self.unlabelled)
            / max(self.right + self.missed, 1),
            "position_error_median": float(np.median(self.errors)) if self.errors else np.nan,
            "position_error_p90": float(np.percentile(self.errors, 90)) if self.errors else np.nan,
            "things": self.right + self.missed,
        }


def run(arguments: Arguments) -> dict[str, object]:
    """Score all houses."""
    config = LearnedConfig(weights=arguments.weights)
    pipelines = {"learned": Pipeline(config)}
    if arguments.oracle:
        pipelines["oracle"] = Pipeline(OracleConfig())
    tally, scored = PanopticTally(min_pixels=config.min_pixels), 0
    beliefs = {name: Beliefs() for name in pipelines}
    for number in range(arguments.first, arguments.first + arguments.houses):
        with HouseholdSim(house(arguments, number)) as sim:
            memories = {name: Memory() for name in pipelines}
            shown: dict[str, tuple[str, np.ndarray]] = {}
            for index, frame in enumerate(tour(sim, TourConfig(spacing=arguments.spacing))):
                note_shown(sim, frame, shown)
                for name, see in pipelines.items():
                    percept = see(frame)
                    memories[name].write(percept)
                    if name == "learned" and index % arguments.every == 0:
                        tally.add(truth_of(frame), detections_of(percept))
                        scored += 1
            for name, memory in memories.items():
                beliefs[name].add(memory, shown)
        print(f"house {number}: {scored} frames scored so far", file=sys.stderr, flush=True)
    kinds = tally.kinds()
    return {
        "frames": {"scored": scored, **means(kinds), **overall(tally)},
        "states": state_scores(tally),
        **{f"memory, {name}": counts.summary() for name, counts in beliefs.items()},
        "kinds": {label: asdict(score) for label, score in kinds.items()},
    }


def house(arguments: Arguments, number: int) -> HouseholdSimConfig:
    """Return the simulator of one house."""
    if arguments.file is None:
        return HouseholdSimConfig(house=HouseSource(seed=number))
    source = HouseSource(file=arguments.file, index=number)
    return HouseholdSimConfig(house=source, asset_database=arguments.asset_database)


def truth_of(frame: Frame) -> Truth:
    """Return the truth that the simulator's frames carry."""
    assert frame.truth is not None
    return frame.truth


def detections_of(percept: Percept) -> Detections:
    """Return what the detector found, before anything was made of it."""
    return Detections(
        masks=percept.masks,
        labels=percept.labels,
        scores=percept.scores,
        attributes=percept.attributes,
    )


def note_shown(sim: HouseholdSim, frame: Frame, shown: dict[str, tuple[str, np.ndarray]]) -> None:
    """Add the things that a frame shows well."""
    truth = truth_of(frame)
    counts = np.bincount(truth.ids.reshape(-1))
    for number in np.flatnonzero(counts >= ENOUGH).tolist():
        instance = truth.instances.get(number)
        if instance is not None and instance.object_id not in shown:
            item = sim.engine.world.objects[instance.object_id]
            shown[instance.object_id] = instance.label, world_box(np.array(item.box()))


def means(kinds: dict[str, KindScore]) -> dict[str, float]:
    """Means over kinds."""
    names = ("pq", "sq", "recall", "precision", "iou")
    return {
        f"mean_{name}": float(np.mean([getattr(score, name) for score in kinds.values()]))
        for name in names
    } | {"kinds": len(kinds)}


def overall(tally: PanopticTally) -> dict[str, float]:
    """Shares over all things, of whatever kind."""
    hits, missed, false = (
        sum(counts.values()) for counts in (tally.hits, tally.missed, tally.false)
    )
    return {
        "things": hits + missed,
        "recall": hits / max(hits + missed, 1),
        "precision": hits / max(hits + false, 1),
        "recall_whatever_label": sum(tally.found_anyhow.values()) / max(hits + missed, 1),
    }


def state_scores(tally: PanopticTally) -> dict[str, dict[str, float]]:
    """How often each state was told, and rightly."""
    names = sorted({name for name, _ in tally.states})
    return {
        name: {
            "right": tally.states[name, True]
            / max(tally.states[name, True] + tally.states[name, False], 1),
            "told": (tally.states[name, True] + tally.states[name, False]),
            "untold": tally.untold[name],
        }
        for name in names
    }


def lines(scores: dict[str, object], *, table: bool) -> Iterator[str]:
    """Tell the scores in words and numbers."""
    for part, values in scores.items():
        if part == "kinds" or not isinstance(values, dict):
            continue
        if part == "states":
            for name, score in values.items():
                yield f"state {name:10s} right {score['right']:.3f} of {score['told']}"
            continue
        yield part + ": " + ", ".join(f"{name} {_short(value)}" for name, value in values.items())
    if table and isinstance(kinds := scores["kinds"], dict):
        yield "kind                 things     pq  recall   prec    iou"
        for label, s in kinds.items():
            yield (
                f"{label:20s} {s['things']:6d} {s['pq']:6.2f} {s['recall']:7.2f} "
                f"{s['precision']:6.2f} {s['iou']:6.2f}"
            )


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def main(arguments: Arguments) -> None:
    """Run the benchmark and tell its scores."""
    torch.set_num_threads(1)
    scores = run(arguments)
    for line in lines(scores, table=arguments.table):
        print(line)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(scores, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Arguments))
