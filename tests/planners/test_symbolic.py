"""Plans are carried out on a model of the household that was written without the planner's."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from household_model import Household
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.errors import PlanningError
from embodied_mem.goals import parse_goal
from planners.grounding import choose, ground, missing, tidy
from planners.symbolic import PlanStep, Problem, Solver, useful_schemas


def kitchen() -> Household:
    house = Household()
    house.add("countertop1", (2.0, 0.0))
    house.add("countertop2", (4.5, 0.0))
    house.add("diningtable1", (5.0, 3.0))
    house.add("coffeetable1", (8.0, 1.0))
    house.add("fridge1", (3.0, 0.0), open=False)
    house.add("microwave1", parent="countertop2", open=False, on=False)
    house.add("sink1", (4.0, 0.0))
    house.add("faucet1", parent="sink1", on=False)
    house.add("apple1", parent="diningtable1", temperature="RoomTemp")
    house.add("tomato1", parent="fridge1", temperature="Cold")
    house.add("potato1", parent="fridge1", temperature="Cold")
    house.add("mug1", parent="diningtable1", dirty=True, filled=False)
    house.add("mug2", parent="countertop1", dirty=True, filled=True)
    house.add("plate1", parent="diningtable1", dirty=False)
    house.add("knife1", parent="countertop1")
    house.add("desklamp1", (7.0, 7.0), on=False)
    house.add("laptop1", parent="coffeetable1", open=False, on=False)
    return house


def plan_for(house: Household, text: str) -> tuple[PlanStep, ...] | None:
    goal, belief = parse_goal(text), house.belief()
    here = np.array(house.at)
    choice = choose(goal, belief, lambda t: float(np.hypot(*(t.center[:2] - here))))
    assert missing(choice, belief) == []
    return Solver().solve(ground(choice, belief, goal, here))


GOALS = (
    "on(apple, countertop)",
    "in(apple, fridge) and closed(fridge)",
    "cold(apple) and on(apple, countertop)",
    "hot(potato) and on(potato, diningtable)",
    "cooked(potato)",
    "clean(mug) and in(mug, fridge)",
    "filled(mug)",
    "empty(mug) and on(mug, coffeetable)",
    "2 on(mug, coffeetable)",
    "sliced(apple) and on(apple, plate)",
    "on(apple, plate) and on(plate, coffeetable)",
    "on(desklamp) and off(laptop) and open(laptop)",
    "held(tomato)",
    "clean(mug) and clean(mug#2)",
    "sliced(tomato) and cold(apple) and on(laptop)",
)


@pytest.mark.parametrize("text", GOALS)
def test_plans_reach_their_goal_by_the_rules_of_the_house(text: str):
    house = kitchen()
    steps = plan_for(house, text)
    assert steps is not None
    for step in steps:
        house.do(step)
    goal, belief = parse_goal(text), house.belief()
    assert choose(goal, belief, lambda _: 0.0).unmet == ()


@settings(max_examples=5, deadline=None)
@given(st.data())
def test_a_new_plan_works_after_the_world_was_changed(data: st.DataObject):
    text = data.draw(st.sampled_from(GOALS[:8]))
    house = kitchen()
    steps = plan_for(house, text) or ()
    done = data.draw(st.integers(0, len(steps)))
    for step in steps[:done]:
        house.do(step)
    if house.hand is not None and data.draw(st.booleans()):
        house.things[house.hand].parent, house.things[house.hand].place = None, (6.0, 6.0)
        house.hand = None
    house.things["fridge1"].states["open"] = data.draw(st.booleans())
    for step in plan_for(house, text) or ():
        house.do(step)
    assert choose(parse_goal(text), house.belief(), lambda _: 0.0).unmet == ()


def test_the_nearest_of_several_is_taken():
    steps = plan_for(kitchen(), "on(mug, coffeetable)") or ()
    assert [step.arguments[0] for step in steps if step.name == "pickup"] == ["mug2"]


@pytest.mark.parametrize("text", GOALS)
def test_tidied_plans_work_too_and_leave_no_door_open_behind(text: str):
    house = kitchen()
    steps = tidy(plan_for(house, text) or (), {"fridge1"})
    for step in steps:
        if step.name == "goto":
            assert not house.things["fridge1"].states["open"] or fridge_is_needed(steps, step)
        house.do(step)
    assert choose(parse_goal(text), house.belief(), lambda _: 0.0).unmet == ()


def fridge_is_needed(steps: tuple[PlanStep, ...], step: PlanStep) -> bool:
    later = steps[steps.index(step) + 1 :]
    return any("fridge1" in s.arguments for s in later if s.name != "goto")


def test_what_cannot_be_has_no_plan():
    house = kitchen()
    del house.things["knife1"]
    goal, belief = parse_goal("sliced(apple)"), house.belief()
    choice = choose(goal, belief, lambda _: 0.0)
    assert missing(choice, belief) == [frozenset(("knife", "butterknife"))]
    assert Solver().solve(ground(choice, belief, goal, np.zeros(2))) is None


def test_a_broken_engine_is_one_clear_sentence():
    problem = Problem(objects=("here",), facts=frozenset(), goals=((("held", "here"), True),))
    with pytest.raises(PlanningError, match="no-such-engine could not be run"):
        Solver(engine="no-such-engine").solve(problem)


def test_only_actions_that_help_are_told_to_the_engine():
    house = kitchen()
    goal, belief = parse_goal("on(apple, coffeetable)"), house.belief()
    choice = choose(goal, belief, lambda _: 0.0)
    names = {s.name for s in useful_schemas(ground(choice, belief, goal, np.zeros(2)))}
    assert {"goto", "pickup", "put"} <= names
    assert not names & {"wash", "heat", "slice", "fry"}


def test_planners_side_by_side_in_one_folder_solve_their_own_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    problems = [
        Problem(
            objects=("here", name),
            facts=frozenset({("at", "here"), ("toggleable", name), ("accessible", name),
                             ("spot", name), ("spot", "here"), ("located", name, name)}),
            goals=((("running", name), True),),
        )
        for name in (f"lamp_{i}" for i in range(6))
    ]  # fmt: skip
    with ThreadPoolExecutor(3) as pool:
        plans = list(pool.map(Solver().solve, problems))
    for problem, plan in zip(problems, plans, strict=True):
        assert plan is not None
        assert {word for step in plan for word in step.arguments} <= set(problem.objects)
        assert problem.objects[1] in plan[-1].arguments
    assert not list(tmp_path.iterdir())


def test_running_water_is_turned_off_before_a_cup_below_it_is_emptied():
    steps = (PlanStep("empty", ("mug1", "sinkbasin1")),)
    wet = {"mug1": "faucet1"}
    off = PlanStep("switch_off", ("faucet1", "faucet1"))
    assert tidy(steps, set(), wet) == (off, *steps)
    assert tidy(steps, set()) == steps
