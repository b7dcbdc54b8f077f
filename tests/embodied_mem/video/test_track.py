"""`embodied-mem video track` on tiny videos; weights are drawn, so that masks mean nothing."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tiny_videos import (
    FRAMES,
    H,
    W,
    files,
    mask,
    write_folder,
    write_masks,
    write_sound,
    write_video,
    write_weights,
)

from embodied_mem.app import video_track
from embodied_mem.app.cli import execute
from embodied_mem.app.video_commands import Video, VideoScore, VideoTrack
from embodied_mem.app.video_run import VideoRun
from embodied_mem.video.coco import CocoMasks
from embodied_mem.video.frames import open_frames
from embodied_mem.video.mask_files import read_mask

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights") / "xmem.safetensors")


@pytest.fixture(autouse=True, scope="module")
def _loaded_once():
    """Keep the network between runs: it is a quarter of a gigabyte."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video_track, "load_network", functools.cache(video_track.load_network))
        yield


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "tour.mp4")


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Return two objects in the first frame, and a third in frame 4."""
    late = mask(0, 0, 7, left=3)
    return write_masks(tmp_path / "given", {"00000": mask(1, 2), "00004": late})


def track(source: Path, out: Path, weights: Path, **flags) -> int:
    command = VideoTrack(source=str(source), out=str(out), weights=str(weights), device="cpu",
                         every=3, **flags)  # fmt: skip
    return execute(Video(task=command))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, weights) -> Path:
    """Return the folder of a run that was not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    source = write_video(folder / "tour.mp4")
    given = write_masks(folder / "given", {"00000": mask(1, 2), "00004": mask(0, 0, 7, left=3)})
    assert track(source, folder / "out", weights, masks=str(given), overlay=True) == 0
    return folder / "out"


def test_a_run_leaves_a_mask_for_every_frame_and_the_rest(whole: Path):
    written = files(whole)
    assert list(written) == [f"{number:05d}.png" for number in range(FRAMES)]
    first = read_mask(whole / "masks/00000.png")
    np.testing.assert_array_equal(first.ids, mask(1, 2))
    assert first.palette is not None
    assert first.palette[1].tolist() == [128, 0, 0]
    tracks = CocoMasks(whole / "tracks.json")
    for frame in tracks.frames:
        ids = read_mask(whole / f"masks/{frame}.png", strict=False).ids
        np.testing.assert_array_equal(tracks.read(frame), ids)
    assert 7 in tracks.objects
    overlay = open_frames(whole / "overlay.mp4")
    assert overlay.rate == 12
    pictures = list(overlay.frames())
    assert len(pictures) == FRAMES
    assert pictures[0].rgb is not None
    assert pictures[0].rgb.shape == (H, W, 3)
    assert not (whole / "resume").exists()


def test_a_done_run_is_left_as_it_is(whole: Path, weights, monkeypatch, capsys):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()}
    monkeypatch.setattr(video_track, "load_network", None)  # Nothing is computed.
    given = whole.parent / "given"
    assert track(whole.parent / "tour.mp4", whole, weights, masks=str(given)) == 0
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()} == before
    assert "frames/s" in capsys.readouterr().out
    assert track(whole.parent / "tour.mp4", whole, weights, masks=str(given), size=64) == 2
    assert "holds a run with other tracker" in capsys.readouterr().err


def test_looking_ahead_gives_the_same_masks(whole: Path, video, masks, weights, tmp_path: Path):
    """In batches of four, the last one short, with a mask for the first frame of the second."""
    assert track(video, tmp_path / "out", weights, masks=str(masks), look_ahead=4) == 0
    assert files(tmp_path / "out") == files(whole)


@pytest.mark.parametrize("stop", [5, 8])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(
    stop: int, whole: Path, video, masks, weights, tmp_path: Path, monkeypatch, capsys
):
    """Ctrl-C comes while frame `stop` is worked on; its step is finished and kept."""
    out, step = tmp_path / "out", video_track._step

    def interrupted(tracker, source, annotations, frame, view):
        if frame.index == stop:
            signal.raise_signal(signal.SIGINT)
        return step(tracker, source, annotations, frame, view)

    with monkeypatch.context() as patch:
        patch.setattr(video_track, "_step", interrupted)
        assert track(video, out, weights, masks=str(masks), save_every=4) == 130
    assert len(files(out)) == stop + 1
    assert [path.stem for path in (out / "resume").iterdir()] == [f"{stop + 1:08d}"]
    capsys.readouterr()
    assert track(video, out, weights, masks=str(masks), save_every=4) == 0
    assert f"going on with frame {stop + 1}" in capsys.readouterr().out
    assert files(out) == files(whole)
    assert (out / "tracks.json").read_bytes() == (whole / "tracks.json").read_bytes()


