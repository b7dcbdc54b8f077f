"""The loop."""

import signal

import numpy as np
import pytest
from box_backend import BoxBackend, ScriptedPlanner, box_percept, decision, look_round

from embodied_mem.errors import BackendError, GoalError, PlanningError
from embodied_mem.goals import parse_goal
from embodied_mem.interfaces import Decision, Outcome, Planner, Step, Subscriber
from embodied_mem.memory import Memory
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.runtime.interrupts import deferred_interrupts
from embodied_mem.runtime.sequence import run_tasks
from embodied_mem.types import Percept

LAMP = parse_goal("on(floorlamp)")


class Witness:
    """Writes down what it is told."""

    def __init__(self):
        self.told: list[str] = []
        self.seen: list[tuple[str, int]] = []
        self.outcome: Outcome | None = None

    def on_start(self, goal, memory: Memory) -> None:
        self.told.append(f"start {goal}")

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:
        self.told.append(decision.action.name)
        assert memory.latest is percept
        self.seen.append((decision.action.name, len(percept)))

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        self.told.append("end")
        self.outcome = outcome


def agent(script: list[Decision], memory: Memory | None = None) -> Agent:
    return Agent(
        perceive=box_percept,
        memory=memory if memory is not None else Memory(),
        planner=ScriptedPlanner(script),
    )


def turn_to_lamp() -> list[Decision]:
    turns = [decision("RotateRight", "navigate", "turn to the lamp") for _ in range(2)]
    return [*turns, decision("ToggleObjectOn", reason="switch it on", x=0.5, y=0.5)]


def test_the_helpers_fit_the_protocols():
    assert isinstance(ScriptedPlanner([]), Planner)
    assert isinstance(Witness(), Subscriber)


def test_an_episode_ends_with_done_and_counts_what_was_done():
    backend, witness = BoxBackend(), Witness()
    script = [*look_round(2), decision("MoveAhead", "navigate"), decision("Levitate")]
    outcome = run_episode(backend, agent(script), goal="on(floorlamp)", subscribers=[witness])
    assert backend.calls == ["reset", "RotateLeft", "RotateLeft", "MoveAhead", "Levitate"]
    assert (outcome.steps, outcome.failed_actions, outcome.exploration_steps) == (4, 1, 2)
    assert outcome.path_length == pytest.approx(0.25)
    assert outcome.reason == "the script is over"
    assert not outcome.success
    assert (outcome.progress.met, outcome.progress.total) == (0, 1)
    assert witness.told == [
        "start on(floorlamp)", "RotateLeft", "RotateLeft", "MoveAhead", "Levitate", "Done", "end",
    ]  # fmt: skip
    assert witness.outcome is outcome


def test_the_planner_hears_how_its_last_action_went():
    planner = ScriptedPlanner([decision("Levitate"), decision("RotateLeft")])
    acting = Agent(perceive=box_percept, memory=Memory(), planner=planner)
    run_episode(BoxBackend(), acting, goal=LAMP)
    assert planner.heard == [(True, ""), (False, "Invalid action: Levitate"), (True, "")]


def test_the_world_is_judged_by_the_backend_or_by_who_is_asked():
    backend = BoxBackend()
    backend.reset()
    for name in ("lamp",):
        backend.world.things[name].attributes["on"] = True
    start = Step(frame=backend.frame())
    assert run_episode(backend, agent([]), goal=LAMP, start=start).success
    other = BoxBackend()
    outcome = run_episode(backend, agent([]), goal=LAMP, judge=other, start=start)
    assert not outcome.success


def test_without_a_judge_nothing_counts_as_reached():
    class Recording:
        """Frames without truth."""

        def __init__(self):
            self.inner = BoxBackend()
            self.left = 3

        def reset(self) -> Step:
            return self.inner.reset()

        def step(self, action) -> Step:
            self.left -= 1
            return Step(frame=self.inner.frame(), done=self.left == 0)

        def close(self) -> None:
            pass

    memory = Memory()
    outcome = run_episode(Recording(), agent(look_round(), memory), goal=LAMP)
    assert not outcome.success
    assert outcome.steps == 3
    assert outcome.reason == "the backend has nothing more to show"
    assert memory.frame == 4  # The last frame was taken in too.


