"""Does the third repetition of a task type cost less than the first? Each time in another house.

Every sequence is one kind of task (`on(mug, coffeetable)`), done once in each of several generated
houses with an empty memory, so that nothing but experience can be of use. All conditions do the
same tasks in the same houses:

- none: no experience.
- kept: each episode's record is learnt from.
- poisoned: as kept, with forged records among them from the start.

Two kinds of houses: `usual`, as generated, where things lie where the planner's own catalogue
expects them; `habit`, where the household keeps that thing in a place that the catalogue does not
expect, the same kind of place in all its houses.

Run `python benchmarks/experience.py [--sequences N] [--out FILE]`; prints means with 95 % bootstrap
intervals over sequences. A file that exists is gone on with.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.task_kinds import Stock, Task
from embodied_mem.goals import fold, parse_goal
from embodied_mem.interfaces import Outcome
from embodied_mem.memory import Memory
from embodied_mem.memory.episodes import EpisodeRecord, Look, task_type
from embodied_mem.memory.experience import Experience
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.runtime.lessons import LessonKeeper
from embodied_mem.types import PASS
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
from planners.symbolic_planner import SymbolicPlanner

HABITS = (
    ("mug", "coffeetable", "fridge"),
    ("plate", "coffeetable", "fridge"),
    ("cup", "diningtable", "fridge"),
    ("bowl", "coffeetable", "fridge"),
    ("pan", "diningtable", "fridge"),
    ("mug", "diningtable", "fridge"),
)
"""What is asked for, where it shall go, and where the household keeps it."""

CONDITIONS = ("none", "kept", "poisoned")
FORGED = 3
"""Forged records in the poisoned condition."""
REPETITIONS = 4
MEASURES = ("steps", "exploration", "failed", "success")
ROOMS = 2
MAX_STEPS = 250


def houses(
    label: str, place: str, keeps: str | None, first_seed: int
) -> Iterator[Callable[[], HouseholdSim]]:
    """Yield ways to start houses in which a task can be done, one after another."""
    goal = parse_goal(f"on({label}, {place})")
    for seed in range(first_seed, first_seed + 200):
        house = generate_house(seed, GeneratorConfig(rooms=ROOMS))

        def start(house=house) -> HouseholdSim:
            sim = HouseholdSim(house=house)
            sim.reset()
            return sim

        def start_kept(house=house) -> HouseholdSim:
            sim = start(house)
            assert keeps is not None
            keep_in(sim, label, keeps)
            return sim

        with start() as sim:
            possible = can_be_done(sim, label, place, keeps)
            possible = possible and (keeps is None or keep_in(sim, label, keeps))
            possible = possible and not sim.judge(goal).complete
            possible = possible and (keeps is None or seen_when_open(sim, label, keeps))
        if possible:
            yield start if keeps is None else start_kept


def can_be_done(sim: HouseholdSim, label: str, place: str, keeps: str | None) -> bool:
    """Tell whether the thing and the places are there, can be got at, and there is room."""
    stock = Stock(sim.engine)
    things = tuple(item for item in stock.items if fold(item.type_name) == label)
    tables = tuple(item for item in stock.items if fold(item.type_name) == place)
    task = Task(
        kind="put", goal=parse_goal(f"on({label}, {place})"), places=((things[:1], tables),)
    )
    kept = keeps is None or any(fold(item.type_name) == keeps for item in stock.items)
    return bool(things) and bool(tables) and kept and stock.allows(task)


def keep_in(sim: HouseholdSim, label: str, keeps: str) -> bool:
    """Move all things of a kind into places of a kind; tell whether all found room."""
    objects = sim.engine.look().metadata["objects"]
    things = sorted(o["objectId"] for o in objects if fold(o["objectType"]) == label)
    places = sorted(o["objectId"] for o in objects if fold(o["objectType"]) == keeps)
    return bool(things) and all(
        any(sim.relocate(thing, place) for place in places) for thing in things
    )


def seen_when_open(sim: HouseholdSim, label: str, keeps: str) -> bool:
    """Open all places of a kind, and tell whether a thing of a kind can then be seen and got at."""
    for entry in sim.engine.look().metadata["objects"]:
        if fold(entry["objectType"]) == keeps and entry["openable"]:
            command = {"action": "OpenObject", "objectId": entry["objectId"], "forceAction": True}
            sim.engine.step(command)
    return any(fold(item.type_name) == label for item in Stock(sim.engine).items)


def forged(label: str, goal: str, number: int) -> EpisodeRecord:
    """Return a record that claims great success with looking in a silly place."""
    return EpisodeRecord(
        goal=goal,
        task=task_type(parse_goal(goal)),
        success=True,
        steps=5,
        exploration_steps=1,
        failed_actions=0,
        plan=(f"PickupObject {label}",),
        looks=(
            Look(wanted=label, at="toilet", times=9, shown=9),
            Look(wanted=label, at="bathtub", times=9, shown=9),
        ),
        source=f"forged {number}",
    )


def episode(
    start: Callable[[], HouseholdSim], goal: str, experience: Experience | None, source: str
) -> tuple[Outcome, EpisodeRecord]:
    """Do a task in a house that is new to the agent; return how it went and its record."""
    memory = Memory()
    for record in experience.records if experience is not None else ():
        memory.experience.learn(record)
    agent = Agent(perceive=Pipeline(OracleConfig()), memory=memory, planner=SymbolicPlanner())
    with start() as sim:
        outcome = run_episode(
            sim,
            agent,
            goal=goal,
            max_steps=MAX_STEPS,
            start=sim.step(PASS),  # A reset would undo what the household keeps where.
            subscribers=[LessonKeeper(source=source)],
        )
    return outcome, memory.experience.records[-1]


def run_sequence(number: int, *, habit: bool, poisoned: bool) -> Iterator[dict]:
    """Run one sequence under all conditions; yield a row for each episode."""
    label, place, keeps = HABITS[number % len(HABITS)]
    goal = f"on({label}, {place})"
    pools = {condition: Experience() for condition in conditions(poisoned)}
    for index in range(FORGED if poisoned else 0):
        pools["poisoned"].learn(forged(label, goal, index))
    first = 10_000 + 500 * number
    found = houses(label, place, keeps if habit else None, first)
    for repetition, start in zip(range(REPETITIONS), found, strict=False):
        first_row: dict | None = None
        for condition, pool in pools.items():
            if first_row is not None and repetition == 0 and condition == "kept":
                pool.learn(pools["none"].records[-1])  # No experience yet: the same episode.
                yield first_row | {"condition": condition}
                continue
            outcome, record = episode(
                start, goal, pool if condition != "none" else None, f"house {repetition}"
            )
            pool.learn(record)
            row = {
                "houses": "habit" if habit else "usual",
                "sequence": number,
                "goal": goal,
                "repetition": repetition + 1,
                "condition": condition,
                "steps": outcome.steps,
                "exploration": outcome.exploration_steps,
                "failed": outcome.failed_actions,
                "success": int(outcome.success),
                "looks": [[x.wanted, x.at, x.times, x.shown] for x in record.looks],
                "reason": outcome.reason,
            }
            first_row = first_row or row
            yield row


def conditions(poisoned: bool) -> tuple[str, ...]:  # noqa: FBT001
    """Return what is compared."""
    return CONDITIONS if poisoned else CONDITIONS[:2]


def interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the mean and its 95 % bootstrap interval over sequences."""
    draws = values[rng.integers(0, len(values), (4000, len(values)))].mean(axis=1)
    low, high = np.percentile(draws, (2.5, 97.5))
    return float(values.mean()), float(low), float(high)