def test_a_run_that_stops_before_the_first_mask_goes_on(weights, tmp_path: Path, monkeypatch):
    """There is nothing to remember yet; that is kept too."""
    source, out = write_folder(tmp_path / "frames", 4), tmp_path / "out"
    given = write_masks(tmp_path / "given", {"f2": mask(5)})
    step = video_track._step

    def interrupted(tracker, origin, annotations, frame, view):
        signal.raise_signal(signal.SIGINT)
        return step(tracker, origin, annotations, frame, view)

    with monkeypatch.context() as patch:
        patch.setattr(video_track, "_step", interrupted)
        assert track(source, out, weights, masks=str(given), tracks=False) == 130
    assert list(files(out)) == ["f0.png"]
    assert track(source, out, weights, masks=str(given), tracks=False) == 0
    assert [read_mask(out / f"masks/f{k}.png").objects for k in range(3)] == [(), (), (5,)]


def test_a_second_interruption_goes_on_from_the_last_saving(
    whole: Path, video, masks, weights, tmp_path: Path, monkeypatch
):
    out, step = tmp_path / "out", video_track._step

    def interrupted(tracker, source, annotations, frame, view):
        if frame.index == 9:
            raise KeyboardInterrupt  # The second Ctrl-C, in the midst of things.
        return step(tracker, source, annotations, frame, view)

    with monkeypatch.context() as patch:
        patch.setattr(video_track, "_step", interrupted)
        assert track(video, out, weights, masks=str(masks), save_every=4) == 130
    assert [path.stem for path in (out / "resume").iterdir()] == ["00000008"]
    assert track(video, out, weights, masks=str(masks)) == 0
    assert files(out) == files(whole)


def test_a_killed_run_goes_on_as_if_it_had_not_been(
    whole: Path, video, masks, weights, tmp_path: Path
):
    out = tmp_path / "out"
    words = ["video", "track", str(video), "--masks", str(masks), "--weights", str(weights),
             "--out", str(out), "--every", "3", "--device", "cpu", "--save-every", "2"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "embodied_mem", *words],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not list((out / "resume").glob("*.safetensors")) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "tracks.json").exists()
    assert track(video, out, weights, masks=str(masks)) == 0
    assert files(out) == files(whole)


def test_a_folder_of_images_is_followed_by_name(weights, tmp_path: Path, capsys, caplog):
    """Masks before the given one are empty; a frame that cannot be read has none."""
    source = write_folder(tmp_path / "frames")
    (source / "f5.png").write_bytes(b"no image")
    given = write_masks(tmp_path / "given", {"f2": mask(44)})
    assert track(source, tmp_path / "out", weights, masks=str(given), tracks=False) == 0
    written = files(tmp_path / "out")
    assert set(written) == {f"f{number}.png" for number in range(FRAMES) if number != 5}
    assert not read_mask(tmp_path / "out/masks/f1.png").ids.any()
    assert read_mask(tmp_path / "out/masks/f2.png").objects == (44,)
    assert "1 frames could not be read" in capsys.readouterr().out
    assert "frame f5 cannot be read and is skipped" in caplog.text
    truth = tmp_path / "out" / "masks"
    assert execute(Video(task=VideoScore(results=str(tmp_path / "out"), truth=str(truth)))) == 0


def test_points_make_masks(weights, tmp_path: Path):
    source = write_folder(tmp_path / "frames", 3)
    inside = ((8, 10), (17, 21), (12, 15))
    points = {
        "4": [{"frame": 0, "x": 3, "y": 28}],
        "9": [{"frame": 0, "x": x, "y": y} for x, y in inside],
    }
    (tmp_path / "p.json").write_text(json.dumps(points))
    out = tmp_path / "out"
    assert track(source, out, weights, points=str(tmp_path / "p.json"), tracks=False) == 0
    ids = read_mask(out / "masks/f0.png", strict=False).ids
    assert ids[28, 3] == 4
    assert (ids == 4).sum() < 12, "one point is a small disk"
    box = mask(0)
    box[8:24, 6:20] = 9
    overlap = ((ids == 9) & (box == 9)).sum() / ((ids == 9) | (box == 9)).sum()
    assert overlap > 0.9, "several points find the box of one colour"


