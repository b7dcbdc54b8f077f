"""`embodied-mem convert` of recordings: into a folder, into a memory, stopped and gone on with."""
# ruff: noqa: E501 - messages stand as they are printed.

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from inline_snapshot import snapshot
from recording_layouts import write_7scenes, write_tum

from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Convert
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.household.tour import tour
from embodied_mem.backends.recordings import Recording, RecordingConfig, RecordingWriter
from embodied_mem.memory import Memory
from embodied_mem.types import Frame
from perception import Pipeline

SMALL = HouseholdSimConfig(house=HouseSource(seed=3, rooms=1), width=80, height=60)
DESK = Path(__file__).parents[3] / "shared" / "data" / "rgbd_desk"


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    with HouseholdSim(SMALL) as sim:
        return list(islice(tour(sim), 6))


@pytest.fixture(name="recording")
def recording_with_truth(frames: list[Frame], tmp_path: Path) -> Path:
    with RecordingWriter(tmp_path / "recording") as writer:
        for frame in frames:
            writer.write(frame)
    return tmp_path / "recording"


def known(memory: Memory) -> list[tuple]:
    return sorted(
        (k.label, k.object_id, k.status, k.last_seen, k.sightings) for k in memory.known()
    )


def direct(recording: Path) -> list[tuple]:
    memory, perceive = Memory(), Pipeline()
    for _, frame in Recording(RecordingConfig(folder=str(recording))).frames():
        memory.write(perceive(frame))
    return known(memory)


def test_a_recording_becomes_the_memory_of_its_frames(recording: Path, tmp_path: Path, capsys):
    store = tmp_path / "store"
    command = Convert(source=str(recording), store=str(store))
    assert execute(command) == 0
    with Memory.open(store, read_only=True) as memory:
        assert memory.frame == 6
        assert known(memory) == direct(recording)
    assert execute(command) == 0  # All is there already.
    assert "took 0 frames" in capsys.readouterr().out
    with Memory.open(store, read_only=True) as memory:
        assert memory.frame == 6


@pytest.fixture(name="stop_after")
def stops_a_conversion(monkeypatch) -> Callable[[str, int, type[BaseException]], None]:
    """Return a function that makes the n-th call of a method raise once it is through."""

    def stop(method: str, calls: int, error: type[BaseException]) -> None:
        owner = {"write": Memory, "_lines_write": RecordingWriter}[method]
        name = "write"
        whole = getattr(owner, name)
        counted = [0]

        def wrapped(self, *arguments):
            answer = whole(self, *arguments)
            counted[0] += 1
            if counted[0] == calls:
                raise error
            return answer

        monkeypatch.setattr(owner, name, wrapped)

    return stop


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit], ids=lambda e: e.__name__)
def test_a_stopped_conversion_into_a_memory_goes_on(
    error: type[BaseException], recording: Path, tmp_path: Path, stop_after, monkeypatch
):
    """Stopped after the memory's write and before the note of it: the worst moment."""
    command = Convert(source=str(recording), store=str(tmp_path / "store"))
    with monkeypatch.context() as patch:
        stop_after("write", 3, error)
        if error is KeyboardInterrupt:
            assert execute(command) == 130
        else:
            with pytest.raises(SystemExit):
                execute(command)
        patch.undo()
    monkeypatch.undo()
    assert execute(command) == 0
    with Memory.open(tmp_path / "store", read_only=True) as memory:
        assert memory.frame == 6
        assert known(memory) == direct(recording)


def test_a_stopped_conversion_into_a_folder_goes_on(
    frames: list[Frame], tmp_path: Path, stop_after, monkeypatch
):
    source, out = tmp_path / "source", tmp_path / "out"
    write_7scenes(source, frames)
    (source / "frame-000001.depth.png").write_bytes(b"\x89PNG")
    command = Convert(source=str(source), out=str(out), intrinsics=(30.0, 30.0, 39.5, 29.5))
    stop_after("_lines_write", 2, KeyboardInterrupt)
    assert execute(command) == 130
    monkeypatch.undo()
    assert execute(command) == 0
    whole = list(Recording(RecordingConfig(folder=str(out))).frames())
    assert [shot.name for shot, _ in whole] == [f"frame-{i:06d}" for i in (0, 2, 3, 4, 5)]
    kept = (frames[0], *frames[2:])
    for (_, found), true in zip(whole, kept, strict=True):
        np.testing.assert_array_equal(found.rgb, true.rgb)
        assert found.depth is not None
        assert true.depth is not None
        np.testing.assert_allclose(found.depth, true.depth, atol=0.0005 + 1e-6)


