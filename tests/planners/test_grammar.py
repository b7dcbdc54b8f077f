"""Sentences and what they ask for, and what is said about those that are not understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from embodied_mem.errors import GoalError
from embodied_mem.goals import parse_goal
from planners.grammar import parse_sentence, parse_task
from planners.nouns import Nouns

VOCABULARY = (
    "AlarmClock", "Apple", "ArmChair", "Bed", "Book", "Bowl", "Box", "Bread", "ButterKnife", "CD",
    "Cabinet", "CellPhone", "Chair", "Cloth", "CoffeeMachine", "CoffeeTable", "CounterTop",
    "CreditCard", "Cup", "Desk", "DeskLamp", "DiningTable", "DishSponge", "Drawer", "Dresser",
    "Egg", "Faucet", "FloorLamp", "Fork", "Fridge", "GarbageCan", "HousePlant", "KeyChain", "Knife",
    "Laptop", "Lettuce", "Microwave", "Mug", "Newspaper", "Pan", "Pen", "Pencil", "Pillow", "Plate",
    "Pot", "Potato", "RemoteControl", "SaltShaker", "Shelf", "SideTable", "Sink", "SoapBar",
    "Sofa", "Spoon", "TVStand", "Television", "ToiletPaper", "Tomato", "Vase", "Watch",
)  # fmt: skip

SENTENCES = {
    "put a clean apple in the fridge": "clean(apple) and in(apple, fridge)",
    "bring two mugs to the coffee table": "2 on(mug, coffeetable)",
    "slice the tomato and put it on a plate": "sliced(tomato) and on(tomato, plate)",
    "heat the potato": "hot(potato)",
    "turn on the desk lamp": "on(desklamp)",
    "turn the lamp off": "off(desklamp)",
    "switch off the television": "off(television)",
    "put 2 books on the bed": "2 on(book, bed)",
    "place a cold apple on the counter": "cold(apple) and on(apple, countertop)",
    "fill a cup with water": "filled(cup)",
    "empty the vase": "empty(vase)",
    "open the fridge": "open(fridge)",
    "shut the drawer": "closed(drawer)",
    "put the apple in the fridge and then turn on the tv": "in(apple, fridge) and on(television)",
    "throw away the newspaper": "in(newspaper, garbagecan)",
    "throw the newspaper away": "in(newspaper, garbagecan)",
    "dispose of the egg": "in(egg, garbagecan)",
    "throw the tomato in the trash": "in(tomato, garbagecan)",
    "take the apple from the fridge and put it on the table": "on(apple, diningtable)",
    "bring me a mug": "held(mug)",
    "pick up the cell phone": "held(cellphone)",
    "clean the plate and the fork and put them in the cabinet": (
        "clean(plate) and clean(fork) and in(plate, cabinet) and in(fork, cabinet)"
    ),
    "open the fridge, put the apple in it and close the fridge": (
        "in(apple, fridge) and closed(fridge)"
    ),
    "put a mug on the table and another mug on the shelf": (
        "on(mug, diningtable) and on(mug#2, shelf)"
    ),
    "put a mug on the table and another on the shelf": "on(mug, diningtable) and on(mug#2, shelf)",
    "put the apple and the tomato in the fridge": "in(apple, fridge) and in(tomato, fridge)",
    "put three knives in the sink": "3 in(knife, sink)",
    "Please place a hot, sliced potato on the dining table.": (
        "hot(potato) and sliced(potato) and on(potato, diningtable)"
    ),
    "take a cd from a table to a dresser": "on(cd, dresser)",
    "cook the egg and put in the refrigerator": "cooked(egg) and in(egg, fridge)",
    "wash the dirty mug": "clean(mug)",
    "put both pillows on the sofa": "2 on(pillow, sofa)",
    "place the mug with a spoon in it on the counter": "in(spoon, mug) and on(mug, countertop)",
    "heat the potato with the microwave, then put it on the plate": (
        "hot(potato) and on(potato, plate)"
    ),
    "put the bread slices on a plate": "sliced(bread) and on(bread, plate)",
    "put the remote on top of the tv stand": "on(remotecontrol, tvstand)",
    "move the keys to the box": "in(keychain, box)",
    "put the mug in the sink, then place it on the counter": "on(mug, countertop)",
    "chill a tomato and a potato": "cold(tomato) and cold(potato)",
    "put the laptop on the desk. close it.": "on(laptop, desk) and closed(laptop)",
    "put a book on the bed, then put the book on the desk": "on(book, desk)",
    "drop the cloth into the bin": "in(cloth, garbagecan)",
    "place two clean cups inside the cabinet": (
        "clean(cup) and clean(cup#2) and in(cup, cabinet) and in(cup#2, cabinet)"
    ),
    "put an apple in the bowl and the bowl in the fridge": "in(apple, bowl) and in(bowl, fridge)",
    "light the lamp": "on(desklamp)",
    "set the toilet paper roll on the side table": "on(toiletpaper, sidetable)",
    "retrieve a pencil": "held(pencil)",
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SENTENCES.items(), ids=SENTENCES)
def test_sentences_mean_what_they_say(text: str, expected: str):
    goal = parse_sentence(text, VOCABULARY)
    assert set(goal.atoms) == set(parse_goal(expected).atoms)
    assert goal.text == text


@pytest.mark.parametrize("text", ["in(apple, fridge) and clean(apple)", "2 on(mug, coffeetable)"])
def test_predicate_form_is_read_as_such(text: str):
    assert parse_task(text, VOCABULARY) == parse_goal(text)


def test_all_means_as_many_as_there_are():
    goal = parse_task("put all books on the bed", VOCABULARY, counts={"book": 3})
    assert goal.atoms == parse_goal("3 on(book, bed)").atoms


def test_an_ambiguous_noun_means_the_first_type_that_is_known():
    text = "put the book on the table"
    assert str(parse_task(text, ["Book", "SideTable"])) == "on(book, sidetable)"
    assert str(parse_task(text, ["Book", "SideTable", "CoffeeTable"])) == "on(book, coffeetable)"


@pytest.mark.parametrize("name", VOCABULARY)
def test_every_name_is_understood_in_one_word_in_several_and_in_the_plural(name: str):
    nouns = Nouns(VOCABULARY)
    spaced = "".join(f" {c}" if c.isupper() and i else c for i, c in enumerate(name)).lower()
    if name not in {"CD", "TVStand"}:
        assert nouns.label(spaced.split()) == name.lower()
    assert nouns.label([name.lower()]) == name.lower()


def message(text: str) -> str:
    with pytest.raises(GoalError) as caught:
        parse_task(text, VOCABULARY)
    return str(caught.value)


def test_what_is_not_understood_is_named():
    assert message("") == snapshot("found nothing to do, in ''.")
    assert message("put the knfe in the drawer") == snapshot(
        "'knfe' is not an object that is known, in 'put the knfe in the drawer'. Did you "
        "mean 'knife'?"
    )
    assert message("frobnicate the apple") == snapshot(
        "'frobnicate' is not an order that is known, in 'frobnicate the apple'. Start "
        "with put, slice or open."
    )
    assert message("opne the fridge") == snapshot(
        "'opne' is not an order that is known, in 'opne the fridge'. Did you mean 'open'?"
    )
    assert message("put the apple") == snapshot(
        "the sentence does not say where to, in 'put the apple'. Add for example 'on the table'."
    )
    assert message("put it on the table") == snapshot(
        "'it' does not refer to anything, in 'put it on the table'."
    )
    assert message("put the apple on the table quickly") == snapshot(
        "did not understand 'quickly', in 'put the apple on the table quickly'."
    )
    assert message("put the wooden apple on the table") == snapshot(
        "'wooden' is not a description that is known, in 'put the wooden apple on the "
        "table'. Known ones: broken, clean, closed, cold, cooked, dirty, empty, filled, "
        "hot, open, sliced."
    )
    assert message("fill the cup with sand") == snapshot(
        "cannot fill things with 'sand', in 'fill the cup with sand'. Liquids: coffee, water, wine."
    )
    assert message("turn the lamp") == snapshot("'turn' needs 'on' or 'off', in 'turn the lamp'.")
    assert message("put all books on the bed") == snapshot(
        "how many 'book' there are is not known, in 'put all books on the bed'. Say a "
        "number instead."
    )
    assert message("put 50 books on the bed") == snapshot(
        "a count must lie in 1..20, got 50, in 'put 50 books on the bed'."
    )
    assert message("put the apple on") == snapshot(
        "the sentence ends where an object should be named, in 'put the apple on'."
    )
    assert message("wash the mug, dry it") == snapshot(
        "'dry' is not an order that is known, in 'wash the mug, dry it'. Did you mean "
        "'dirty' or 'fry'?"
    )


@given(st.text(max_size=60))
def test_any_text_is_a_goal_or_a_goal_error(text: str):
    try:
        assert parse_task(text, VOCABULARY).atoms
    except GoalError:
        return


@given(st.lists(st.sampled_from(" ".join(SENTENCES).split()), max_size=12))
def test_any_order_of_known_words_is_a_goal_or_a_goal_error(words: list[str]):
    try:
        assert parse_task(" ".join(words), VOCABULARY).atoms
    except GoalError:
        return
