"""`embodied-mem episode`: one task in one house."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from embodied_mem.app.build import (
    AgentConfig,
    BackendName,
    build_agent,
    build_backend,
    house_source,
    planner_config,
    senses,
    sim_config,
)
from embodied_mem.app.commands import Episode
from embodied_mem.app.console import Narrator, configure_logging, console, plain
from embodied_mem.backends.household.backend import HouseholdSimConfig
from embodied_mem.config import Config, load_config
from embodied_mem.errors import GoalError, MissingExtraError
from embodied_mem.goals import Goal, parse_goal
from embodied_mem.interfaces import Backend, Judge, Subscriber
from embodied_mem.memory import Memory
from embodied_mem.runtime import run_episode
from embodied_mem.runtime.judging import StatedGoal
from embodied_mem.runtime.lessons import LessonKeeper
from embodied_mem.runtime.recorders import STORE, EpisodeWriter
from embodied_mem.runtime.report import write_report
from embodied_mem.runtime.report_run import load_run
from planners.affordances import vocabulary
from planners.grammar import parse_task
from planners.language_config import LanguagePlannerConfig

if TYPE_CHECKING:
    from embodied_mem.runtime.rerun_recorder import RerunRecorder


class RunConfig(Config, frozen=True):
    """All that a run was made with; its folder's config.yaml."""

    goal: str
    max_steps: int
    backend: BackendName
    sim: HouseholdSimConfig
    agent: AgentConfig


def run_one(command: Episode) -> int:
    """Run the task, keep its record, and tell how it went; 0 when the goal was reached."""
    configure_logging()
    agent = _agent_config(command)
    goal = _goal(command, agent)
    stated = parse_goal(command.judge) if command.judge is not None else None
    config = RunConfig(
        goal=str(goal),
        max_steps=command.max_steps,
        backend=command.backend,
        sim=_sim_config(command),
        agent=agent,
    )
    folder = Path(command.out or f"runs/{time.strftime('%Y%m%d-%H%M%S')}")
    means = str(goal) if goal.atoms else "what the language model reads in it"
    console.print(f"[bold]{plain(goal.text)}[/]  means  {means}")
    with ExitStack() as stack:
        backend = build_backend(config.backend, config.sim)
        stack.callback(backend.close)
        writer = EpisodeWriter(folder, config=config)
        stack.callback(writer.close)
        memory = Memory.open(command.memory or folder / STORE, config=config.agent.memory)
        stack.callback(memory.close)
        subscribers: list[Subscriber] = [Narrator(), writer, LessonKeeper()]
        if command.rrd:
            recorder = rerun_recorder(folder / "episode.rrd")
            stack.callback(recorder.close)
            subscribers.append(recorder)
        outcome = run_episode(
            backend,
            build_agent(config.agent, memory),
            goal=goal,
            judge=_judge(stated, backend),
            max_steps=command.max_steps,
            subscribers=subscribers,
        )
    if command.report:
        page = write_report(folder / "report.html", [load_run(folder)], title=goal.text)
        console.print(f"report: {page}")
    console.print(f"record: {folder}")
    return 0 if outcome.success else 1


def rerun_recorder(path: Path) -> "RerunRecorder":
    """Open a recording for rerun's viewer.

    Raises:
        MissingExtraError: rerun is not installed.
    """
    try:
        from embodied_mem.runtime.rerun_recorder import RerunRecorder  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("a recording for rerun", "viz") from error
    return RerunRecorder(path)


def _goal(command: Episode, agent: AgentConfig) -> Goal:
    """Read the goal; words that are not understood are left to a language model, if one plans."""
    try:
        return parse_task(command.goal, vocabulary())
    except GoalError:
        if not isinstance(agent.planner, LanguagePlannerConfig):
            raise
        return Goal((), command.goal.strip())


def _judge(stated: Goal | None, backend: Backend) -> Judge | None:
    """Return who judges by what the command states; None for the goal itself."""
    if stated is None or not isinstance(backend, Judge):
        return None
    return StatedGoal(backend, stated)


def _sim_config(command: Episode) -> HouseholdSimConfig:
    config = sim_config(command.sim) if command.sim else HouseholdSimConfig()
    if command.house is not None or command.sim is None:
        source = house_source(command.house, seed=command.seed, rooms=command.rooms)
        config = msgspec.structs.replace(config, house=source)
    if command.asset_database is not None:
        config = msgspec.structs.replace(config, asset_database=command.asset_database)
    return config


def _agent_config(command: Episode) -> AgentConfig:
    if command.agent is not None:
        return load_config(command.agent, AgentConfig)
    return AgentConfig(
        perception=senses(command.perception, seed=command.seed),
        planner=planner_config(
            command.planner, command.llm_url, command.llm_model, command.llm_key_env
        ),
    )
