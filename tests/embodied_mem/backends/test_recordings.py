"""Recorded folders: what was written comes back, and what is broken is left out and counted."""
# ruff: noqa: E501 - messages stand as they are printed.

import contextlib
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from contracts.backend_contract import BackendContract, assert_same_view
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from PIL import Image
from recording_layouts import FPS, WRITERS, write_7scenes, write_desk, write_record3d, write_tum
from scipy.spatial.transform import RigidTransform

from embodied_mem.backends.calibration import Distortion, Undistorter, register
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.household.tour import tour
from embodied_mem.backends.recordings import (
    Recording,
    RecordingBackend,
    RecordingConfig,
    RecordingWriter,
)
from embodied_mem.backends.recordings.folder import Head
from embodied_mem.backends.recordings.recording import RegistrationConfig
from embodied_mem.backends.recordings.tum import associate
from embodied_mem.errors import BackendError, ConfigError, FrameError, StoreError
from embodied_mem.memory import Memory
from embodied_mem.types import PASS, Camera, Frame
from perception import Pipeline

SMALL = HouseholdSimConfig(house=HouseSource(seed=3, rooms=1), width=80, height=60)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    with HouseholdSim(SMALL) as sim:
        return list(islice(tour(sim), 6))


def config(folder: Path, frames: Sequence[Frame], **settings) -> RecordingConfig:
    camera = frames[0].camera
    assert camera is not None
    given = (camera.fx, camera.fy, camera.cx - 0.5, camera.cy - 0.5)
    if not (folder / "metadata.json").is_file():  # Record3D's writer turns the world.
        settings.setdefault("up", "z")
    return RecordingConfig(folder=str(folder), intrinsics=given, fps=FPS, **settings)


def read(folder: Path, frames: Sequence[Frame], **settings) -> list[Frame]:
    return [frame for _, frame in Recording(config(folder, frames, **settings)).frames()]


def assert_same(found: Frame, true: Frame, step: float) -> None:
    assert found.depth is not None
    assert true.depth is not None
    assert true.T_world_camera is not None
    assert found.T_world_camera is not None
    np.testing.assert_array_equal(found.rgb, true.rgb)
    np.testing.assert_array_equal(np.isnan(found.depth), np.isnan(true.depth))
    np.testing.assert_allclose(found.depth, true.depth, atol=step + 2e-6)
    assert found.camera == true.camera
    np.testing.assert_allclose(
        found.T_world_camera.as_matrix(), true.T_world_camera.as_matrix(), atol=1e-7
    )


@pytest.mark.parametrize("layout", WRITERS)
def test_what_was_recorded_comes_back(layout: str, frames: list[Frame], tmp_path: Path):
    write, step = WRITERS[layout]
    write(tmp_path, frames)
    recording = Recording(config(tmp_path, frames))
    assert recording.layout == layout
    found = [frame for _, frame in recording.frames()]
    assert len(found) == len(frames)
    assert not recording.skipped
    for one, true in zip(found, frames, strict=True):
        assert_same(one, true, step)
    np.testing.assert_allclose(np.diff([frame.stamp for frame in found]), 1 / FPS, atol=1e-6)


def identified(frames: Sequence[Frame]) -> list[tuple]:
    """What a memory makes of frames: label, id, place of each thing to a centimetre."""
    memory, perceive = Memory(), Pipeline()
    for frame in frames:
        memory.write(perceive(frame))
    return [(k.label, k.object_id, np.round(k.position, 2).tolist()) for k in memory.known()]


@pytest.mark.parametrize("layout", ["tum", "record3d"])
def test_a_memory_of_the_recording_is_that_of_the_frames(
    layout: str, frames: list[Frame], tmp_path: Path
):
    WRITERS[layout][0](tmp_path, frames)
    played = [
        replace(found, truth=true.truth, stamp=true.stamp)
        for found, true in zip(read(tmp_path, frames), frames, strict=True)
    ]
    direct = [replace(frame, T_world_body=None) for frame in frames]
    for one, true in zip(identified(played), identified(direct), strict=True):
        assert one[:2] == true[:2]
        np.testing.assert_allclose(one[2], true[2], atol=0.02)