def test_the_budget_ends_an_episode_with_its_last_frame_remembered():
    memory = Memory()
    outcome = run_episode(BoxBackend(), agent(look_round(), memory), goal=LAMP, max_steps=5)
    assert outcome.steps == 5
    assert outcome.reason == "the budget of 5 steps is spent"
    assert memory.frame == 6


def test_an_episode_may_go_on_from_a_step_without_a_reset():
    backend = BoxBackend()
    start = backend.reset()
    backend.calls.clear()
    run_episode(backend, agent([decision("RotateLeft")]), goal=LAMP, start=start)
    assert backend.calls == ["RotateLeft"]


def test_ctrl_c_is_told_to_all_who_watch_and_goes_on_to_the_caller():
    class Impatient(Witness):
        def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:
            super().on_step(step, percept, decision, memory)
            if len(self.seen) == 3:
                raise KeyboardInterrupt

    first, second = Witness(), Impatient()
    with pytest.raises(KeyboardInterrupt):
        run_episode(BoxBackend(), agent(look_round()), goal=LAMP, subscribers=[first, second])
    for witness in (first, second):
        assert witness.outcome is not None
        assert witness.outcome.reason == "interrupted"
        assert witness.outcome.steps == 2
        assert not witness.outcome.success


def test_a_signal_waits_until_the_step_is_in_memory():
    memory = Memory()

    class Hasty(BoxBackend):
        def step(self, action) -> Step:
            if len(self.calls) == 3:
                signal.raise_signal(signal.SIGINT)
                self.calls.append("went on")
            return super().step(action)

    backend, witness = Hasty(), Witness()
    with pytest.raises(KeyboardInterrupt):
        run_episode(backend, agent(look_round(), memory), goal=LAMP, subscribers=[witness])
    assert backend.calls == ["reset", "RotateLeft", "RotateLeft", "went on", "RotateLeft"]
    assert memory.frame == 4
    assert witness.outcome is not None
    assert witness.outcome.reason == "interrupted"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_does_not_wait():
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one should have ended this")


def test_a_signal_that_nobody_asked_about_is_raised_at_the_end():
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():
        signal.raise_signal(signal.SIGINT)


def test_a_dead_backend_is_told_and_goes_on_to_the_caller():
    witness = Witness()
    backend = BoxBackend(breaks_after=2)
    with pytest.raises(BackendError):
        run_episode(backend, agent(look_round()), goal=LAMP, subscribers=[witness])
    assert witness.outcome is not None
    assert witness.outcome.reason == "failed: the simulator is gone."


def test_a_failing_planner_is_an_outcome():
    class Stuck(ScriptedPlanner):
        def act(self, memory, *, succeeded, message) -> Decision:
            raise PlanningError("the engine is stuck.")

    acting = Agent(perceive=box_percept, memory=Memory(), planner=Stuck([]))
    outcome = run_episode(BoxBackend(), acting, goal=LAMP)
    assert outcome.reason == "the planner failed: the engine is stuck."


def test_a_goal_that_cannot_be_read_stops_before_anything_happens():
    backend = BoxBackend()
    with pytest.raises(GoalError):
        run_episode(backend, agent([]), goal="make me happy")
    assert backend.calls == []


def test_tasks_go_on_in_one_world_and_each_has_its_agent():
    backend, told = BoxBackend(), []
    agents = [agent(look_round(n + 1)) for n in range(3)]
    outcomes = run_tasks(
        backend,
        lambda n: told.append(f"agent {n}") or agents[n],
        [LAMP, LAMP, LAMP],
        between=lambda n: told.append(f"between {n}"),
    )
    assert [outcome.steps for outcome in outcomes] == [1, 2, 3]
    assert backend.calls.count("reset") == 1
    assert backend.calls.count("Pass") == 2
    assert told == ["agent 0", "between 1", "agent 1", "between 2", "agent 2"]


def test_switching_a_lamp_on_is_success():
    backend = BoxBackend()
    backend.world.things["lamp"].center = (1.0, -1.0, 0.8)
    lamp = np.arctan2(0.5, 2.0)
    backend.reset()
    backend.pose = (-1.0, -1.5, float(lamp))
    script = [decision("ToggleObjectOn", x=0.5, y=0.5)]
    outcome = run_episode(backend, agent(script), goal=LAMP, start=Step(frame=backend.frame()))
    assert outcome.success
    assert outcome.progress.complete
