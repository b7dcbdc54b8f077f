"""Words that point back, resolved from the memory of deeds; and goals for certain objects."""

import numpy as np
import pytest
from box_world import BoxWorld
from household_model import Household

from embodied_mem.errors import GoalError
from embodied_mem.goals import Term, parse_goal
from embodied_mem.memory import Memory
from embodied_mem.memory.dual import Deed, DualMemory
from planners.affordances import kind_of
from planners.grounding import choose
from planners.pins import Pin
from planners.reference import Refused, read_instruction


def memory_of(*deeds: tuple[str, str, str]) -> DualMemory:
    """Return a memory of deeds: action, object and place by id."""
    memory = DualMemory(stays=lambda label: not kind_of(label).graspable)
    for stamp, (action, thing, place) in enumerate(deeds):
        memory.deeds.append(
            Deed(
                stamp=float(stamp),
                action=action,
                object_id=thing,
                label=thing.rstrip("_0123456789"),
                place=place,
                place_label=place.rstrip("_0123456789"),
            )
        )
    return memory


DAY = memory_of(
    ("PickupObject", "Mug_2", "Desk_1"),
    ("PutObject", "Mug_2", "SideTable_3"),
    ("PickupObject", "Apple_4", "CounterTop_1"),
    ("PutObject", "Apple_4", "Fridge_1"),
    ("PickupObject", "Book_1", "ShelvingUnit_2"),
    ("PutObject", "Book_1", "Bed_1"),
)


@pytest.mark.parametrize(
    ("words", "goal", "pins"),
    [
        ("put the mug you used before in the sink", "in(mug, sink)", {"mug": "Mug_2"}),
        ("wash the mug that you handled earlier", "clean(mug)", {"mug": "Mug_2"}),
        (
            "put the apple you put in the fridge on the desk",
            "on(apple, desk)",
            {"apple": "Apple_4"},
        ),
        ("put the mug you took from the desk on the sofa", "on(mug, sofa)", {"mug": "Mug_2"}),
        ("put it on the desk", "on(book, desk)", {"book": "Book_1"}),
        (
            "put the book you used back where it was",
            "on(book, shelvingunit)",
            {"book": "Book_1", "shelvingunit": "ShelvingUnit_2"},
        ),
        (
            "put the pen in the same place as the mug",
            "on(pen, sidetable)",
            {"sidetable": "SideTable_3"},
        ),
        ("put a pen where you put the book", "on(pen, bed)", {"bed": "Bed_1"}),
        ("open the fridge you used", "open(fridge)", {"fridge": "Fridge_1"}),
        ("put a mug on the desk", "on(mug, desk)", {}),
        ("take the mug and put it on the desk", "on(mug, desk)", {}),
    ],
)
def test_words_that_point_back_mean_what_was_done(words: str, goal: str, pins: dict[str, str]):
    reading = read_instruction(words, DAY)
    assert set(reading.goal.atoms) == set(parse_goal(goal).atoms)
    assert {term.label: pin.object_id for term, pin in reading.pins.items()} == pins
    assert reading.goal.text == words


def test_the_other_one_is_any_but_the_one_used():
    reading = read_instruction("put the other mug on the desk", DAY)
    assert reading.pins == {Term("mug"): Pin(excluded=frozenset({"Mug_2"}))}


@pytest.mark.parametrize("memory", [memory_of(), Memory()], ids=["no deeds", "no such part"])
def test_without_the_deeds_the_words_point_nowhere(memory: Memory):
    reading = read_instruction("put the mug you used before in the sink", memory)
    assert reading.pins == {}
    assert reading.referring == {Term("mug")}
    assert str(reading.goal) == "in(mug, sink)"
    with pytest.raises(GoalError, match="'it' does not refer"):
        read_instruction("put it in the sink", memory)


def test_a_condition_that_loses_the_short_term_part_loses_the_reference():
    memory = memory_of(("PutObject", "Mug_2", "SideTable_3"))
    memory.carry("long")
    assert not read_instruction("wash the mug you used before", memory).pins