class TestRecordingBackend(BackendContract):
    @pytest.fixture
    def backend(self, frames: list[Frame], tmp_path: Path) -> RecordingBackend:
        write_7scenes(tmp_path, frames)
        return RecordingBackend(config(tmp_path, frames))

    def test_the_last_frame_is_done_and_stays(self, backend: RecordingBackend, frames: list[Frame]):
        steps = [backend.reset(), *(backend.step(PASS) for _ in range(len(frames) + 1))]
        assert [step.done for step in steps] == [False] * 5 + [True] * 3
        assert_same_view(steps[5].frame, steps[7].frame)

    def test_the_end_is_known_though_the_last_image_is_broken(
        self, frames: list[Frame], tmp_path: Path, caplog
    ):
        write_7scenes(tmp_path, frames)
        (tmp_path / "frame-000005.color.png").write_bytes(b"")
        backend = RecordingBackend(config(tmp_path, frames))
        backend.reset()
        with caplog.at_level(logging.WARNING):
            assert [backend.step(PASS).done for _ in range(4)] == [False, False, False, True]
        assert "left out 1 whose colour image is empty" in caplog.text

    def test_it_cannot_be_used_before_reset_or_after_close(self, backend: RecordingBackend):
        with pytest.raises(BackendError, match="call `reset`"):
            backend.step(PASS)
        backend.close()
        with pytest.raises(BackendError, match="was closed"):
            backend.reset()


def cut(path: Path, share: float = 0.6) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def test_broken_frames_of_7scenes_are_left_out_and_counted(frames: list[Frame], tmp_path: Path):
    write_7scenes(tmp_path, [*frames, *frames])
    stem = "frame-{:06d}.{}".format
    cut(tmp_path / stem(0, "color.png"))
    cut(tmp_path / stem(1, "depth.png"))
    (tmp_path / stem(2, "pose.txt")).write_text("nan nan nan nan\n" * 4)
    (tmp_path / stem(3, "pose.txt")).unlink()
    (tmp_path / stem(4, "pose.txt")).write_text("-1.#IND -1.#IND\n0 0 0 1")
    (tmp_path / stem(5, "depth.png")).unlink()
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(tmp_path / stem(6, "depth.png"))
    Image.fromarray(np.zeros((50, 80), np.uint16)).save(tmp_path / stem(7, "depth.png"))
    data = bytearray((tmp_path / stem(8, "color.png")).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / stem(8, "color.png")).write_bytes(data)
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(tmp_path / stem(9, "color.png"))
    recording = Recording(config(tmp_path, frames))
    assert [shot.name for shot, _ in recording.frames()] == ["frame-000010", "frame-000011"]
    assert dict(recording.skipped) == snapshot(
        {
            "without a valid pose": 3,
            "without depth image": 1,
            "whose colour image is cut short": 1,
            "whose depth image is cut short": 1,
            "whose depth image is neither 16-bit nor float": 1,
            "whose depth and colour differ in shape": 1,
            "whose colour image is damaged": 1,
            "of another size": 1,
        }
    )


def test_depth_of_another_size_takes_the_nearest_count(frames: list[Frame], tmp_path: Path):
    write_7scenes(tmp_path, frames[:1])
    small = np.array([[1000, 65535], [0, 3000]], np.uint16)
    Image.fromarray(small.repeat(15, 0).repeat(20, 1)).save(tmp_path / "frame-000000.depth.png")
    depth = read(tmp_path, frames)[0].depth
    assert depth is not None
    expected = np.array([[1.0, np.nan], [np.nan, 3.0]], np.float32)
    np.testing.assert_array_equal(depth, expected.repeat(30, 0).repeat(40, 1))


def test_tum_pairs_by_time_and_leaves_gaps_out(frames: list[Frame], tmp_path: Path):
    folder = tmp_path / "rgbd_dataset_freiburg2_xyz"
    folder.mkdir()
    write_tum(folder, frames)
    lines = (folder / "groundtruth.txt").read_text().splitlines()
    (folder / "groundtruth.txt").write_text("\n".join(lines[:2] + lines[8:]) + "\n")  # First two.
    lines = (folder / "depth.txt").read_text().splitlines()
    (folder / "depth.txt").write_text("\n".join([*lines[:-1], "what", "1.0 ../../secret.png"]))
    recording = Recording(config(folder, frames))
    assert len(list(recording.frames())) == 3
    assert dict(recording.skipped) == snapshot(
        {
            "whose line in depth.txt cannot be read": 1,
            "whose file lies outside the recording": 1,
            "without depth near in time": 1,
            "without a valid pose near in time": 2,
        }
    )


