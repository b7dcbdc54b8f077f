"""Videos become memories: events, resumption, bad files; the films' scripts are the truth."""

import random
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from film_server import run, server
from films import SCRIPT, content, remember, settings, write_minute
from tiny_videos import write_folder, write_sound, write_video

from embodied_mem.errors import BackendError, ConfigError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.video.samples import Samples
from perception.video.intake import take_in
from perception.video.look import GridLook


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_minute(tmp_path_factory.mktemp("films") / "minute.mp4")


@pytest.fixture(scope="module")
def store(film: Path) -> Path:
    folder = film.parent / "store"
    with EventIndex(folder) as index:
        remember(index, film)
    return folder


def test_what_the_script_planted_is_remembered_at_its_time(store: Path):
    with EventIndex(store, read_only=True) as index:
        visits = index.events("kind = 'visit'")
    assert len(visits) == len(SCRIPT.events)
    for visit, planted in zip(visits, SCRIPT.events, strict=True):
        assert visit.start == pytest.approx(planted.start, abs=0.6)
        assert visit.stop == pytest.approx(planted.stop, abs=0.6)
        if planted.kind == "square":
            assert f"{planted.colour} appeared at the {planted.region}" in visit.caption


def test_segments_tile_the_video_and_clips_hold_them(store: Path):
    with EventIndex(store, read_only=True) as index:
        (video,) = index.videos()
        segments = index.events("level = 'segment'")
        clips = {event.id: event for event in index.events("level = 'clip'")}
        moments = index.events("level = 'moment'")
    assert segments[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(segments))
    assert segments[-1].stop >= video.seconds
    for segment in segments:
        clip = clips[segment.parent or 0]
        assert clip.start <= segment.start < clip.stop
    by_id = {segment.id: segment for segment in segments}
    for moment in moments:
        segment = by_id[moment.parent or 0]
        assert segment.start <= moment.start < segment.stop


def test_every_event_has_its_key_frame_on_disk(store: Path):
    with EventIndex(store, read_only=True) as index:
        for event in index.events():
            assert index.picture(event.picture)[:3] == b"\xff\xd8\xff"
        shown = {event.picture for event in index.events()}
        assert shown == {path.name for path in index.pictures.iterdir()}


def test_a_video_that_is_done_is_left_as_it_is(film: Path, store: Path, tmp_path: Path):
    before = content(store)
    copy = tmp_path / "renamed.mp4"
    copy.write_bytes(film.read_bytes())
    with EventIndex(store) as index:
        assert remember(index, film).done
        assert remember(index, copy).name == "minute.mp4"
    assert content(store) == before


def test_other_settings_do_not_go_on_with_a_video_half_done(film: Path, tmp_path: Path):
    with EventIndex(tmp_path / "store") as index:
        stop_after(index, film, 70)
        with pytest.raises(ConfigError, match="begun with other settings"):
            remember(index, film, rate=2.0)


def test_an_interrupted_intake_ends_with_the_same_content(film: Path, store: Path, tmp_path: Path):
    folder = tmp_path / "store"
    for count in (60, 90, 40):
        with EventIndex(folder) as index:
            stop_after(index, film, count)
    with EventIndex(folder) as index:
        remember(index, film)
    assert content(folder) == content(store)


def stop_after(index: EventIndex, film: Path, count: int) -> None:
    """Take in so many pictures, and press Ctrl-C."""
    left = [count]

    def check() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_in(index, film, settings(), GridLook(), check=check)


def test_intakes_that_are_killed_end_with_the_same_content(film: Path, store: Path, tmp_path: Path):
    chance = random.Random(0)
    with server() as process:
        for number in range(3):
            folder = tmp_path / f"store{number}"
            at = chance.uniform(0, SCRIPT.seconds - 5)
            assert run(process, film, folder, kill_at=at) == signal.SIGKILL
            assert run(process, film, folder, kill_at=None) == 0
            assert content(folder) == content(store), f"killed at {at:.1f} s"


def test_a_resumed_reading_goes_on_with_the_next_picture(film: Path):
    samples = Samples(film, rate=3.0, side=64)
    whole = list(samples)
    assert len(whole) == 180
    for start in (0, 17, 100):
        rest = list(samples.after(whole[start].position))
        assert [s.position for s in rest] == [s.position for s in whole[start + 1 :]]
        assert all((a.rgb == b.rgb).all() for a, b in zip(rest, whole[start + 1 :], strict=True))


def test_a_truncated_file_is_taken_in_as_far_as_it_goes(film: Path, tmp_path: Path):
    cut = tmp_path / "cut.avi"
    write_video(cut, frames=120)
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    with EventIndex(tmp_path / "store") as index:
        video = remember(index, cut)
    assert video.done
    assert "cut short" in video.note


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.mp4", b"", "cannot be opened as a video"),
        ("noise.mp4", bytes(range(256)) * 40, "cannot be opened as a video"),
        ("missing.mp4", None, "there is no video"),
    ],
)
def test_a_file_that_is_no_video_is_told_in_one_sentence(
    tmp_path: Path, name: str, data: bytes | None, message: str
):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with EventIndex(tmp_path / "store") as index, pytest.raises(BackendError, match=message):
        remember(index, path)


def test_sound_alone_and_a_film_without_frames_leave_no_video_behind(tmp_path: Path):
    with EventIndex(tmp_path / "store") as index:
        with pytest.raises(BackendError, match="sound alone"):
            remember(index, write_sound(tmp_path / "sound.wav"))
        with pytest.raises(BackendError, match="no pictures in it"):
            remember(index, write_video(tmp_path / "none.mp4", frames=0))
        assert index.videos() == []


def test_a_folder_of_images_is_a_video_too(tmp_path: Path):
    with EventIndex(tmp_path / "store") as index:
        video = remember(index, write_folder(tmp_path / "images"), rate=30.0)
        assert video.seconds == pytest.approx(11 / 30)
        assert index.events("level = 'segment'")
