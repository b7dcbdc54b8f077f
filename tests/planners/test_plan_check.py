"""Plans gone through in the mind: what is wrong with them is said in a sentence each."""
# ruff: noqa: E501 - sentences stand as they are said.

from dataclasses import replace

import pytest
from believed import kitchen, names, thing
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from embodied_mem.goals import Goal, parse_goal
from planners.belief import Belief
from planners.grounding import choose, ground
from planners.permissions import IRREVERSIBLE
from planners.plan_check import CheckedPlan, check_plan
from planners.plan_reply import Condition, PlanReply, SkillCall
from planners.rehearsal import STEPS
from planners.symbolic import Solver

SKILLS = {step: skill for skill, step in STEPS.items()} | {"start": "turn_on"}


def reply(*steps: str, goal: tuple[str, ...] = ()) -> PlanReply:
    """Read `put mug_1 fridge_1` and `in mug_1 fridge_1`."""
    calls = [SkillCall(*step.split()) for step in steps]  # pyright: ignore[reportArgumentType]
    words = [atom.split() for atom in goal]
    atoms = [Condition(first, rest) for first, *rest in words]  # pyright: ignore[reportArgumentType]
    return PlanReply(goal=atoms, steps=calls)


def check(
    asked: str | Goal, *steps: str, goal: tuple[str, ...] = (), belief: Belief | None = None
) -> CheckedPlan:
    wanted = parse_goal(asked) if isinstance(asked, str) else asked
    return check_plan(reply(*steps, goal=goal), wanted, names(belief or kitchen()))


def test_a_good_plan_is_taken_as_it_is():
    steps = ("open fridge_1", "pickup apple", "put apple diningtable_1")
    plan = check("on(apple, diningtable)", *steps)
    assert plan.problems == ()
    assert [str(call) for call in plan.calls] == [
        "open(fridge_1)", "pickup(apple)", "put(apple, diningtable_1)",
    ]  # fmt: skip


def test_steps_whose_effect_is_there_already_are_left_out():
    plan = check(
        "on(mug, diningtable)", "close fridge_1", "find mug", "pickup mug", "put mug diningtable"
    )
    assert plan.problems == ()
    assert [call.skill for call in plan.calls] == ["pickup", "put"]


def test_what_is_wrong_is_said_precisely():
    table = "on(mug, diningtable)"
    held = kitchen()
    held.things["cup_1"] = replace(held.things["cup_1"], status="held", parent=None)
    held.held = "cup_1"
    told = {
        "closed": check("held(apple)", "pickup apple_1").problems,
        "hand full": check(table, "pickup mug", "put mug diningtable", belief=held).problems,
        "hand empty": check(table, "put mug_1 diningtable_1").problems,
        "no such id": check(table, "pickup mug_7").problems,
        "not known": check("held(banana)", "pickup banana").problems,
        "not known kind": check("held(bread)", "pickup bread").problems,
        "fixture": check("held(mug)", "pickup countertop_1").problems,
        "does not fit": check(table, "pickup laptop_1", "put laptop_1 sinkbasin_1").problems,
        "no place": check(table, "pickup mug", "put mug").problems,
        "on itself": check(table, "pickup mug", "put mug mug").problems,
        "no sink": check("clean(mug)", "wash mug").problems,
        "no knife": check("sliced(potato)", "slice potato").problems,
        "open microwave": check("hot(potato)", "pickup potato", "open microwave", "put potato microwave", "heat potato").problems,
        "falls short": check(f"{table} and clean(mug)", "pickup mug", "put mug diningtable").problems,
        "no steps": check(table).problems,
        "second": check("held(mug)", "pickup mug#2").problems,
    }  # fmt: skip
    assert told == snapshot(
        {
            "closed": ("step 1, pickup(apple_1): fridge_1 is closed: open it first.",),
            "hand full": (
                "step 1, pickup(mug): the hand already holds cup_1: put it somewhere first.",
            ),
            "hand empty": (
                "step 1, put(mug_1, diningtable_1): mug_1 is not in the hand: pick it up first.",
            ),
            "no such id": (
                "step 1, pickup(mug_7): there is no mug_7 in memory. Known are: mug_1.",
            ),
            "not known": (
                "step 1, pickup(banana): 'banana' is not known. Known labels: apple, countertop, cup, diningtable, faucet, fridge, knife, laptop and others.",
            ),
            "not known kind": (
                "step 1, pickup(bread): no bread is known yet: find(bread) comes first.",
            ),
            "fixture": ("step 1, pickup(countertop_1): countertop_1 cannot be picked up.",),
            "does not fit": (
                "step 2, put(laptop_1, sinkbasin_1): laptop_1 cannot be put on or in sinkbasin_1.",
            ),
            "no place": ("step 2, put(mug): `put` needs a `place`.",),
            "on itself": ("step 2, put(mug, mug): mug_1 cannot be put on or in itself.",),
            "no sink": ("step 1, wash(mug): mug_1 must be in a sink: put it there first.",),
            "no knife": ("step 1, slice(potato): a knife must be in the hand: pick one up first.",),
            "open microwave": ("step 4, heat(potato): microwave_1 is open: close it first.",),
            "falls short": (
                "after the last step this would not hold: clean(mug). Add what is missing, or end with `find` to plan on when more is known.",
            ),
            "no steps": ("there are no steps, and the goal is not reached yet.",),
            "second": ("step 1, pickup(mug#2): no mug#2 is known yet: find(mug#2) comes first.",),
        }
    )


