"""A task of ordered sub-goals under several conditions, from the same beginning; and its suite."""

import re
from pathlib import Path

import msgspec
import pytest

from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Suite
from embodied_mem.app.graded import GradedJob, do_task
from embodied_mem.app.graded_suite import graded_jobs, show_graded
from embodied_mem.backends.household.wanted import WantedThing
from embodied_mem.backends.task_files import (
    Budget,
    HandMove,
    SuiteTask,
    TaskHouse,
    TaskStep,
)
from embodied_mem.runtime.metrics import EpisodeRow
from embodied_mem.runtime.suite import SuiteResult

TASK = SuiteTask(
    name="tiny",
    house=TaskHouse(
        seed=3, spec="bedroom", density=0.2, things=(WantedThing(type="Book", count=2, on="Bed"),)
    ),
    tour=False,
    before=(
        TaskStep(
            goal="on(book, dresser)",
            say="put a book on the dresser",
            remember={"used": "book", "origin": "from book"},
        ),
    ),
    steps=(
        TaskStep(
            goal="on(book, place)",
            say="put the book you used back where it was",
            fixed={"book": "used", "place": "origin"},
        ),
    ),
)


def job(task: SuiteTask = TASK, **changes) -> GradedJob:
    usual = GradedJob(
        suite="tiny", task=task, budget=Budget(factor=3.0, extra=60), conditions=("both", "none"),
        policy="lru", capacity=50, perception="oracle", seed=0,
    )  # fmt: skip
    return msgspec.structs.replace(usual, **changes)


@pytest.fixture(scope="module", name="rows")
def some_rows() -> dict[str, EpisodeRow]:
    return {row.group: row for row in do_task(job(conditions=("both", "short", "none")))}


def test_the_memory_of_the_earlier_task_tells_which_one_and_where(rows: dict[str, EpisodeRow]):
    both = rows["both"]
    assert both.scored
    assert both.success, both.reason
    assert (both.asked, both.answered, both.recalled) == (2, 2, 2)
    assert both.exploration_steps == 0


def test_a_place_whose_furniture_is_forgotten_is_any_such_place(rows: dict[str, EpisodeRow]):
    short = rows["short"]
    assert short.success, short.reason
    assert (short.answered, short.corrections) == (1, 0)
    assert short.exploration_steps < 20


def test_conditions_face_the_same_expert_and_forget_what_they_should(rows: dict[str, EpisodeRow]):
    none, both = rows["none"], rows["both"]
    assert none.expert_steps == both.expert_steps
    assert none.answered == 0
    assert none.task == both.task
    assert none.steps <= Budget(factor=3.0, extra=60).steps(none.expert_steps or 0)


def test_a_beginning_that_does_not_come_about_is_left_out_for_all():
    lost = TaskStep(
        goal="on(book, dresser)", say="on(book, dresser)", then=(HandMove(move="pot", to="desk"),)
    )
    task = msgspec.structs.replace(TASK, before=(lost,), steps=(TaskStep(goal="on(book, bed)"),))
    (row,) = do_task(job(task, conditions=("both",)))
    assert not row.scored
    assert row.reason == "not scored: nothing could be moved as planned after earlier task 1"


def test_a_suite_becomes_jobs_and_refuses_what_does_not_go_with_it():
    jobs = dict(graded_jobs(Suite(suite="alfred-l", memory="all", limit=2, policy="fifo")))
    assert list(jobs)[:3] == [
        "alfred-l simple/simple-01",
        "alfred-l simple/simple-02",
        "alfred-l composite/composite-01",
    ]
    assert jobs["alfred-l simple/simple-01"].conditions == ("none", "short", "long", "both")
    assert execute(Suite(suite="simple", generated=3)) == 2
    assert execute(Suite(generated=3, memory="short")) == 2


def test_a_result_is_shown_with_its_report(tmp_path: Path, rows: dict[str, EpisodeRow], capsys):
    result = SuiteResult(
        settings="s", summaries=(), episodes=tuple(rows.values()), errors={}, missing=0
    )
    show_graded(result, tmp_path)
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    numbers = msgspec.json.decode((tmp_path / "ablation.json").read_bytes())
    assert {n["group"] for n in numbers} == {"none", "short", "both"}
    assert re.search(r"tiny\s+both\s+1\s+1\.00", capsys.readouterr().out)


def test_who_cannot_know_which_one_is_meant_is_told_no_and_tries_another():
    told = TaskStep(
        goal="on(book, dresser)", say="put the book you used on the dresser", fixed={"book": "used"}
    )
    away = msgspec.structs.replace(
        TASK.before[0], goal="on(book, desk)", say="put a book on the desk"
    )
    task = msgspec.structs.replace(TASK, before=(away,), steps=(told,))
    both, none = sorted(do_task(job(task)), key=lambda row: row.group)
    assert (both.success, both.corrections) == (True, 0)
    assert (none.success, none.corrections) == (True, 1)
    assert none.steps > both.steps
    assert none.steps <= none.budget == both.budget


def test_who_guesses_a_place_that_is_not_in_the_house_guesses_on():
    """Books are on desks, coffee tables and dressers, in this order; there is no coffee table."""
    things = (
        WantedThing(type="Book", count=1, on="Bed"),
        WantedThing(type="CellPhone", count=1, on="Bed"),
    )
    house = msgspec.structs.replace(TASK.house, things=things)
    before = msgspec.structs.replace(TASK.before[0], remember={"spot": "to book"})
    step = TaskStep(
        goal="on(cellphone, place)", say="put the cell phone in the same place as the book",
        fixed={"place": "spot"},
    )  # fmt: skip
    task = msgspec.structs.replace(TASK, house=house, before=(before,), steps=(step,))
    budget = Budget(factor=3.0, extra=200)
    (none,) = do_task(job(task, conditions=("none",), budget=budget))
    assert none.success, none.reason
    assert none.corrections <= 1  # The desk was refused; the coffee table was given up.
