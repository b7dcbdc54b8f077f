"""The demo's house offers what its tasks ask for, and an outside hand can spoil them."""

from collections.abc import Iterator

import pytest

from embodied_mem.app.build import sim_config
from embodied_mem.app.demo import HOUSE, TASKS, carry_off
from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.errors import BackendError
from embodied_mem.goals import Goal, fold, parse_goal
from planners.affordances import vocabulary
from planners.grammar import parse_task


@pytest.fixture(name="sim")
def a_house() -> Iterator[HouseholdSim]:
    with HouseholdSim(sim_config(HOUSE)) as sim:
        sim.reset()
        yield sim


def goals() -> list[Goal]:
    return [parse_task(text, vocabulary()) for text in TASKS]


def test_the_house_has_four_rooms_or_more(sim: HouseholdSim):
    assert len(sim.house.rooms) >= 4


def test_the_tasks_speak_of_what_is_in_the_house_and_are_not_done_yet(sim: HouseholdSim):
    kinds = {fold(entry["objectType"]) for entry in sim.metadata["objects"]}
    for goal in goals():
        assert {term.label for term in goal.terms()} <= kinds
        assert not sim.judge(goal).complete


def test_an_outside_hand_moves_what_the_last_task_asks_for_elsewhere(sim: HouseholdSim):
    goal = goals()[-1]
    label = goal.terms()[0].label

    def places() -> dict[str, tuple]:
        objects = sim.engine.step({"action": "Pass"}).metadata["objects"]
        return {
            entry["objectId"]: tuple(entry["parentReceptacles"] or ())
            for entry in objects
            if fold(entry["objectType"]) == label
        }

    before = places()
    words = carry_off(sim, goal)
    after = places()
    changed = [name for name in before if before[name] != after[name]]
    assert len(changed) == 1
    assert after[changed[0]][0].split("|")[0] in words
    assert not sim.judge(goal).complete


def test_what_is_not_there_cannot_be_carried_off(sim: HouseholdSim):
    with pytest.raises(BackendError, match="nothing labelled 'gizmo'"):
        carry_off(sim, parse_goal("on(gizmo, sofa)"))
