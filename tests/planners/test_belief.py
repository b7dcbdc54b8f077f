"""What is believed: candidates, conditions, bindings, and effects that were not seen."""

from dataclasses import replace

import numpy as np
import pytest
from household_model import Household

from embodied_mem.goals import Atom, Term, parse_goal
from embodied_mem.memory import Known, Memory
from planners.belief import Assumptions, Belief
from planners.grounding import choose, ground, missing


def known(name: str, last_seen: float = 1.0, **attributes) -> Known:
    return Known(
        object_id=name,
        label="Mug",
        label_scores={"Mug": 1.0},
        box=np.array([[0.0, 0.0, 0.0], [0.1, 0.1, 0.1]]),
        feature=np.zeros(4, np.float32),
        attributes=attributes,
        first_seen=0.0,
        last_seen=last_seen,
    )


class MemoryOf(Memory):
    """A memory that knows certain things."""

    def __init__(self, things: list[Known]):
        super().__init__()
        self.things = things

    def known(self) -> tuple[Known, ...]:
        return tuple(self.things)


def house() -> Household:
    found = Household()
    found.add("diningtable1", (0.0, 0.0))
    found.add("fridge1", (5.0, 0.0), open=False)
    found.add("plate1", parent="diningtable1")
    found.add("apple1", parent="plate1")
    found.add("mug1", parent="diningtable1", dirty=True)
    found.add("mug2", (9.0, 0.0), dirty=False)
    return found


def holds(home: Household, predicate: str, *names: str) -> bool:
    atom = Atom(predicate, tuple(Term(home.things[n].label) for n in names))
    return home.belief().holds(atom, names)


def test_what_lies_on_a_plate_lies_on_the_table_too():
    assert holds(house(), "on", "apple1", "plate1")
    assert holds(house(), "on", "apple1", "diningtable1")
    assert holds(house(), "in", "apple1", "diningtable1")
    assert not holds(house(), "on", "apple1", "fridge1")


def test_states_never_seen_are_guessed_and_dirt_is_not():
    home = house()
    assert holds(home, "off", "fridge1") is False
    assert holds(home, "closed", "fridge1")
    assert holds(home, "clean", "apple1"), "apples do not get dirty"
    del home.things["mug2"].states["dirty"]
    assert not holds(home, "clean", "mug2")
    assert not holds(home, "dirty", "mug2")


def test_an_assumed_effect_holds_until_it_is_seen_otherwise():
    assumptions = Assumptions()
    assumptions.add("mug", "dirty", value=False, stamp=2.0)
    assert assumptions.attributes(known("mug", last_seen=1.0, dirty=True))["dirty"] is False
    assert assumptions.attributes(known("mug", last_seen=3.0, dirty=True))["dirty"] is True
    assert assumptions.attributes(known("mug", last_seen=3.0))["dirty"] is False
    assumptions.drop("mug", "dirty")
    assert assumptions.attributes(known("mug", dirty=True))["dirty"] is True


def test_where_sightings_are_divided_what_is_sought_is_believed_with_less_confidence():
    divided = replace(known("mug"), label_scores={"Mug": 0.6, "Cup": 0.4}, label="Mug")
    memory = MemoryOf([divided])
    seen = Belief.of(memory, Assumptions()).things["mug"]
    assert (seen.label, seen.confidence) == ("mug", 1.0)
    sought = Belief.of(memory, Assumptions(), frozenset({"cup"})).things["mug"]
    assert sought.label == "cup"
    assert sought.confidence == pytest.approx(0.4 / 0.6)
    both = Belief.of(memory, Assumptions(), frozenset({"cup", "mug"})).things["mug"]
    assert both.label == "mug"
    rare = replace(divided, label_scores={"Mug": 0.8, "Cup": 0.2})
    assert (
        Belief.of(MemoryOf([rare]), Assumptions(), frozenset({"cup"})).things["mug"].label == "mug"
    )


def test_what_only_looks_like_an_open_fridge_is_doubted():
    def confidence(**changes) -> float:
        fridge = replace(known("fridge", **changes.pop("attributes")), label="Fridge", **changes)
        return Belief.of(MemoryOf([fridge]), Assumptions()).things["fridge"].confidence

    unsure = frozenset({"open"})
    assert confidence(attributes={"open": False}, doubtful=unsure) == 1.0
    assert confidence(attributes={"open": True}) == 1.0, "it was opened, or seen for certain"
    assert confidence(attributes={"open": True}, doubtful=unsure) < 0.9


def test_what_refuses_to_be_what_it_is_taken_for_is_hardly_believed_in_the_sooner_the_less_sure():
    def left(confidence: float, refusals: int) -> float:
        assumptions = Assumptions(refusals={"mug": refusals})
        memory = MemoryOf([replace(known("mug"), confidence=confidence)])
        return Belief.of(memory, assumptions).things["mug"].confidence

    assert left(1.0, 2) == 1.0, "the hand may have missed it"
    assert left(1.0, 4) < 0.5
    assert left(0.6, 1) < 0.5
    assert left(0.6, 0) == 0.6


