"""Many jobs: parallel, resumable, surviving the death of workers and of the whole run."""
# ruff: noqa: E501 - messages stand as they are.

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from inline_snapshot import snapshot
from suite_jobs import FOREVER, NumberJob, jobs, square

from embodied_mem.errors import ConfigError, StoreError
from embodied_mem.runtime.suite import SuiteProgress, read_suite, run_suite
from embodied_mem.runtime.workers import run_jobs

TESTS = Path(__file__).parents[2]


def done_in(log: Path) -> list[int]:
    """Return the numbers of the jobs begun, in order."""
    return [int(line.split()[0]) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture(name="log")
def a_log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_results_stand_in_the_order_of_the_jobs_and_are_not_done_twice(tmp_path: Path, log: Path):
    told: list[SuiteProgress] = []
    results = [
        run_suite(
            jobs(str(log), 4),
            square,
            path=tmp_path / "r.jsonl",
            settings="s",
            workers=workers,
            on_progress=told.append,
        )
        for workers in (2, 1)
    ]
    assert results[0] == results[1]
    assert [row.task for row in results[0].episodes] == ["1", "2", "3", "4"]
    assert [row.goal for row in results[0].failures] == ["clean(plate#3)"]
    assert results[0].missing == 0
    assert results[0].summaries[0].success_rate == pytest.approx(0.75)
    assert sorted(done_in(log)) == [1, 2, 3, 4]
    assert [p.done for p in told] == [0, 1, 2, 3, 4, 4]
    assert {line.split()[1] for line in log.read_text().splitlines()} == {"1"}  # Threads.


def test_other_settings_are_refused(tmp_path: Path, log: Path):
    path = tmp_path / "r.jsonl"
    run_suite({}, square, path=path, settings="tasks: 3")
    with pytest.raises(ConfigError) as caught:
        run_suite({}, square, path=path, settings="tasks: 4")
    assert str(caught.value).replace(str(tmp_path), "") == snapshot(
        "/r.jsonl holds results of other settings (tasks: 3); asked for are tasks: 4. Choose another folder, or delete that file."
    )


def test_a_job_that_cannot_be_done_says_why_and_the_others_are_done(tmp_path: Path, log: Path):
    todo = {
        "house": NumberJob(1, str(log), trouble="house"),
        "bug": NumberJob(2, str(log), trouble="bug"),
        "killed": NumberJob(3, str(log), trouble="kill"),
        "unlucky": NumberJob(4, str(log), trouble="kill once"),
        "fine": NumberJob(5, str(log)),
    }
    result = run_suite(todo, square, path=tmp_path / "r.jsonl", settings="s", workers=2)
    assert result.errors == snapshot(
        {
            "house": "the house has no rooms.",
            "bug": "its process died: ZeroDivisionError: a bug.",
            "killed": "its process died: exit code -9.",
        }
    )
    assert [row.task for row in result.episodes] == ["4", "5"]
    assert result.missing == 3
    done = done_in(log)
    assert [done.count(n) for n in (1, 2, 3, 4, 5)] == [1, 2, 2, 2, 1]
    log.write_text("")
    mended = todo | {name: NumberJob(9, str(log)) for name in ("house", "bug", "killed")}
    again = run_suite(mended, square, path=tmp_path / "r.jsonl", settings="s")
    assert again.missing == 0
    assert done_in(log) == [9, 9, 9]


def test_a_job_that_takes_too_long_is_ended(log: Path):
    todo = {"slow": NumberJob(1, str(log), seconds=FOREVER), "fast": NumberJob(2, str(log))}
    began = time.monotonic()
    answers = {a.key: a for a in run_jobs(todo, square, workers=1, timeout=6.0)}
    assert time.monotonic() - began < FOREVER
    assert answers["slow"].error == "gave no answer within 6 s."
    assert answers["fast"].result is not None


def test_closing_the_iterator_ends_the_workers(log: Path):
    todo = jobs(str(log), 3, seconds=0.2) | {"last": NumberJob(9, str(log), seconds=FOREVER)}
    began = time.monotonic()
    answers = run_jobs(todo, square, workers=2)
    next(answers)
    answers.close()
    assert time.monotonic() - began < FOREVER


def run_in_a_process(folder: Path, seconds: float = 0.3) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(TESTS / "suite_jobs.py"), str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "Ctrl-C"])
def test_a_suite_goes_on_where_it_was_ended(tmp_path: Path, log: Path, ending: signal.Signals):
    process = run_in_a_process(tmp_path)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 2:
        pass
    process.send_signal(ending)
    process.wait(timeout=20)
    assert process.returncode != 0
    process.stdout.close()
    with (tmp_path / "results.jsonl").open("ab") as file:
        file.write(b'{"kind":"job","key":"jo')  # As a crash in mid-write leaves it.
    before = read_suite(tmp_path / "results.jsonl", list(jobs(str(log))))
    assert 2 <= len(before.episodes) < 6
    assert before.missing == 6 - len(before.episodes)
    time.sleep(0.7)  # Workers of a killed parent end soon.
    log.write_text("")
    result = run_suite(
        jobs(str(log)), square, path=tmp_path / "results.jsonl", settings="squares", workers=1
    )
    assert [row.task for row in result.episodes] == ["1", "2", "3", "4", "5", "6"]
    assert len(done_in(log)) == before.missing
    kept = {int(row.task) for row in before.episodes}
    assert not kept & set(done_in(log))


def test_workers_end_with_the_process_that_asked(tmp_path: Path, log: Path):
    process = run_in_a_process(tmp_path, seconds=300.0)
    assert process.stdout is not None
    process.stdout.readline()
    while len(lines := log.read_text().splitlines() if log.exists() else []) < 2:
        time.sleep(0.05)
    workers = [int(line.split()[-1]) for line in lines]
    process.kill()
    process.wait(timeout=20)
    process.stdout.close()
    deadline = time.monotonic() + 20
    while any(map(_is_running, workers)):
        assert time.monotonic() < deadline, "workers are still at their jobs"
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_a_file_that_holds_no_results_is_named(tmp_path: Path):
    (tmp_path / "r.jsonl").write_text("[1]\n")
    with pytest.raises(StoreError, match=r"^line 1 of .*r.jsonl is not a record: "):
        read_suite(tmp_path / "r.jsonl")