def test_what_was_left_out_is_told(frames: list[Frame], tmp_path: Path, capsys):
    source = tmp_path / "source"
    write_7scenes(source, frames)
    (source / "frame-000001.pose.txt").unlink()
    (source / "frame-000003.color.png").write_bytes(b"")
    intrinsics = (30.0, 30.0, 39.5, 29.5)
    out = str(tmp_path / "o")
    command = Convert(source=str(source), out=out, intrinsics=intrinsics, ground="keep")
    assert execute(command) == 0
    assert capsys.readouterr().out.replace(str(tmp_path), "") == snapshot("""\
/source: layout 7scenes, 5 frames

took 4 frames into /o; left out: 1 without a valid pose, 1 whose colour image is empty
""")


def mistakes(recording: Path, tmp_path: Path) -> Iterator[tuple[str, Convert]]:
    source, out = str(recording), str(tmp_path / "o")
    yield "nowhere", Convert(source=source)
    yield "both", Convert(source=source, out=out, store=out)
    yield "nothing", Convert()
    yield "no source", Convert(store=out)
    yield "no folder", Convert(source=str(tmp_path / "none"), out=out)
    yield "itself", Convert(source=source, out=source)
    yield "fps", Convert(source=source, out=out, fps=0.0)
    plain = tmp_path / "plain"
    with RecordingWriter(plain) as writer:
        for _, frame in Recording(RecordingConfig(folder=source)).frames():
            writer.write(replace(frame, truth=None))
    yield "no truth", Convert(source=str(plain), store=str(tmp_path / "s"), perception="oracle")
    yield "two senses", Convert(source=source, store=out, perception="oracle", agent="agent.yaml")
    yield "no agent", Convert(source=source, store=str(tmp_path / "s3"), agent="nowhere.yaml")
    execute(Convert(source=source, store=str(tmp_path / "s2"), limit=2))
    with Memory.open(tmp_path / "s2") as memory:
        for _, frame in Recording(RecordingConfig(folder=source)).frames():
            memory.write(Pipeline()(frame))
    yield "written since", Convert(source=source, store=str(tmp_path / "s2"))


def test_mistakes_are_one_sentence_each(recording: Path, tmp_path: Path, capsys):
    told = {}
    for name, command in mistakes(recording, tmp_path):
        assert execute(command) == 2, name
        told[name] = capsys.readouterr().err.replace(str(tmp_path), "").strip()
    assert told == snapshot(
        {
            "nowhere": "embodied-mem: /recording is a folder. To convert it as a recording, say where to: `--out FOLDER` or `--store MEMORY`.",
            "both": "embodied-mem: say one of `--out` and `--store`; convert twice to have both.",
            "nothing": "embodied-mem: say what to convert, or which file to write.",
            "no source": "embodied-mem: `--store` takes in a recording: give its folder first.",
            "no folder": "embodied-mem: there is no folder /none.",
            "itself": "embodied-mem: a recording cannot be converted onto itself; choose another folder.",
            "fps": "embodied-mem: recording.fps must be positive, got 0.0.",
            "no truth": "embodied-mem: the frame at 0.00 s carries no instance masks, which the oracle reads. Use a simulator with instance segmentation on, or another perceiver.",
            "two senses": "embodied-mem: say one of `--agent` and `--perception`.",
            "no agent": "embodied-mem: cannot read config nowhere.yaml: No such file or directory.",
            "written since": "embodied-mem: the memory beside /s2/conversion.json was written to since the conversion was stopped, so it cannot be gone on with. Convert into a new store.",
        }
    )


