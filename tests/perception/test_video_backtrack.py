"""What is too short or too small for the first look is found by a second, once."""

from pathlib import Path

from films import remember, write_minute

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import parse
from embodied_mem.video.scripted import Planted, Script
from perception.video.backtrack import answer

BRIEF = Script(
    seconds=30,
    events=[Planted(kind="square", start=12.2, stop=12.9, colour="red", region="top right")],
)
"""A square that shows for less than a second."""


def test_a_second_look_finds_what_is_brief_and_a_third_is_not_needed(tmp_path: Path):
    film = write_minute(tmp_path / "brief.mp4", BRIEF)
    with EventIndex(tmp_path / "store") as index:
        remember(index, film, rate=1.0)
        asked = parse("when did something red appear before 29 s?")
        first = answer(index, asked)
        assert first.looked > 0
        assert first.reply.seen
        assert abs(first.reply.answers[0].start - 12.2) < 0.5
        assert index.picture(first.reply.answers[0].picture)
        second = answer(index, asked)
        assert (second.looked, second.found) == (0.0, 0)
        assert second.reply.answers == first.reply.answers


def test_where_nothing_is_nothing_is_found_and_nobody_looks_there_again(tmp_path: Path):
    film = write_minute(tmp_path / "brief.mp4", BRIEF)
    with EventIndex(tmp_path / "store") as index:
        remember(index, film, rate=1.0)
        asked = parse("when did something blue appear?")
        assert not answer(index, asked).reply.seen
        again = answer(index, asked)
        assert (again.looked, again.reply.seen) == (0.0, False)


def test_a_video_that_is_gone_leaves_the_memory_to_answer(tmp_path: Path):
    film = write_minute(tmp_path / "brief.mp4", BRIEF)
    with EventIndex(tmp_path / "store") as index:
        remember(index, film, rate=1.0)
        film.unlink()
        found = answer(index, parse("when did something blue appear?"))
    assert (found.looked, found.reply.seen) == (0.0, False)
