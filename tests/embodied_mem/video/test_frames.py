"""Sources of frames, threads that read and write, and what is drawn."""

import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_videos import FRAMES, H, W, mask, picture, write_folder, write_video

from embodied_mem.errors import BackendError
from embodied_mem.video.ahead import WriteBehind, read_ahead
from embodied_mem.video.frames import natural_key, open_frames
from embodied_mem.video.overlay import OverlayVideo, draw_overlay
from embodied_mem.video.palette import colour_of


def test_a_file_gives_numbered_frames_from_any_start(tmp_path: Path):
    source = open_frames(write_video(tmp_path / "tour.mp4"))
    assert (source.rate, source.count) == (12, FRAMES)
    frames = list(source.frames())
    assert [frame.name for frame in frames] == [f"{number:05d}" for number in range(FRAMES)]
    for number, frame in enumerate(frames):
        assert frame.rgb is not None
        assert np.abs(frame.rgb.astype(int) - picture(number)).mean() < 12
    late = list(source.frames(7))
    assert [frame.index for frame in late] == list(range(7, FRAMES))
    np.testing.assert_array_equal(late[0].rgb, frames[7].rgb)
    assert source.key("007") == source.key("7") == "7"


def test_a_folder_goes_by_the_numbers_in_names(tmp_path: Path):
    folder = write_folder(tmp_path / "frames")
    source = open_frames(folder)
    assert [f.name for f in source.frames()] == [f"f{number}" for number in range(FRAMES)]
    assert [f.index for f in source.frames(9)] == [9, 10, 11]
    Image.fromarray(picture(0)).save(folder / "f3.jpg")
    with pytest.raises(BackendError, match="two images called f3, of different kinds"):
        open_frames(folder)


@given(st.lists(st.text("a1_20", max_size=6), unique=True, max_size=8))
@settings(max_examples=40, deadline=None)
def test_the_order_of_names_is_total(names: list[str]):
    ordered = sorted(names, key=natural_key)
    backwards = names[::-1]
    assert ordered == sorted(backwards, key=natural_key)
    assert len({natural_key(name) for name in names}) == len(names)


def test_reading_ahead_keeps_order_is_bounded_and_ends_with_the_reader():
    taken: list[int] = []
    reader = read_ahead((taken.append(k) or k for k in range(1000)), 3)
    assert list(islice(reader, 5)) == [0, 1, 2, 3, 4]
    time.sleep(0.05)
    assert len(taken) <= 5 + 3 + 1, "three wait, and one is on its way"
    reader.close()
    assert not [t for t in threading.enumerate() if t.name == "read-ahead"]

    def broken():
        yield 1
        raise BackendError("the disk is gone")

    failing = read_ahead(broken(), 3)
    assert next(failing) == 1
    with pytest.raises(BackendError, match="the disk is gone"):
        next(failing)


def test_writing_behind_keeps_order_and_tells_what_went_wrong():
    written: list[int] = []
    with WriteBehind(written.append, 2) as writer:
        for number in range(50):
            writer.put(number)
        writer.flush()
        assert written == list(range(50))

    def fail(number: int) -> None:
        raise BackendError(f"cannot write {number}")

    def write_one() -> None:
        with WriteBehind(fail, 2) as writer:
            writer.put(1)

    with pytest.raises(BackendError, match="cannot write 1"):
        write_one()


def test_objects_are_tinted_in_their_colours_and_the_rest_is_left_alone():
    rgb, ids = picture(0), mask(1, 300)
    drawn = draw_overlay(rgb, ids, contour=0)
    np.testing.assert_array_equal(drawn[ids == 0], rgb[ids == 0])
    for object_id in (1, 300):
        expected = (rgb[ids == object_id] + np.array(colour_of(object_id), float)) / 2
        assert np.abs(drawn[ids == object_id] - expected).max() <= 0.5
    outlined = draw_overlay(rgb, ids, opacity=0)
    assert tuple(outlined[8, 6]) == colour_of(1), "the contour is not mixed with the image"
    assert tuple(outlined[16, 12]) == tuple(rgb[16, 12])
    np.testing.assert_array_equal(draw_overlay(rgb, np.zeros_like(ids)), rgb)


def test_an_overlay_of_odd_size_is_written_whole_or_not_at_all(tmp_path: Path):
    with OverlayVideo(tmp_path / "a.mp4", 7) as video:
        for number in range(3):
            video.write(picture(number, H + 1, W + 1))
        video.write(picture(3, 2 * H, 2 * W))
    source = open_frames(tmp_path / "a.mp4")
    assert (source.rate, source.count) == (7, 4)
    first = next(iter(source.frames()))
    assert first.rgb is not None
    assert first.rgb.shape == (H + 2, W + 2, 3)

    def stopped() -> None:
        with OverlayVideo(tmp_path / "b.mp4", 7) as other:
            other.write(picture(0))
            raise BackendError("stop")

    with pytest.raises(BackendError, match="stop"):
        stopped()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