def test_what_cannot_be_followed_is_one_sentence(weights, tmp_path: Path, capsys):
    video = write_video(tmp_path / "tour.mp4", 3)
    whole_file = video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole_file[: len(whole_file) // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    write_sound(tmp_path / "sound.wav")
    write_video(tmp_path / "still.mp4", 0)
    (tmp_path / "nothing").mkdir()
    good = write_masks(tmp_path / "good", {"00000": mask(1)})
    write_masks(tmp_path / "large", {"00000": mask(1, height=64, width=64)})
    write_masks(tmp_path / "stray", {"00009": mask(1)})
    write_masks(tmp_path / "black", {"00000": mask()})
    Image.new("RGB", (W, H)).save(tmp_path / "rgb.png")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.doc").touch()
    (tmp_path / "p.json").write_text('{"1": [{"frame": 0, "x": 99, "y": 1}]}')
    out, none = tmp_path / "out", tmp_path / "none"
    told = {
        "say what to follow": {"masks": None},
        "there is no video": {"source": none},
        "cannot be opened as a video .*cut off": {"source": tmp_path / "cut.mp4"},
        "cannot be opened as a video .*empty": {"source": tmp_path / "empty.mp4"},
        "holds sound alone": {"source": tmp_path / "sound.wav"},
        "cannot be opened as a video .no pictures": {"source": tmp_path / "still.mp4"},
        "holds no images": {"source": tmp_path / "nothing"},
        "holds no masks": {"masks": str(tmp_path / "nothing")},
        "there are no masks at": {"masks": str(none)},
        "is a colour image": {"masks": str(tmp_path / "rgb.png")},
        "show no objects": {"masks": str(tmp_path / "black")},
        "nothing in .* is of a frame": {"masks": str(tmp_path / "stray")},
        "the mask 00000.png must have its frame's size, 48x32, got 64x64": {
            "masks": str(tmp_path / "large"),
            "out": tmp_path / "out2",
        },
        "lies outside frame 0, which is 48x32": {
            "masks": None,
            "points": str(tmp_path / "p.json"),
            "out": tmp_path / "out3",
        },
        "cannot read weights from": {"weights": none},
        "exists and is no tracking run": {"out": tmp_path / "taken"},
        "there is no device 'abacus' on this machine": {"device": "abacus"},
    }
    for words, changes in told.items():
        usual = {"source": str(video), "out": str(out), "weights": str(weights), "masks": str(good)}
        flags = {k: v if v is None else str(v) for k, v in {**usual, **changes}.items()}
        code = execute(Video(task=VideoTrack(**flags)))  # pyright: ignore[reportArgumentType]
        said = capsys.readouterr().err
        assert code == 2, words
        assert said.count("\n") == 1, said
        assert re.search(words, said), said


def test_a_video_that_was_cut_short_is_followed_as_far_as_it_goes(weights, tmp_path: Path, capsys):
    """An index at the front promises frames that are gone."""
    whole_video = write_video(tmp_path / "tour.mp4")
    front = tmp_path / "front.mp4"
    with (
        av.open(str(whole_video)) as old,
        av.open(str(front), "w", options={"movflags": "faststart"}) as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    data = front.read_bytes()
    front.write_bytes(data[: int(len(data) * 0.7)])
    given = write_masks(tmp_path / "given", {"0": mask(1)})
    assert track(front, tmp_path / "out", weights, masks=str(given), tracks=False) == 0
    count = len(files(tmp_path / "out"))
    assert 1 <= count < FRAMES
    assert f"promises {FRAMES - count} frames more than could be read" in capsys.readouterr().out


def test_scores_are_a_table_and_json(tmp_path: Path, capsys, caplog):
    truth = write_masks(tmp_path / "truth/a", {f"{k:05d}": mask(1, 2) for k in range(4)}).parent
    write_masks(tmp_path / "truth/b", {f"{k:05d}": mask(5) for k in range(4)})
    found = write_masks(tmp_path / "found/a", {f"{k:05d}": mask(1, 9) for k in range(4)}).parent
    write_masks(tmp_path / "found/b", {f"{k:05d}": mask(5) for k in range(4)})
    meta = {"videos": {"a": {"objects": {"1": {"category": "cat"}, "2": {"category": "elk"}}},
                       "b": {"objects": {"5": {"category": "cat"}}}}}  # fmt: skip
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "seen.txt").write_text("cat\ndog\n")
    flags: dict[str, Any] = {
        "results": str(found),
        "truth": str(truth),
        "json": str(tmp_path / "s.json"),
    }
    known: dict[str, Any] = {
        "meta": str(tmp_path / "meta.json"),
        "seen": str(tmp_path / "seen.txt"),
    }
    assert execute(Video(task=VideoScore(**flags, **known))) == 0
    assert "g 0.500" in capsys.readouterr().out
    assert "objects [9] are not in the truth" in caplog.text
    scores = json.loads((tmp_path / "s.json").read_text())
    assert [(s["sequence"], s["object_id"], s["frames"], s["j"]) for s in scores["objects"]] == [
        ("a", 1, 2, 1.0), ("a", 2, 2, 0.0), ("b", 5, 2, 1.0),
    ]  # fmt: skip
    assert scores["sequences"]["a"]["jf"] == 0.5
    (found / "a" / "00002.png").unlink()
    assert execute(Video(task=VideoScore(**flags))) == 2
    assert "lacks the masks of 1 annotated frames, the first of them 00002.png" in (
        capsys.readouterr().err
    )
    assert execute(Video(task=VideoScore(**flags, meta="m.json"))) == 2


def test_the_mask_of_a_run_is_written_by_one_name(tmp_path: Path):
    """Ids above 255 need grey images of 16 bits; runs go on with the same kind."""
    settings = video_track.Settings(
        source="", annotations="", weights="", tracker=video_track.TrackerConfig()
    )
    run = VideoRun(tmp_path / "out", settings, largest=300)
    run.write_mask("a", mask(2))
    with Image.open(tmp_path / "out/masks/a.png") as image:
        assert image.mode == "L"
    assert run.names() == ["a"]
