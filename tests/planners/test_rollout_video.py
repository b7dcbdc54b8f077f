"""Videos of a policy's episodes: what they show, and that no half of one has a video's name."""

import resource
import signal
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
import pytest
from cue_processes import kill_at_the_fourth_picture, walked
from cue_task import TASK, Shown
from jaxtyping import Float32, UInt8

from embodied_mem.app.eval_policy import videos_in
from embodied_mem.errors import BackendError, ConfigError
from planners.diffusion.rollout_video import draw, file_name, phase, pixels, write_rollout
from planners.diffusion.trial import Moment


def decoded(path: Path) -> list[UInt8[np.ndarray, "h w 3"]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_video_shows_every_step_enlarged(tmp_path: Path) -> None:
    trial = walked(0)
    write_rollout(tmp_path / "a.mp4", trial)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    frames = decoded(tmp_path / "a.mp4")
    assert len(frames) == len(trial.moments) + 7  # The last one stays for a while.
    scale = 640 // 24
    for step in (0, 1):
        image = np.kron(trial.moments[step].seen.image, np.ones((scale, scale, 1)))
        shown = frames[step][48 : 48 + image.shape[0], : image.shape[1]]
        assert np.abs(shown - image).mean() < 8
    later = [draw(trial.moments, step) for step in range(len(trial.moments))]
    assert all((a != b).any() for a, b in pairwise(later))


@pytest.mark.parametrize(("off", "colour"), [(0, (90, 214, 120)), (1, (255, 120, 100))])
def test_rings_tell_what_was_decided_and_touched(off: int, colour: tuple[int, int, int]) -> None:
    trial = walked(off)
    moments = trial.moments
    assert [phase(moment.seen) for moment in moments][:2] == ["cue", "nothing"]
    assert phase(moments[-1].seen) == "choice"
    chosen = (moments[-1].seen.cue + off) % 3
    place = pixels(moments[-1].seen)[chosen] * (640 // 24) + (0, 48)
    known = next(i for i, moment in enumerate(moments) if moment.decision is not None)
    at_touch = next(i for i, moment in enumerate(moments) if moment.touched is not None)
    for radius, first in ((24, known), (33, at_touch)):
        assert ringed(moments, first, place, radius, colour)
        assert not ringed(moments, first - 1, place, radius, colour)


def ringed(
    moments: list[Moment], step: int, place: np.ndarray, radius: int, colour: tuple[int, int, int]
) -> bool:
    picture = draw(moments, step)
    around = [(1, 0), (-1, 0)]
    points = [(place + radius * np.array(each)).round().astype(int) for each in around]
    return all(tuple(picture[y, x]) == colour for x, y in points)


@dataclass(frozen=True)
class Behind(Shown):
    """The same, with the camera turned away."""

    @property
    def camera(self) -> Float32[np.ndarray, "3 4"]:
        return -super().camera


def test_what_is_behind_the_camera_gets_no_ring() -> None:
    last = walked(0).moments[-1]
    seen = Behind(last.seen.episode, last.seen.step, last.seen.tool)  # pyright: ignore
    assert np.isnan(pixels(seen)).all()
    ringed_one, bare = (draw([replace(last, seen=each)], 0) for each in (last.seen, seen))
    assert (np.abs(ringed_one.astype(int) - bare).sum(2) > 0).sum() > 500


def test_a_kill_leaves_no_half_video_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    process = get_context("spawn").Process(target=kill_at_the_fourth_picture, args=(str(path),))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not path.exists()
    write_rollout(path, walked(0))
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_without_room_a_video_is_left_out_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = walked(0)
    row, watch = trial.outcome("p.safetensors, emptied", TASK), videos_in(tmp_path)
    assert file_name(row) == "toy-7-p-emptied.mp4"
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.SIGXFSZ
    handler = signal.signal(ignored, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))  # As on a disk that is full.
    try:
        watch(trial, row)
        with pytest.raises(BackendError, match="cannot write"):
            write_rollout(tmp_path / "b.mp4", trial)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(ignored, handler)
    assert "no video toy-7-p-emptied.mp4: the disk is full" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    watch(trial, row)
    assert [file.name for file in tmp_path.iterdir()] == ["toy-7-p-emptied.mp4"]


def test_a_folder_or_package_that_is_missing_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot make the folder .*: "):
        videos_in(tmp_path / "file" / "videos")
    for name in ("planners.diffusion.rollout_video", "embodied_mem.video.overlay"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"videos cannot be written here .*pip install av"):
        videos_in(tmp_path)