def table(rows: list[dict]) -> str:
    """Return the means by kind of house, condition and repetition, and what experience saves."""
    rng = np.random.default_rng(0)
    lines = []
    for kind in dict.fromkeys(row["houses"] for row in rows):
        of_kind = [row for row in rows if row["houses"] == kind]
        whole = [s for s in {r["sequence"] for r in of_kind} if _is_whole(of_kind, s)]
        lines.append(f"{kind}: {len(whole)} sequences")
        lines.append(f"{'':10}{'':4}" + "".join(f"{m:>28}" for m in MEASURES))
        for condition in conditions(_has_poisoned(of_kind)):
            for repetition in range(1, REPETITIONS + 1):
                cells = [
                    _values(of_kind, whole, condition, repetition, measure) for measure in MEASURES
                ]
                texts = ["{:.1f} [{:.1f}, {:.1f}]".format(*interval(c, rng)) for c in cells]
                lines.append(f"{condition:10}{repetition:4}" + "".join(f"{t:>28}" for t in texts))
        lines += [
            _saved(of_kind, whole, c, m, rng)
            for c in conditions(_has_poisoned(of_kind))[1:]
            for m in MEASURES[:2]
        ]
    return "\n".join(lines)


def _saved(
    rows: list[dict], whole: list[int], condition: str, measure: str, rng: np.random.Generator
) -> str:
    """Return the paired difference to no experience from the third repetition on."""
    late = [
        _values(rows, whole, c, repetition, measure)
        for c in (condition, "none")
        for repetition in (3, 4)
    ]
    with_it, without = (late[0] + late[1]) / 2, (late[2] + late[3]) / 2
    mean, low, high = interval(with_it - without, rng)
    share = with_it.sum() / max(without.sum(), 1)
    return (
        f"  {condition} minus none, {measure}, repetitions 3 and 4, same houses: "
        f"{mean:+.1f} [{low:+.1f}, {high:+.1f}], ratio {share:.2f}"
    )


def _values(
    rows: list[dict], whole: list[int], condition: str, repetition: int, measure: str
) -> np.ndarray:
    found = {
        row["sequence"]: row[measure]
        for row in rows
        if row["condition"] == condition and row["repetition"] == repetition
    }
    return np.array([found[s] for s in sorted(whole)], float)


def _has_poisoned(rows: list[dict]) -> bool:
    return any(row["condition"] == "poisoned" for row in rows)


def _is_whole(rows: list[dict], sequence: int) -> bool:
    return sum(row["sequence"] == sequence for row in rows) == REPETITIONS * len(
        conditions(_has_poisoned(rows))
    )


def main() -> None:
    """Run what is not yet in the file, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=len(HABITS))
    parser.add_argument("--houses", choices=("habit", "usual", "both"), default="both")
    parser.add_argument("--poisoned", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/experience.jsonl"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    if options.out.exists():
        rows = [json.loads(line) for line in options.out.read_text().splitlines()]
    kinds = ("habit", "usual") if options.houses == "both" else (options.houses,)
    with options.out.open("a") as file:
        for number in range(options.sequences):
            for kind in kinds:
                mine = [r for r in rows if (r["houses"], r["sequence"]) == (kind, number)]
                if mine and _is_whole(mine, number):
                    continue
                rows = [r for r in rows if (r["houses"], r["sequence"]) != (kind, number)]
                for row in run_sequence(number, habit=kind == "habit", poisoned=options.poisoned):
                    print(json.dumps(row), flush=True)
                    rows.append(row)
                done = [r for r in rows if (r["houses"], r["sequence"]) == (kind, number)]
                file.writelines(json.dumps(row) + "\n" for row in done)
                file.flush()
    print(table(rows))


if __name__ == "__main__":
    main()
