"""What is too short or too small for the first look is found by a second, once."""

from pathlib import Path

import pytest
from films import remember, write_minute

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import parse
from embodied_mem.video.scripted import Planted, Script
from perception.video.backtrack import BacktrackConfig, answer

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


def test_only_the_asked_interval_is_looked_at_and_only_once(tmp_path: Path):
    film = write_minute(tmp_path / "brief.mp4", BRIEF)
    with EventIndex(tmp_path / "store") as index:
        remember(index, film, rate=1.0)
        asked = parse("when did something blue appear between 5 s and 12 s?")
        assert answer(index, asked).looked == 7.0
        assert index.looks(1) == [(5.0, 12.0)]
        assert answer(index, asked).looked == 0.0
        wider = answer(index, parse("when did something blue appear between 3 s and 13 s?"))
        assert wider.looked == 3.0
        assert index.looks(1) == [(3.0, 13.0)]
        found = answer(index, parse("when did something red appear between 3 s and 13 s?"))
        assert (found.looked, found.reply.seen) == (0.0, True)


def test_a_question_that_is_wider_than_its_budget_goes_on_where_it_ended(tmp_path: Path):
    film = write_minute(tmp_path / "brief.mp4", BRIEF)
    with EventIndex(tmp_path / "store") as index:
        remember(index, film, rate=1.0)
        asked, config = parse("when did something blue appear?"), BacktrackConfig(budget=12.0)
        looked = [answer(index, asked, config=config).looked for _ in range(4)]
        assert sum(looked) == pytest.approx(index.videos()[0].seconds, abs=1.5)
        assert looked[:2] == [12.0, 12.0]
        assert looked[3] == 0.0


def test_what_began_shortly_before_the_asked_interval_is_found_in_it(tmp_path: Path):
    film = write_minute(tmp_path / "brief.mp4", BRIEF)
    with EventIndex(tmp_path / "store") as index:
        remember(index, film, rate=1.0)
        found = answer(index, parse("where was something red between 12.4 s and 20 s?"))
    assert found.reply.seen
    assert abs(found.reply.answers[0].start - 12.2) < 0.5


def test_a_store_of_an_older_release_is_asked_and_looked_at_alike(tmp_path: Path):
    film = write_minute(tmp_path / "brief.mp4", BRIEF)
    with EventIndex(tmp_path / "store") as index:
        remember(index, film, rate=1.0)
        with index.store.transaction() as database:
            database.execute("DROP TABLE looks")
        asked = parse("when did something blue appear between 5 s and 12 s?")
        assert [answer(index, asked).looked for _ in range(2)] == [7.0, 0.0]
        with index.store.transaction() as database:
            database.execute("DROP TABLE looks")
            database.execute("UPDATE events SET refined = 1 WHERE level = 'segment'")
        assert answer(index, parse("when did something blue appear?")).looked == 0.0


def test_a_video_that_is_gone_leaves_the_memory_to_answer(tmp_path: Path):
    film = write_minute(tmp_path / "brief.mp4", BRIEF)
    with EventIndex(tmp_path / "store") as index:
        remember(index, film, rate=1.0)
        film.unlink()
        found = answer(index, parse("when did something blue appear?"))
    assert (found.looked, found.reply.seen) == (0.0, False)
