"""Asking a stored memory in any words, at the terminal."""

from pathlib import Path

import pytest
from box_world import BoxWorld

from embodied_mem.app.ask import ask
from embodied_mem.app.commands import Ask, Name
from embodied_mem.app.console import console
from embodied_mem.app.name import name_object
from embodied_mem.errors import NamingError, UnknownObjectError
from embodied_mem.memory import Memory


@pytest.fixture
def store(tmp_path: Path) -> str:
    world = BoxWorld()
    world.add("sofa", "Sofa", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("book", "Book", (1.9, 0.2, 0.84), (0.2, 0.2, 0.08))
    with Memory.open(tmp_path / "m") as memory:
        for _ in range(3):
            memory.write(world.look(0.0, 0.0, 0.0))
    return str(tmp_path / "m")


def asked(store: str, label: str) -> str:
    with console.capture() as capture:
        assert ask(Ask(store=store, label=label)) == 0
    return capture.get()


def test_a_question_is_answered_with_who_found_it(store: str):
    told = asked(store, "the book on the couch")
    assert told.index("book_1") < told.index("sofa_1")
    assert "words" in told
    assert "rank" in told


def test_a_question_that_fits_nothing_says_so(store: str):
    assert "nothing known fits" in asked(store, "xylophone quartet")


def test_a_single_word_is_a_label_as_before(store: str):
    assert "sofa_1" in asked(store, "sofa")
    with pytest.raises(UnknownObjectError, match="kettle"):
        ask(Ask(store=store, label="kettle"))


def test_a_name_is_told_listed_and_forgotten(store: str):
    def told(**arguments) -> str:
        with console.capture() as capture:
            assert name_object(Name(store=store, **arguments)) == 0
        return capture.get()

    assert "book_1 is called dax" in told(name="dax", object_id="book_1")
    assert "book_1" in asked(store, "dax")
    assert "dax" in told()
    assert "known by 2 views" in told(name="dax", object_id="sofa_1")
    assert "forgot" in told(name="dax", forget=True)
    assert "dax" not in told()
    with pytest.raises(NamingError, match="needs the id of an object"):
        told(name="dax")
