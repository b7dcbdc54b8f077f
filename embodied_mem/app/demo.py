"""`embodied-mem demo`: does an agent do better because it remembers?"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from embodied_mem.app.build import AgentConfig, agents_for_tasks, senses, sim_config
from embodied_mem.app.commands import Demo
from embodied_mem.app.console import Narrator, configure_logging, console, outcome_table
from embodied_mem.app.episode import rerun_recorder
from embodied_mem.app.suite import episode_row, tasks_of
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import can_hold
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.config import Config
from embodied_mem.errors import BackendError, MissingExtraError
from embodied_mem.goals import Goal, fold
from embodied_mem.interfaces import Subscriber
from embodied_mem.memory import Memory
from embodied_mem.runtime.metrics import EpisodeRow, Summary, summarise
from embodied_mem.runtime.recorders import METRICS, STORE, EpisodeWriter
from embodied_mem.runtime.report import write_report
from embodied_mem.runtime.report_run import load_run
from embodied_mem.runtime.sequence import run_tasks
from planners.affordances import vocabulary
from planners.grammar import parse_task

if TYPE_CHECKING:
    from embodied_mem.runtime.rerun_recorder import RerunRecorder

HOUSE = "household/demo_house"
"""The usual house: five rooms."""

TASKS = (
    "put an apple in the fridge",
    "put the keychain on the dining table",
    "bring the remote control to the desk",
)
"""The usual tasks. What the third one asks for is carried off before it begins."""

CONDITIONS = {"with memory": True, "memory cleared": False}
"""Whether memory lasts from task to task, by the name of the run."""


class DemoConfig(Config, frozen=True):
    """All that a run was made with; its folder's config.yaml."""

    goals: tuple[str, ...]
    keep_memory: bool
    max_steps: int
    sim: HouseholdSimConfig
    agent: AgentConfig


def run_demo(command: Demo) -> int:
    """Run both conditions, print them side by side, write the report; 0 when both ran.

    Raises:
        GoalError: A house of another seed offers no three tasks.
    """
    configure_logging()
    sim, goals = _house_and_tasks(command)
    out = Path(command.out)
    for name in CONDITIONS:
        _clear(out / _folder(name))
    console.print(f"[bold]Three tasks in a row in one house[/] ({_describe(sim)})")
    rows: list[EpisodeRow] = []
    for name, keep in CONDITIONS.items():
        config = DemoConfig(
            goals=tuple(map(str, goals)),
            keep_memory=keep,
            max_steps=command.max_steps,
            sim=sim,
            agent=AgentConfig(perception=senses(command.perception)),
        )
        console.rule(f"[bold]{name}", align="left")
        rows += _run_condition(name, config, goals, out / _folder(name), rrd=command.rrd)
    console.rule(align="left")
    console.print(outcome_table(rows, "Three tasks, with memory and with memory cleared between"))
    page = write_report(
        out / "report.html",
        [load_run(out / _folder(name), name) for name in CONDITIONS],
        title="embodied-mem: three tasks in one house, with memory and without",
        subtitle=f"{_describe(sim)}. Before the third task an outside hand carries off what it "
        "asks for. Both runs start from nothing; one keeps its memory from task to task.",
    )
    console.print(f"report:    {page}")
    for name in CONDITIONS:
        recording = out / f"{_folder(name)}.rrd"
        if recording.is_file():
            console.print(f"recording: {recording}")
    console.print(_verdict(summarise(rows)))
    return 0


def _house_and_tasks(command: Demo) -> tuple[HouseholdSimConfig, tuple[Goal, ...]]:
    sim = sim_config(HOUSE)
    if command.seed is None:
        return sim, tuple(parse_task(text, vocabulary()) for text in TASKS)
    sim = msgspec.structs.replace(sim, house=HouseSource(seed=command.seed, rooms=sim.house.rooms))
    return sim, tasks_of(sim, len(TASKS), command.seed)


def _describe(sim: HouseholdSimConfig) -> str:
    rooms = f"{sim.house.rooms} rooms" if sim.house.rooms else "as many rooms as it likes"
    return f"generated house, {rooms}, seed {sim.house.seed}"