def test_what_is_barred_is_not_chosen_however_near():
    home = Household()
    home.add("diningtable1", (0.0, 0.0))
    home.add("mug1", parent="diningtable1", dirty=True)
    home.add("mug2", (9.0, 0.0), dirty=False)
    belief = home.belief()
    goal, here = parse_goal("clean(mug)"), np.zeros(2)

    def distance(thing) -> float:
        return float(np.linalg.norm(thing.center[:2] - here))

    assert choose(parse_goal("held(mug)"), belief, distance).binding[Term("mug")] == "mug1"
    barred = {Term("mug"): frozenset({"mug1"})}
    choice = choose(parse_goal("held(mug)"), belief, distance, barred=barred)
    assert choice.binding[Term("mug")] == "mug2"
    none = choose(goal, belief, distance, barred={Term("mug"): frozenset({"mug1", "mug2"})})
    assert none.unbound == (Term("mug"),)


def test_what_was_refused_is_not_meant_again_and_what_was_guessed_is_blamed_first():
    words, mug = "put the mug you used before on the desk", Term("mug")
    told = read_instruction(words, DAY)
    refused = Refused(since=DAY.deeds[-1].stamp).after(told, {mug: "Mug_2", Term("desk"): "Desk_1"})
    assert refused.objects == {"Mug_2"}  # Memory was wrong; the desk was said, not guessed.
    assert read_instruction(words, DAY, refused).pins == {mug: Pin(excluded=frozenset({"Mug_2"}))}

    empty, words = memory_of(), "put the mug in the same place as the book"
    guess = read_instruction(words, empty)
    place = next(term for term in guess.referring if term.label != "mug")
    refused = Refused().after(guess, {mug: "Mug_9", place: "Shelf_4"})
    assert refused.objects == {"Shelf_4"}
    again = read_instruction(words, empty, refused)
    assert place.label not in {term.label for term in again.goal.terms()}


def test_where_nothing_was_guessed_deeds_are_doubted_and_then_the_things_least_sure_first():
    words, first, second = "put two mugs on the desk", Term("mug"), Term("mug", 2)
    meant = {first: "Mug_2", second: "Mug_3", Term("desk"): "Desk_1"}
    reading = read_instruction(words, DAY)
    assert not reading.pins
    once = Refused().after(reading, meant)
    assert once.doubted == {"Mug_2", "Mug_3"}, "the desk was not moved"
    assert not read_instruction(words, DAY, once).pins, "the same mugs, done again"
    sure = {"Mug_2": 0.9, "Mug_3": 0.6}
    twice = once.after(reading, meant, sure.__getitem__)
    assert twice.mistaken == {"Mug_3"}
    pins = read_instruction(words, DAY, twice).pins
    assert pins[first] == pins[second] == Pin(excluded=frozenset({"Mug_3"}))
    last = twice.after(reading, meant, sure.__getitem__)
    assert last.after(reading, meant, sure.__getitem__) == last, "nothing is left to doubt"


def test_words_point_to_what_was_done_before_they_were_said():
    memory = memory_of(("PutObject", "Mug_1", "Bed_1"), ("PutObject", "Mug_2", "Desk_1"))
    words = "wash the mug you used before"
    assert read_instruction(words, memory).pins[Term("mug")].object_id == "Mug_2"
    earlier = Refused(since=0.0)
    assert read_instruction(words, memory, earlier).pins[Term("mug")].object_id == "Mug_1"


def test_a_thing_named_by_the_state_that_it_is_to_lose_is_none_without_it():
    world = BoxWorld()
    world.add("a", "Mug", (1.0, 0.4, 0.1), (0.2, 0.2, 0.2), dirty=False)
    world.add("b", "Mug", (1.6, -0.6, 0.1), (0.2, 0.2, 0.2), dirty=True)
    memory = Memory()
    for _ in range(3):
        memory.write(world.look(0.0, 0.0, 0.0, pitch=0.8))
    clean = frozenset(k.object_id for k in memory.known() if k.attributes["dirty"] is False)
    assert len(clean) == 1
    reading = read_instruction("wash the dirty mug", memory)
    assert reading.pins == {Term("mug"): Pin(excluded=clean)}
    assert str(reading.goal) == "clean(mug)"
    assert not read_instruction("wash a mug", memory).pins
    assert not read_instruction("put the dirty mug on the desk", memory).pins  # The goal says it.
