"""A suite over a Ray cluster: the answers of the serial one, also when workers and machines die."""

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from suite_jobs import FOREVER, NumberJob, go_on, jobs, square

from embodied_mem.app.suite import ray_runner
from embodied_mem.errors import ConfigError, MissingExtraError
from embodied_mem.runtime.suite import Runner, SuiteProgress, run_suite

ROOT = Path(__file__).parents[3]
STORE = 80 * 2**20
"""Least that Ray takes for its objects [bytes]."""


@pytest.fixture(name="cluster", scope="module")
def a_cluster() -> Iterator[Any]:
    pytest.importorskip("ray", reason="ray is not installed: `pip install 'embodied-mem[ray]'`")
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - ray may be missing.

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster()
        # Not 127.0.0.1, which Ray turns into the address of a network card.
        cluster.add_node(
            num_cpus=1,
            object_store_memory=STORE,
            node_ip_address="127.0.0.2",
            include_dashboard=False,
        )
        yield cluster
        cluster.shutdown()


def on(cluster) -> Runner:
    runner = ray_runner(cluster.address)
    assert runner is not None
    return runner


def begun(log: Path) -> list[int]:
    """Return the numbers of the jobs begun, in order."""
    return [int(line.split()[0]) for line in log.read_text().splitlines()] if log.exists() else []


def test_a_suite_outlives_a_worker_and_a_machine_and_ends_as_the_serial_one(
    cluster, tmp_path: Path
):
    log, path = tmp_path / "log", tmp_path / "ray.jsonl"
    second = cluster.add_node(num_cpus=1, object_store_memory=STORE, node_ip_address="127.0.0.3")
    todo = jobs(str(log), 6)
    todo["job1"] = NumberJob(1, str(log), trouble="meet")
    todo |= {f"job{n}": NumberJob(n, str(log), trouble="wait") for n in (2, 3)}
    todo["job5"] = NumberJob(5, str(log), trouble="kill once")
    told: list[int] = []

    def lose_a_machine(now: SuiteProgress) -> None:
        told.append(now.done)
        if now.done == 1:  # One machine is at job 2, the other one at job 3.
            cluster.remove_node(second, allow_graceful=False)
            go_on(log).touch()

    run = partial(run_suite, todo, square, path=path, settings="s", workers=on(cluster))
    result = run(on_progress=lose_a_machine)
    done = begun(log)
    serial = run_suite(jobs(str(log)), square, path=tmp_path / "serial.jsonl", settings="s")
    assert result == serial
    assert result.missing == 0
    assert told == [0, 1, 2, 3, 4, 5, 6]
    assert done.count(5) >= 2  # Its worker was killed.
    assert done.count(2) + done.count(3) >= 3  # And the machine of one of these.
    assert {line.split()[1] for line in log.read_text().splitlines()} == {"1"}  # Threads.
    log.write_text("")
    assert run() == serial
    assert begun(log) == []  # Resumed: nothing was left to do.


def test_errors_read_as_those_of_processes_here(cluster, tmp_path: Path):
    log = tmp_path / "log"
    todo = {
        "house": NumberJob(1, str(log), trouble="house"),
        "bug": NumberJob(2, str(log), trouble="bug"),
        "slow": NumberJob(3, str(log), seconds=FOREVER),
        "fine": NumberJob(4, str(log)),
    }
    began = time.monotonic()
    result = run_suite(
        todo, square, path=tmp_path / "r.jsonl", settings="s", timeout=2.0, workers=on(cluster)
    )
    assert time.monotonic() - began < FOREVER
    assert result.errors == {
        "house": "the house has no rooms.",
        "bug": "its process died: ZeroDivisionError: a bug.",
        "slow": "gave no answer within 2 s.",
    }
    assert [row.task for row in result.episodes] == ["4"]
    assert [begun(log).count(n) for n in (1, 2, 3, 4)] == [1, 2, 1, 1]


def test_an_address_where_nobody_answers_is_named(tmp_path: Path):
    pytest.importorskip("ray", reason="ray is not installed: `pip install 'embodied-mem[ray]'`")
    with pytest.raises(ConfigError, match=r"^no Ray cluster answers at '127.0.0.1:9': .*ray start"):
        run_suite(
            jobs(str(tmp_path / "log"), 1),
            square,
            path=tmp_path / "r.jsonl",
            settings="s",
            workers=ray_runner("127.0.0.1:9") or 1,
        )


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "embodied_mem.runtime.ray_jobs", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'embodied-mem\[ray\]'"):
        ray_runner("auto")