def _folder(name: str) -> str:
    return name.replace(" ", "_")


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left there, and nothing else.

    Raises:
        BackendError: The folder holds something that no demo wrote.
    """
    if not folder.exists():
        return
    if not (folder / METRICS).is_file():
        raise BackendError(f"{folder} is in the way and no demo wrote it. Choose another --out.")
    shutil.rmtree(folder)


def _run_condition(
    name: str, config: DemoConfig, goals: Sequence[Goal], folder: Path, *, rrd: bool
) -> list[EpisodeRow]:
    """Run the tasks under one condition, recording everything."""
    rows: list[EpisodeRow] = []
    with ExitStack() as stack:
        sim = stack.enter_context(HouseholdSim(config.sim))
        writer = EpisodeWriter(folder, config=config)
        stack.callback(writer.close)
        memory = Memory.open(folder / STORE, config=config.agent.memory)
        stack.callback(memory.close)
        subscribers: list[Subscriber] = [Narrator(), writer]
        if rrd and (recorder := _recorder(folder.with_suffix(".rrd"))):
            stack.callback(recorder.close)
            subscribers.append(recorder)

        def between(number: int) -> None:
            if number == len(goals) - 1:
                console.print(f"  [magenta]an outside hand:[/] {carry_off(sim, goals[number])}")
            _announce(goals, number)

        _announce(goals, 0)
        outcomes = run_tasks(
            sim,
            agents_for_tasks(config.agent, memory, keep_memory=config.keep_memory),
            goals,
            max_steps=config.max_steps,
            subscribers=subscribers,
            between=between,
        )
        for number, outcome in enumerate(outcomes):
            row = episode_row(outcome, group=name, task=str(number))
            rows.append(msgspec.structs.replace(row, goal=outcome.goal.text or str(outcome.goal)))
    return rows


def _announce(goals: Sequence[Goal], number: int) -> None:
    goal = goals[number]
    console.print(f"  [bold]{number + 1}. {goal.text or goal}[/]")


def _recorder(path: Path) -> "RerunRecorder | None":
    """Open a recording, where rerun is installed."""
    try:
        return rerun_recorder(path)
    except MissingExtraError as error:
        console.print(f"[dim]no recording: {error}[/]")
        return None


def carry_off(sim: HouseholdSim, goal: Goal) -> str:
    """Move one object that a goal speaks of to another receptacle, as an outside hand.

    The nearest other place of its kind that has room is taken: open, not what the goal asks for.

    Args:
        sim: The world.
        goal: Its first term names what is moved.

    Returns:
        What was moved, and where to.

    Raises:
        BackendError: There is nothing to move, or nowhere to put it.
    """
    objects = {entry["objectId"]: entry for entry in sim.metadata["objects"]}
    wanted = {term.label for term in goal.terms()}
    label = goal.terms()[0].label
    movable = [
        entry
        for entry in objects.values()
        if fold(entry["objectType"]) == label and entry["pickupable"] and not entry["isPickedUp"]
    ]
    for entry in movable:
        places = [
            place
            for place in objects.values()
            if place["receptacle"]
            and not place["openable"]
            and not place["pickupable"]
            and place["objectId"] not in (entry["parentReceptacles"] or ())
            and fold(place["objectType"]) not in wanted
            and can_hold(place["objectType"], entry["objectType"])
        ]
        for place in sorted(places, key=lambda p: _gap(p, entry)):
            if sim.relocate(entry["objectId"], place["objectId"]):
                return f"the {entry['objectType']} is now on the {place['objectType']}"
    raise BackendError(f"nothing labelled '{label}' can be carried to another place in this house.")


def _gap(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return the horizontal distance of two objects [m]."""
    a, b = one["position"], other["position"]
    return ((a["x"] - b["x"]) ** 2 + (a["z"] - b["z"]) ** 2) ** 0.5


def _verdict(summaries: Sequence[Summary]) -> str:
    kept, cleared = summaries
    n = kept.episodes
    return (
        f"[bold]result:[/] with memory {kept.success_rate * n:.0f} of {n} tasks in "
        f"{kept.steps * n:.0f} steps, {kept.exploration_steps * n:.0f} of them exploring, "
        f"{kept.seconds * n:.0f} s; cleared {cleared.success_rate * n:.0f} of {n} in "
        f"{cleared.steps * n:.0f} steps, {cleared.exploration_steps * n:.0f} exploring, "
        f"{cleared.seconds * n:.0f} s."
    )
