"""A picture finds the moment of a film that it was taken from."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from films import remember, write_minute

from embodied_mem.app.ask import ask
from embodied_mem.app.commands import Ask
from embodied_mem.app.console import console
from embodied_mem.errors import BackendError, StoreError
from embodied_mem.memory import Memory
from embodied_mem.memory.events.index import EventIndex


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    path = write_minute(folder / "minute.mp4")
    with EventIndex(folder / "store") as index:
        remember(index, path)
    return path


def frame_at(film: Path, seconds: float, scale: int = 3) -> np.ndarray:
    """Return a frame of the film, larger, BGR."""
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= seconds:
                shown = frame.to_ndarray(format="bgr24")
                return cv2.resize(shown, None, fx=scale, fy=scale)
    raise AssertionError("the film is shorter")


def asked(film: Path, label: str | None = None, **more) -> str:
    with console.capture() as capture:
        assert ask(Ask(store=str(film.parent / "store"), label=label, **more)) == 0
    return capture.get()


def test_a_picture_finds_its_moment(film: Path, tmp_path: Path):
    picture = str(tmp_path / "seen.png")
    cv2.imwrite(picture, frame_at(film, 26.0))
    told = asked(film, image=picture)
    assert "red" in told.splitlines()[0]
    assert "top left" in told.splitlines()[0]


def test_a_picture_of_elsewhere_was_not_seen(film: Path, tmp_path: Path):
    picture = str(tmp_path / "elsewhere.png")
    cv2.imwrite(picture, np.full((120, 160, 3), (90, 20, 10), np.uint8))
    assert asked(film, image=picture).startswith("not seen: nothing that looks alike")


def test_a_picture_and_a_question_go_together(film: Path, tmp_path: Path):
    picture = str(tmp_path / "seen.png")
    cv2.imwrite(picture, frame_at(film, 26.0))
    assert "green" not in asked(film, "when did something red appear?", image=picture)


def test_what_is_no_picture_is_told(film: Path, tmp_path: Path):
    with pytest.raises(BackendError, match="is no picture"):
        asked(film, image=str(film))
    with pytest.raises(BackendError, match="cannot read the picture"):
        asked(film, image=str(tmp_path / "nowhere.png"))


def test_a_house_has_no_videos_that_look_like_anything(tmp_path: Path):
    Memory.open(tmp_path / "house").close()
    with pytest.raises(StoreError, match="holds none"), console.capture():
        ask(Ask(store=str(tmp_path / "house"), image="a.png"))
