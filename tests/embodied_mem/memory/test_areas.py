"""Where in a house something is: among what, in which area."""

from pathlib import Path

import numpy as np
import pytest
from box_world import BoxWorld

from embodied_mem.app.ask import ask
from embodied_mem.app.commands import Ask
from embodied_mem.app.console import console
from embodied_mem.memory import Memory
from embodied_mem.memory.areas import Spots, asks_where
from embodied_mem.memory.records import Known


def known(name: str, x: float, y: float, label: str) -> Known:
    corner = np.array([x, y, 0.0])
    return Known(
        object_id=name, label=label, label_scores={label: 1.0},
        box=np.stack([corner - 0.1, corner + 0.1]), feature=np.zeros(4, np.float32),
        first_seen=0.0, last_seen=0.0,
    )  # fmt: skip


@pytest.fixture
def house() -> tuple[list[Known], dict[str, str]]:
    """A kitchen and a bedroom, 10 m apart, with a mug in each."""
    here = [("fridge", 0.0, "Fridge"), ("mug_1", 0.5, "Mug"), ("sink", 0.8, "Sink"),
            ("bed", 10.0, "Bed"), ("mug_2", 10.4, "Mug"), ("pillow", 10.1, "Pillow")]  # fmt: skip
    things = [known(name, x, 0.0, label) for name, x, label in here]
    return things, {one.object_id: one.label.lower() for one in things}


def test_each_mug_is_told_with_what_is_around_it(house: tuple[list[Known], dict[str, str]]):
    spots = Spots(*house)("mug", 5)
    assert {spot.objects for spot in spots} == {("mug_1",), ("mug_2",)}
    by_object = {spot.objects[0]: spot for spot in spots}
    assert set(by_object["mug_1"].area) <= {"Fridge", "Mug", "Sink"}
    assert set(by_object["mug_2"].area) <= {"Bed", "Mug", "Pillow"}
    assert abs(by_object["mug_2"].centre[0] - 10.2) < 0.5


def test_the_best_spot_holds_what_is_most_alike(house: tuple[list[Known], dict[str, str]]):
    things, texts = house
    for name, words in texts.items():
        (best, *_) = Spots(things, texts)(words, 3)
        assert name in best.objects or texts[best.objects[0]] == words


def test_what_is_gone_or_unlike_anything_is_nowhere(house: tuple[list[Known], dict[str, str]]):
    things, texts = house
    assert Spots(things, texts)("xylophone", 3) == ()
    assert Spots([], {})("mug", 3) == ()
    assert Spots(things, {})("mug", 3) == ()


def test_where_is_asked_in_words():
    assert asks_where("Where is it?")
    assert not asks_where("somewhere")
    assert not asks_where("what is where")


def test_the_terminal_tells_where_that_is(tmp_path: Path):
    world = BoxWorld()
    world.add("sofa", "Sofa", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("book", "Book", (1.9, 0.2, 0.84), (0.2, 0.2, 0.08))
    with Memory.open(tmp_path / "m") as memory:
        for _ in range(3):
            memory.write(world.look(0.0, 0.0, 0.0))
        (spot, *_) = memory.spots("where is the couch?")
        assert "sofa_1" not in spot.objects  # Without the synonyms that `ask` knows.
    with console.capture() as capture:
        assert ask(Ask(store=str(tmp_path / "m"), label="where is the couch?")) == 0
    told = capture.get()
    assert "where that is" in told
    assert "sofa_1" in told.split("where that is")[1]
    with console.capture() as capture:
        assert ask(Ask(store=str(tmp_path / "m"), label="what is red?")) == 0
    assert "where that is" not in capture.get()