def test_slices_stand_for_what_was_cut():
    home = house()
    home.things["apple1"].states["sliced"] = True
    assert [t.object_id for t in home.belief().candidates("apple")] == ["apple1"]
    home.add("applesliced1", parent="plate1")
    home.add("applesliced2", parent="plate1")
    found = [t.object_id for t in home.belief().candidates("apple")]
    assert found == ["applesliced1", "applesliced2"]
    assert holds(home, "sliced", "applesliced1")


def away(thing) -> float:
    return float(np.hypot(*thing.center[:2]))


def test_what_meets_more_conditions_is_chosen_before_what_is_nearer():
    goal = parse_goal("clean(mug)")
    choice = choose(goal, house().belief(), away)
    assert choice.binding[Term("mug")] == "mug2"
    assert choice.unmet == ()
    nearest = choose(parse_goal("in(mug, fridge)"), house().belief(), away)
    assert nearest.binding[Term("mug")] == "mug1"


def test_different_terms_are_different_objects():
    choice = choose(parse_goal("3 in(mug, fridge)"), house().belief(), away)
    assert set(choice.binding.values()) == {"mug1", "mug2", "fridge1"}
    assert choice.unbound == (Term("mug", 3),)
    assert missing(choice, house().belief()) == [frozenset(("mug",))]


def test_tools_that_are_not_known_are_missing():
    choice = choose(parse_goal("hot(apple) and clean(mug)"), house().belief(), away)
    labels = set().union(*missing(choice, house().belief()))
    assert {"microwave"} <= labels
    assert not labels & {"sink", "fridge"}, "a clean mug is known"


def test_what_proved_useless_is_left_out():
    excluded = frozenset(("mug1",))
    choice = choose(parse_goal("in(mug, fridge)"), house().belief(), away, excluded)
    assert choice.binding[Term("mug")] == "mug2"
    both = choose(parse_goal("2 in(mug, fridge)"), house().belief(), away, excluded)
    assert len(both.unbound) == 1


def doubting(home: Household, **confidence: float) -> Belief:
    """Return what is believed of a household, some of it with less confidence."""
    belief = home.belief()
    for name, value in confidence.items():
        belief.things[name] = replace(belief.things[name], confidence=value)
    return belief


def test_what_is_sure_is_chosen_before_what_is_nearer_and_doubtful():
    goal = parse_goal("in(mug, fridge)")
    nearest = choose(goal, doubting(house(), mug1=0.95), away)
    assert nearest.binding[Term("mug")] == "mug1"
    surest = choose(goal, doubting(house(), mug1=0.2), away)
    assert surest.binding[Term("mug")] == "mug2"
    home = house()
    home.things["mug2"].place = (40.0, 0.0)  # Farther than a doubt is worth.
    assert choose(goal, doubting(home, mug1=0.2), away).binding[Term("mug")] == "mug1"


def test_what_may_not_exist_meets_no_condition_unless_it_is_in_the_hand():
    on_table = Atom("on", (Term("mug"), Term("diningtable")))
    names = ("mug1", "diningtable1")
    assert doubting(house(), mug1=0.6).holds(on_table, names)
    assert not doubting(house(), mug1=0.4).holds(on_table, names)
    assert not doubting(house(), diningtable1=0.4).holds(on_table, names)
    home = house()
    home.hand = "mug1"
    assert doubting(home, mug1=0.4).holds(Atom("held", (Term("mug"),)), ("mug1",))


def test_what_is_taken_for_a_slice_is_none_where_nothing_was_cut():
    home = house()
    home.add("applesliced1", parent="diningtable1")
    names = [thing.object_id for thing in doubting(home, applesliced1=0.6).candidates("apple")]
    assert names == ["apple1"]
    sure = [thing.object_id for thing in doubting(home, applesliced1=0.95).candidates("apple")]
    assert "applesliced1" in sure
    home.things["apple1"].states["sliced"] = True
    names = [thing.object_id for thing in doubting(home, applesliced1=0.6).candidates("apple")]
    assert names == ["applesliced1"], "they were to be expected"
    home.things["applesliced1"].place = (7.0, 0.0)
    names = [thing.object_id for thing in doubting(home, applesliced1=0.6).candidates("apple")]
    assert names == ["apple1"], "but not so far away"


def test_a_vessel_that_only_looks_full_is_not():
    assumptions, seen = Assumptions(), known("mug", filled=True, dirty=True)
    read = replace(seen, doubtful=frozenset(("filled", "dirty")))
    assert assumptions.attributes(seen)["filled"] is True, "a certain detector said so"
    assert assumptions.attributes(read) == {"dirty": True}, "dirt is common, and shows"
    assumptions.add("mug", "filled", value=True, stamp=2.0)
    assert assumptions.attributes(read)["filled"] is True, "the agent filled it"


def test_a_tool_that_is_sure_is_used_before_one_that_is_near_and_doubtful():
    home = house()
    home.add("fridge2", (0.5, 0.0), open=True)
    goal = parse_goal("cold(apple)")

    def spots(belief: Belief) -> dict[str, int]:
        problem = ground(choose(goal, belief, away), belief, goal, np.zeros(2))
        return {end: cost for (start, end), cost in problem.distances.items() if start == "here"}

    certain = spots(doubting(home, fridge1=1.0))
    assert certain["fridge2"] < certain["fridge1"]
    unsure = spots(doubting(home, fridge2=0.3))
    assert unsure["fridge2"] > unsure["fridge1"]