def naive_association(one: list[float], two: list[float], limit: float) -> set[tuple[int, int]]:
    """The benchmark's own rule, spelt out: the closest free pair, again and again."""
    pairs = sorted(
        (abs(a - b), i, j)
        for i, a in enumerate(one)
        for j, b in enumerate(two)
        if abs(a - b) <= limit
    )
    taken: set[tuple[int, int]] = set()
    for _, i, j in pairs:
        if all(i != k and j != m for k, m in taken):
            taken.add((i, j))
    return taken


stamps = st.lists(st.integers(0, 60).map(lambda n: n / 64), max_size=12, unique=True)


@given(stamps, stamps)
def test_association_is_that_of_the_benchmark(one: list[float], two: list[float]):
    found = associate(np.array(one), np.array(two), 4 / 64)
    assert {(i, j) for i, j in found.tolist()} == naive_association(one, two, 4 / 64)
    assert sorted(one[i] for i in found[:, 0]) == [one[i] for i in found[:, 0]]


@pytest.mark.parametrize(("number", "fx"), [("1", 517.3), ("2", 520.9), ("3", 535.4), ("9", 525.0)])
def test_tum_knows_its_cameras(number: str, fx: float, tmp_path: Path):
    folder = tmp_path / f"rgbd_dataset_freiburg{number}_desk"
    folder.mkdir()
    camera = Camera(width=640, height=480, fx=fx, fy=fx, cx=320.0, cy=240.0)
    frame = Frame(
        stamp=0.0,
        rgb=np.zeros((480, 640, 3), np.uint8),
        depth=np.full((480, 640), np.nan, np.float32),
        camera=camera,
        T_world_camera=RigidTransform.identity(),
    )
    write_tum(folder, [frame])
    found = next(Recording(RecordingConfig(folder=str(folder))).frames())[1].camera
    assert found is not None
    assert found.fx == fx
    if number == "9":
        assert (found.cx, found.cy) == (320.0, 240.0)  # 319.5 from the first pixel's centre.


def test_record3d_takes_matrices_and_own_intrinsics_for_each_shot(
    frames: list[Frame], tmp_path: Path
):
    write_record3d(tmp_path, frames)
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    matrices: list = []
    for listed in metadata.pop("poses"):
        rigid = RigidTransform.from_components(
            listed[4:], RigidTransform.identity().rotation.from_quat(listed[:4])
        )
        matrices.append(rigid.as_matrix().T.ravel().tolist())  # By columns, as ARKit writes.
    matrices[1], matrices[2] = None, [float("nan")] * 16
    del metadata["K"]
    metadata["perFrameIntrinsicCoeffs"] = [[50.0 + i, 50.0, 40.0, 30.0] for i in range(6)]
    metadata["frameTimestamps"] = [5.0 + i for i in range(6)]
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    (tmp_path / "poses.json").write_text(json.dumps(matrices))
    recording = Recording(RecordingConfig(folder=str(tmp_path)))
    found = [frame for _, frame in recording.frames()]
    assert recording.skipped == {"without a valid pose": 2}
    for frame, i in zip(found, (0, 3, 4, 5), strict=True):
        assert frame.T_world_camera is not None
        true = frames[i].T_world_camera
        assert true is not None
        np.testing.assert_allclose(frame.T_world_camera.as_matrix(), true.as_matrix(), atol=1e-9)
        assert frame.camera == Camera(width=80, height=60, fx=50.0 + i, fy=50.0, cx=40.0, cy=30.0)
        assert frame.stamp == 5.0 + i


@pytest.mark.parametrize("layout", ["record3d", "desk"])
def test_numbers_are_numbers_and_poses_stay_with_theirs(
    layout: str, frames: list[Frame], tmp_path: Path
):
    many = [*frames, *frames]
    WRITERS[layout][0](tmp_path, many)  # 10 comes after 9, not after 1.
    gone = 2 + (layout == "desk")
    next((tmp_path / "depth").glob(f"{gone}.*")).unlink()
    recording = Recording(config(tmp_path, frames))
    for (_, found), true in zip(recording.frames(), many[:2] + many[3:], strict=True):
        assert_same(found, true, 0.0005)
    assert recording.skipped == {"without depth image": 1}


