"""Videos looked at in a Ray cluster, in chunks: the memory is the one that one process makes."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from films import content, write_minute
from tiny_videos import write_sound

from embodied_mem.app.cli import execute
from embodied_mem.app.video_commands import Video, VideoRemember
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.video.scripted import Planted, Script

ROOT = Path(__file__).parents[2]
STORE = 80 * 2**20
"""Least that Ray takes for its objects [bytes]."""
OTHER = Script(
    seconds=45,
    events=[
        Planted(kind="passer", start=13, stop=24),  # Over the seam at 20 s.
        Planted(kind="square", start=26, stop=30, colour="blue", region="bottom left"),
    ],
)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("films")
    return [
        str(write_minute(folder / "minute.mp4")),
        str(write_sound(folder / "sound.wav")),
        str(write_minute(folder / "other.mp4", OTHER)),
        str(folder / "missing.mp4"),
    ]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("config") / "chunks.yaml"
    path.write_text("chunks:\n  seconds: 20.0\n  hand_over: 8.0\n")
    return str(path)


@pytest.fixture(scope="module")
def serial(films: list[str], config: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serial") / "store"
    assert remember(films, folder, config) == 0
    return folder


@pytest.fixture(name="cluster", scope="module")
def a_cluster() -> Iterator[Any]:
    pytest.importorskip("ray", reason="ray is not installed: `pip install 'embodied-mem[ray]'`")
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - ray may be missing.

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster()
        for number in (2, 3):  # Not 127.0.0.1, which Ray turns into a network card's address.
            cluster.add_node(
                num_cpus=1,
                object_store_memory=STORE,
                node_ip_address=f"127.0.0.{number}",
                include_dashboard=False,
            )
        yield cluster
        cluster.shutdown()


def remember(
    films: list[str], store: Path, config: str, ray: str | None = None, **more: Any
) -> int:
    given = {"rate": 4.0, "side": 160} | more
    task = VideoRemember(sources=tuple(films), store=str(store), config=config, ray=ray, **given)
    return execute(Video(task=task))


def test_a_cluster_makes_the_memory_that_one_process_makes(
    cluster: Any, films: list[str], config: str, serial: Path, tmp_path: Path, capsys
):
    capsys.readouterr()
    assert remember(films, tmp_path / "store", config, cluster.address) == 0
    assert content(tmp_path / "store") == content(serial)
    said = " ".join(capsys.readouterr().out.split())
    assert "holds sound alone" in said
    assert "there is no video" in said


def test_a_detector_sees_the_same_in_a_cluster(
    cluster: Any, films: list[str], config: str, tmp_path: Path
):
    pytest.importorskip("transformers", reason="the extra `words` cannot be imported")
    from tiny_models import save_owl  # noqa: PLC0415 - transformers may be missing.

    detector = tmp_path / "detector.yaml"
    detector.write_text(
        f"perception:\n  type: open_vocabulary\n  model: {save_owl(tmp_path / 'owl')}\n"
        "  labels: [mug, remote control, sofa]\n  score: 0.0\n  max_detections: 4\n"
    )
    given = {"rate": 1.0, "side": 64, "detector": str(detector)}
    assert remember(films, tmp_path / "serial", config, **given) == 0
    assert remember(films, tmp_path / "store", config, cluster.address, **given) == 0
    assert content(tmp_path / "store") == content(tmp_path / "serial")
    with EventIndex(tmp_path / "store", read_only=True) as index:
        assert {thing.name for thing in index.things()} <= {"mug", "remote control", "sofa"}
        assert index.things()


def test_things_are_followed_over_the_seams_of_chunks(serial: Path):
    with EventIndex(serial, read_only=True) as index:
        (_, other) = index.videos()
        visits = index.events("kind = 'visit' AND video = ?", (other.id,))
        ((passer, _),) = visits[0].things
        stamps = [
            at for path in index.paths(other.id) if path.thing == passer for at in path.stamps
        ]
    assert len(visits) == len(OTHER.events)
    assert visits[0].start == pytest.approx(13, abs=0.6)
    assert visits[0].stop == pytest.approx(24, abs=0.6)
    assert stamps == sorted(stamps)
    assert len(stamps) > 0.9 * 4 * (24 - 13)


def test_the_chunk_of_a_killed_worker_is_looked_at_again(
    cluster: Any, films: list[str], config: str, serial: Path, tmp_path: Path
):
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(killed,))
    killer.start()
    assert remember(films, tmp_path / "store", config, cluster.address) == 0
    killer.join()
    assert killed
    assert content(tmp_path / "store") == content(serial)


def kill_a_worker(killed: list[int]) -> None:
    """Kill the first process that says of itself that it looks at a chunk."""
    until = time.monotonic() + 60
    while not killed and time.monotonic() < until:
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and b"_Worker.do" in command_line(entry):
                os.kill(int(entry.name), signal.SIGKILL)
                killed.append(int(entry.name))
                return
        time.sleep(0.005)


def command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_run_that_one_process_began_is_ended_by_a_cluster(
    cluster: Any, films: list[str], config: str, serial: Path, tmp_path: Path, monkeypatch
):
    seen = [0]

    def interrupt(*_: object, **__: object) -> None:
        seen[0] += 1
        if seen[0] == 130:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rich.progress.Progress.update", interrupt)
        assert remember(films, tmp_path / "store", config) == 130
    with EventIndex(tmp_path / "store", read_only=True) as index:
        (begun,) = index.videos()
        assert not begun.done
        assert begun.seconds > 0
    assert remember(films, tmp_path / "store", config, cluster.address) == 0
    assert content(tmp_path / "store") == content(serial)


def test_a_cluster_that_does_not_answer_is_told_in_one_sentence(
    films: list[str], config: str, tmp_path: Path, capsys
):
    pytest.importorskip("ray", reason="ray is not installed: `pip install 'embodied-mem[ray]'`")
    assert remember(films, tmp_path / "store", config, "127.0.0.1:9") == 2
    assert "no Ray cluster answers at '127.0.0.1:9'" in capsys.readouterr().err