def test_a_full_task_goes_through():
    plan = check(
        "clean(mug) and in(mug, fridge) and hot(potato)",
        "pickup mug", "put mug sinkbasin", "wash mug", "turn_off faucet", "open fridge",
        "pickup mug", "put mug fridge", "close fridge", "open microwave", "pickup potato",
        "put potato microwave", "close microwave", "heat potato",
    )  # fmt: skip
    assert plan.problems == ()


def test_what_is_to_be_found_may_be_planned_for():
    plan = check(
        "in(tomato, fridge)", "find tomato", "open fridge", "pickup tomato", "put tomato fridge"
    )
    assert plan.problems == ()
    assert not any(name.startswith("?") for name in plan.bound.values())


def test_a_plan_may_end_with_looking_but_then_it_only_looks():
    assert check("in(tomato, fridge)", "open fridge", "find tomato").problems == ()
    (problem,) = check("in(tomato, fridge)", "pickup laptop_1", "find tomato").problems
    assert problem == snapshot(
        "step 1, pickup(laptop_1): a plan that ends with `find` only looks around; leave this for later."
    )


@pytest.mark.parametrize(
    "extra",
    [
        "pickup laptop_1",
        "open microwave",
        "turn_on faucet",
        "break vase_1",
        "soil cup_2",
        "slice potato",
    ],
)
def test_a_step_that_the_goal_does_not_need_is_refused(extra: str):
    plan = check("on(mug, diningtable)", "pickup mug", "put mug diningtable", extra)
    assert any("leave it out" in p or "first" in p or "must" in p for p in plan.problems), (
        plan.problems
    )


def test_what_the_plan_opened_turned_on_or_took_may_be_set_right():
    steps = ("pickup knife", "slice potato", "put knife countertop_1")
    assert check("sliced(potato)", *steps).problems == ()


def test_what_cannot_be_undone_is_done_only_if_the_users_words_ask_for_it():
    assert check("broken(vase)", "break vase_1").problems == ()
    assert check("broken(vase)", "break laptop_1", "break vase_1").problems
    assert check("on(potato, microwave)", "open microwave", "pickup potato", "put potato microwave",
                 "close microwave", "cook potato").problems  # fmt: skip
    wish = Goal((), "smash the vase, would you")
    assert check(wish, "break vase_1", goal=("broken vase_1",)).problems == ()
    told = check(wish, "break laptop_1", goal=("broken laptop_1",)).problems
    assert "the user did not ask for a laptop that is broken" in told[0]


def test_a_goal_in_words_is_read_by_the_model_within_the_users_words():
    asked = Goal((), "put the cup that you saw last where one eats")
    steps = ("pickup cup_1", "put cup_1 diningtable")
    plan = check(asked, *steps, goal=("on cup_1 diningtable",))
    assert plan.problems == ()
    assert plan.aim.in_words() == "on(cup_1, diningtable)"
    assert check(asked, *steps).problems == (
        "`goal` must state in conditions what the user wants.",
    )
    other = check(asked, "pickup laptop_1", goal=("held laptop_1",)).problems
    assert "the user spoke of other things" in other[0]
    assert "2 terms" in check(asked, *steps, goal=("held cup_1 cup_2",)).problems[0]
    assert "itself" in check(asked, *steps, goal=("on cup_1 cup_1",)).problems[0]


def test_one_id_in_a_goal_is_one_thing_and_not_its_like():
    asked = Goal((), "put the cup that you saw last where one eats")
    plan = check(asked, "pickup cup_2", "put cup_2 countertop_1", goal=("on cup_1 countertop_1",))
    assert any("does not need it" in problem for problem in plan.problems)


@pytest.mark.parametrize(
    "goal",
    ["in(mug, fridge) and clean(mug)", "hot(potato) and on(potato, diningtable)", "sliced(apple)"],
)
def test_the_symbolic_planners_plans_are_found_good(goal: str):
    belief, asked = kitchen(), parse_goal(goal)
    choice = choose(asked, belief, lambda t: float(t.center[0]))
    problem = ground(choice, belief, asked, belief.things["countertop_1"].center[:2])
    steps = Solver().solve(problem)
    assert steps
    calls = [
        f"{SKILLS[s.name]} {s.arguments[0]} {s.arguments[1] if s.name == 'put' else ''}"
        for s in steps
        if s.name != "goto"
    ]
    assert check(asked, *calls).problems == ()


IDS = st.sampled_from(
    [*kitchen().things, "mug", "cup#2", "tomato", "ghost_1", "floor", "here", "?mug"]
)
CALLS = st.builds(
    SkillCall, skill=st.sampled_from([*STEPS, "find", "goto"]), object=IDS, place=st.one_of(st.just(""), IDS)
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    st.lists(CALLS, max_size=8),
    st.sampled_from(["in(cup, sinkbasin)", "clean(mug)", "held(laptop)"]),
)
def test_no_plan_that_is_taken_does_what_was_not_asked_for(calls: list[SkillCall], goal: str):
    belief = kitchen(thing("tennisball_1", "countertop_1"))
    plan = check_plan(PlanReply(goal=[], steps=calls), parse_goal(goal), names(belief))
    if not plan.problems:
        assert not {call.skill for call in plan.calls} & IRREVERSIBLE.keys()
        assert not any("ghost" in call.object + call.place for call in plan.calls)