def test_desk_counts_from_nought_where_the_files_do(frames: list[Frame], tmp_path: Path):
    write_desk(tmp_path, frames)
    for part in ("color", "depth"):
        for path in sorted((tmp_path / part).iterdir(), key=lambda path: int(path.stem)):
            path.rename(path.with_stem(str(int(path.stem) - 1)))
    cut(tmp_path / "depth/4.pgm")
    recording = Recording(config(tmp_path, frames))
    for (_, found), true in zip(recording.frames(), frames[:4] + frames[5:], strict=True):
        assert_same(found, true, 0.0005)
    assert recording.skipped == {"whose depth image is cut short": 1}


def test_up_turns_the_world_about_x(frames: list[Frame], tmp_path: Path):
    write_desk(tmp_path, frames)
    before = read(tmp_path, frames)[0].T_world_camera
    after = read(tmp_path, frames, up="-y")[0].T_world_camera
    assert before is not None
    assert after is not None
    x, y, z = before.translation
    np.testing.assert_allclose(after.translation, [x, z, -y])
    usual = read(tmp_path, frames, up="auto")[0].T_world_camera
    assert usual is not None
    np.testing.assert_allclose(usual.as_matrix(), after.as_matrix())


def test_a_world_can_be_turned_level_and_put_on_its_floor(frames: list[Frame], tmp_path: Path):
    write_desk(tmp_path, frames)
    before = read(tmp_path, frames)[0].T_world_camera
    after = read(tmp_path, frames, level=(0.0, np.pi / 2, 0.0), floor=-1.5)[0].T_world_camera
    assert before is not None
    assert after is not None
    x, y, z = before.translation
    np.testing.assert_allclose(after.translation, [z, y, 1.5 - x], atol=1e-12)


def test_lenses_are_straightened_and_depth_cameras_registered(frames: list[Frame], tmp_path: Path):
    write_7scenes(tmp_path, frames[:1])
    plain = read(tmp_path, frames)[0]
    assert plain.depth is not None
    assert plain.camera is not None
    lens = Distortion(k1=-0.2, k2=0.03)
    straight = read(tmp_path, frames, distortion=lens)[0]
    maps = Undistorter(plain.camera, lens)
    assert straight.depth is not None
    np.testing.assert_array_equal(straight.rgb, maps.color(plain.rgb))
    np.testing.assert_array_equal(straight.depth, maps.depth(plain.depth))
    beside = RegistrationConfig(intrinsics=(28.0, 28.0, 39.0, 29.0), position=(0.025, 0.0, 0.0))
    moved = read(tmp_path, frames, registration=beside)[0]
    own = Camera(width=80, height=60, fx=28.0, fy=28.0, cx=39.5, cy=29.5)
    pose = RigidTransform.from_translation([0.025, 0.0, 0.0])
    assert moved.depth is not None
    np.testing.assert_array_equal(moved.depth, register(plain.depth, own, pose, plain.camera))


def test_our_own_folder_keeps_frames_and_truth(frames: list[Frame], tmp_path: Path):
    with RecordingWriter(tmp_path / "r") as writer:
        for frame in frames:
            writer.write(frame)
    found = [f for _, f in Recording(RecordingConfig(folder=str(tmp_path / "r"))).frames()]
    for one, true in zip(found, frames, strict=True):
        assert_same(one, true, 0.00025)
        assert one.stamp == true.stamp
        assert one.truth is not None
        assert true.truth is not None
        np.testing.assert_array_equal(one.truth.ids, true.truth.ids)
        assert one.truth.instances == true.truth.instances


def test_a_killed_writer_leaves_a_shorter_recording(frames: list[Frame], tmp_path: Path):
    folder = tmp_path / "r"
    with RecordingWriter(folder) as writer:
        for frame in frames[:3]:
            writer.write(frame)
    with (folder / "frames.jsonl").open("ab") as lines:
        lines.write(b'{"number":3,"sour')
    assert len(Recording(RecordingConfig(folder=str(folder)))) == 3
    with RecordingWriter(folder) as writer:
        assert writer.written == 3
        for frame in frames[3:]:
            writer.write(frame)
    found = [f for _, f in Recording(RecordingConfig(folder=str(folder))).frames()]
    for one, true in zip(found, frames, strict=True):
        assert_same(one, true, 0.00025)


