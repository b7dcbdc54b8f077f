"""Videos taken in and asked about at the terminal."""

from pathlib import Path

import pytest
from films import write_minute
from tiny_videos import write_sound

from embodied_mem.app.ask import ask
from embodied_mem.app.commands import Ask
from embodied_mem.app.console import console
from embodied_mem.app.video_commands import VideoRemember, with_task
from embodied_mem.app.video_remember import remember_videos
from embodied_mem.errors import BackendError, ConfigError, StoreError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("videos")
    film, sound = write_minute(folder / "minute.mp4"), write_sound(folder / "sound.wav")
    with console.capture() as capture:
        command = VideoRemember(
            sources=(str(sound), str(film)), store=str(folder / "store"), rate=4, side=160
        )
        assert remember_videos(command) == 0
    assert "skipped" in capture.get()
    assert "sound alone" in capture.get()
    return str(folder / "store")


def asked(store: str, label: str, **more) -> str:
    with console.capture() as capture:
        assert ask(Ask(store=store, label=label, **more)) == 0
    return capture.get()


def test_visits_are_counted(store: str):
    assert asked(store, "how many times did something black appear?").startswith("2 ")


def test_a_time_is_told_with_a_key_frame_and_a_belief(store: str):
    told = asked(store, "when did something red appear?")
    assert told.startswith(("at 25.", "from 25.", "at 24.", "from 24."))
    assert ".jpg" in told
    assert "top left" in told


def test_the_last_one_is_told_first(store: str):
    assert asked(store, "when did something black last leave?").startswith("at 38.")


def test_what_was_not_there_was_not_seen(store: str):
    assert "not seen" in asked(store, "when did the elephant appear?")
    assert "not seen" in asked(store, "when did something yellow appear?")
    assert "not seen" in asked(store, "did something red appear after 40 s?")


def test_an_answer_is_json_where_that_is_asked_for(store: str):
    assert '"seen": true' in asked(store, "did something green appear?", json=True)


def test_one_video_can_be_named(store: str):
    assert asked(store, "how many visits?", video="minute").startswith("4 visits")
    with pytest.raises(StoreError, match="means 0 videos"):
        asked(store, "how many visits?", video="hour")


def test_without_a_question_all_segments_are_told(store: str):
    assert "came in at the left" in asked(store, "")


def test_video_without_a_word_is_to_remember():
    assert with_task(["video", "a.mp4", "--store", "m"])[1] == "remember"
    assert with_task(["video", "track", "a.mp4"])[1] == "track"
    assert with_task(["video", "--help"])[1] == "--help"
    assert with_task(["ask", "m"]) == ["ask", "m"]


def test_mistakes_are_told(tmp_path: Path):
    with pytest.raises(BackendError, match="none of 1 sources"), console.capture():
        remember_videos(VideoRemember(sources=("nowhere.mp4",), store=str(tmp_path / "m")))
    with pytest.raises(ConfigError, match="rates must be above 0"):
        remember_videos(VideoRemember(sources=("a",), store=str(tmp_path / "m"), rate=0))
    with pytest.raises(ConfigError, match="needs `--weights"):
        remember_videos(VideoRemember(sources=("a",), store="m", features="timm"))