def test_things_are_told_by_their_shape_where_no_masks_were_recorded(
    frames: list[Frame], tmp_path: Path
):
    """And what was taught before by name is called so."""
    write_tum(tmp_path / "source", frames)
    command = Convert(
        source=str(tmp_path / "source"),
        store=str(tmp_path / "store"),
        intrinsics=(30.0, 30.0, 39.5, 29.5),
    )
    assert execute(command) == 0
    with Memory.open(tmp_path / "store", read_only=True) as memory:
        assert memory.frame == 6
        assert {known.label for known in memory.known()} <= {"object", "surface"}
        assert len(memory) >= 3


def test_an_agents_file_says_what_looks_at_a_recording(recording: Path, tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("perception: {type: oracle, min_pixels: 900}\n")
    store = str(tmp_path / "store")
    command = Convert(source=str(recording), store=store, agent=str(tmp_path / "agent.yaml"))
    assert execute(command) == 0
    with Memory.open(store, read_only=True) as memory:
        assert 0 < len(memory) < len(direct(recording))


def test_a_recording_that_begins_at_a_camera_is_stood_on_its_floor(tmp_path: Path, capsys):
    """As KinectFusion writes it: the first camera, which looks down, is the world."""
    sharp = HouseholdSimConfig(house=HouseSource(seed=3, rooms=1), width=160, height=120)
    with HouseholdSim(sharp) as sim:
        seen = list(islice(tour(sim), 1, 13))
    first, camera = seen[0].T_world_camera, seen[0].camera
    assert first is not None
    assert camera is not None
    moved = [
        replace(frame, T_world_camera=first.inv() * frame.T_world_camera)
        for frame in seen
        if frame.T_world_camera is not None
    ]
    write_7scenes(tmp_path / "source", moved)
    command = Convert(
        source=str(tmp_path / "source"),
        out=str(tmp_path / "out"),
        intrinsics=(float(camera.fx), float(camera.fy), 79.5, 59.5),
    )
    assert execute(command) == 0
    assert "is at height 0" in capsys.readouterr().out
    found = [f for _, f in Recording(RecordingConfig(folder=str(tmp_path / "out"))).frames()]
    for one, true in zip(found, seen, strict=True):
        assert one.T_world_camera is not None
        assert true.T_world_camera is not None
        ours, theirs = (
            pose.rotation.as_matrix()[2] for pose in (one.T_world_camera, true.T_world_camera)
        )
        assert ours @ theirs > np.cos(0.02)
        assert one.T_world_camera.translation[2] == pytest.approx(
            true.T_world_camera.translation[2], abs=0.04
        )


@pytest.mark.skipif(not DESK.is_dir(), reason="the five real frames of the desk are not here")
def test_real_frames_are_converted_and_agree_with_each_other(tmp_path: Path, capsys):
    """Points of each real view, seen from the next camera, lie on what that camera saw."""
    assert execute(Convert(source=str(DESK), out=str(tmp_path / "desk"))) == 0
    assert "took 5 frames" in capsys.readouterr().out
    found = [f for _, f in Recording(RecordingConfig(folder=str(tmp_path / "desk"))).frames()]
    upside = [
        replace(frame, T_world_camera=frame.T_world_camera.inv())
        for frame in found
        if frame.T_world_camera is not None
    ]
    for i, j in ((0, 1), (1, 2), (0, 3)):  # The poses that come with them err by decimetres.
        assert median_disagreement(found[i], found[j]) < 0.2
        assert median_disagreement(upside[i], upside[j]) > 0.6


def median_disagreement(one: Frame, two: Frame) -> float:
    """Median distance in depth between the points of a view and what another saw there [m]."""
    assert one.depth is not None
    assert two.depth is not None
    assert one.camera is not None
    assert one.T_world_camera is not None
    assert two.T_world_camera is not None
    rows, columns = np.nonzero(np.isfinite(one.depth))
    z = one.depth[rows, columns].astype(float)
    x = (columns + 0.5 - one.camera.cx) / one.camera.fx * z
    y = (rows + 0.5 - one.camera.cy) / one.camera.fy * z
    points = two.T_world_camera.inv().apply(one.T_world_camera.apply(np.stack((x, y, z), 1)))
    pixels = np.floor(one.camera.project(points))
    inside = ((pixels >= 0) & (pixels < (640, 480))).all(axis=1)
    u, v = pixels[inside].astype(int).T
    return float(np.nanmedian(np.abs(two.depth[v, u] - points[inside, 2])))