def test_a_writer_refuses_what_it_cannot_keep(frames: list[Frame], tmp_path: Path):
    with RecordingWriter(tmp_path / "r") as writer, pytest.raises(FrameError, match="depth"):
        writer.write(replace(frames[0], depth=None))
    with pytest.raises(StoreError, match="another source"):
        RecordingWriter(tmp_path / "r", Head(source="else"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="other files"):
        RecordingWriter(tmp_path)
    with pytest.raises(StoreError, match="cannot write"):
        RecordingWriter(tmp_path / "file" / "r")


def test_mistakes_are_one_sentence_each(frames: list[Frame], tmp_path: Path):
    folders = {
        name: tmp_path / name
        for name in ("empty", "scene", "size", "poses", "json", "k", "all", "head", "lines")
    }
    for folder in folders.values():
        folder.mkdir()
    (folders["scene"] / "seq-01").mkdir()
    write_7scenes(folders["size"], frames[:1])
    Image.fromarray(np.zeros((64, 80, 3), np.uint8)).save(
        folders["size"] / "frame-000000.color.png"
    )
    Image.fromarray(np.zeros((64, 80), np.uint16)).save(folders["size"] / "frame-000000.depth.png")
    write_tum(folders["poses"], frames[:1])
    (folders["poses"] / "groundtruth.txt").write_text("# nothing\n")
    for name in ("json", "k"):
        write_record3d(folders[name], frames[:1])
    (folders["json"] / "metadata.json").write_text("{")
    (folders["k"] / "metadata.json").write_text('{"poses": [[0,0,0,1,0,0,0]], "K": "wide"}')
    write_desk(folders["all"], frames[:2])
    for path in (folders["all"] / "color").iterdir():
        cut(path)
    for name, text in (("head", '{"format": 9}'), ("lines", "{}")):
        (folders[name] / "recording.json").write_text(text)
    (folders["lines"] / "frames.jsonl").write_text('{"number": "three"}\n')
    told = {}
    for name, folder in {"none": tmp_path / "none", **folders}.items():
        with pytest.raises(BackendError) as error:
            list(Recording(RecordingConfig(folder=str(folder))).frames())
        told[name] = str(error.value).replace(str(tmp_path), "")
    assert told == snapshot(
        {
            "none": "there is no folder /none.",
            "empty": "/empty has no layout that is known: neither frame-*.color.png (7scenes), nor rgb.txt and depth.txt (tum), nor rgb/ and metadata.json (record3d), nor color/ and pose.txt (desk), nor recording.json (embodied).",
            "scene": "/scene holds several sequences; give one: seq-01.",
            "size": "the images are 80x64, but the known intrinsics are for 640x480. Give fx, fy, cx and cy of these images.",
            "poses": "/poses/groundtruth.txt is missing, or holds no pose. Each line needs a stamp, a position and a quaternion x y z w.",
            "json": "/json/metadata.json is no JSON, or damaged.",
            "k": "the intrinsics in metadata.json are neither `K` nor fx, fy, cx, cy.",
            "all": "/all holds no frame that can be used: 2 whose colour image is cut short.",
            "head": "/head has format 9; this release reads format 1.",
            "lines": "line 1 of /lines/frames.jsonl is damaged.",
        }
    )


@pytest.mark.parametrize(
    "wrong",
    [{"fps": 0}, {"stride": 0}, {"limit": 0}, {"depth_unit": 1000}, {"max_difference": -1},
     {"intrinsics": (0.0, 1.0, 1.0, 1.0)}],
    ids=str,
)  # fmt: skip
def test_senseless_settings_are_refused(wrong: dict):
    with pytest.raises(ConfigError, match=r"recording\."):
        RecordingConfig(folder="", **wrong)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_is_a_traceback(data, tmp_path_factory, frames: list[Frame]):
    """Any file cut or changed anywhere: frames or one of our sentences, nothing else."""
    layout = data.draw(st.sampled_from([*WRITERS, "embodied"]))
    folder = tmp_path_factory.mktemp("damaged")
    if layout == "embodied":
        with RecordingWriter(folder) as writer:
            writer.write(frames[0])
    else:
        WRITERS[layout][0](folder, frames[:1])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    content = path.read_bytes()
    at = int(data.draw(st.floats(0, 1)) * len(content))
    piece = data.draw(st.binary(max_size=8))
    keep = data.draw(st.booleans())
    path.write_bytes(content[:at] + piece + (content[at + len(piece) :] if keep else b""))
    with contextlib.suppress(BackendError):
        for frame in read(folder, frames, layout=layout):
            assert frame.depth is not None
            assert not (frame.depth <= 0).any()
