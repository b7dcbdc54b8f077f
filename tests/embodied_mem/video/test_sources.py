"""Bags, recordings, and files that are not what they should be, as sources of pictures in time."""

import json
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from tiny_videos import picture, write_folder, write_sound, write_video

from embodied_mem.app.cli import execute
from embodied_mem.app.video_commands import Video, VideoRemember
from embodied_mem.errors import BackendError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.video.folders import expanded
from embodied_mem.video.samples import Sample, Samples, content_digest, quick_digest

START = 1_700_000_000_123_456_789
"""Stamp of the first image [ns]."""
STEPS = [0, 100_000_001, 230_000_000, 900_000_003, 1_000_000_000, 5_500_000_007]
"""Stamps of the images after the first [ns]: as uneven as a robot's."""
LATE = 40_000_000
"""How much later they were received [ns]."""


def samples(path: Path, rate: float = 1000.0, topic: str = "") -> list[Sample]:
    return list(Samples(path, rate=rate, side=640, topic=topic))


def write_bag(
    path: Path, topics: dict[str, str], *, ros1: bool = False, storage: str = "mcap"
) -> Path:
    """Write images on topics, by encoding; `jpeg` is compressed, `16UC1` no colour."""
    pytest.importorskip("rosbags", reason="needs the extra `bags`")
    from rosbags import rosbag1, rosbag2  # noqa: PLC0415 - an extra.
    from rosbags.typesys import Stores, get_typestore  # noqa: PLC0415

    store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)
    plugin = rosbag2.StoragePlugin.MCAP if storage == "mcap" else rosbag2.StoragePlugin.SQLITE3
    writer: Any = (
        rosbag1.Writer(path) if ros1 else rosbag2.Writer(path, version=9, storage_plugin=plugin)
    )
    with writer as bag:
        connections = {
            topic: bag.add_connection(topic, typename(encoding), typestore=store)
            for topic, encoding in topics.items()
        }
        for number, step in enumerate(STEPS):
            for topic, encoding in topics.items():
                message = image(store, number, START + step, encoding, ros1=ros1)
                pack = store.serialize_ros1 if ros1 else store.serialize_cdr
                data = pack(message, typename(encoding))
                bag.write(connections[topic], START + step + LATE, data)
    return path


def typename(encoding: str) -> str:
    return f"sensor_msgs/msg/{'CompressedImage' if encoding == 'jpeg' else 'Image'}"


def image(store: Any, number: int, stamp: int, encoding: str, *, ros1: bool) -> Any:
    types = store.types
    time = types["builtin_interfaces/msg/Time"](sec=stamp // 10**9, nanosec=stamp % 10**9)
    extra = {"seq": number} if ros1 else {}
    header = types["std_msgs/msg/Header"](stamp=time, frame_id="camera", **extra)
    rgb = picture(number)
    if encoding == "jpeg":
        _, data = cv2.imencode(".png", rgb[..., ::-1])
        make = types["sensor_msgs/msg/CompressedImage"]
        return make(header=header, format="rgb8; png compressed bgr8", data=data.ravel())
    pixels = {
        "rgb8": rgb, "bgr8": rgb[..., ::-1], "mono8": rgb[..., 0],
        "16UC1": rgb[..., 0].astype("<u2"),
    }[encoding]  # fmt: skip
    data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
    height, width = rgb.shape[:2]
    return types["sensor_msgs/msg/Image"](
        header=header, height=height, width=width, encoding=encoding, is_bigendian=0,
        step=len(data) // height, data=data,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "ros1", "storage"),
    [("one", False, "mcap"), ("two", False, "sqlite3"), ("three.bag", True, "")],
)
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "jpeg"])
def test_a_bag_gives_its_pictures_at_the_stamps_of_their_headers(
    tmp_path: Path, name: str, ros1: bool, storage: str, encoding: str
):
    topics = {"/depth": "16UC1", "/camera": encoding}
    bag = write_bag(tmp_path / name, topics, ros1=ros1, storage=storage)
    got = samples(bag)
    assert [sample.position for sample in got] == [START + step for step in STEPS]
    assert [sample.stamp for sample in got] == [step / 10**9 for step in STEPS]
    for number, sample in enumerate(got):
        np.testing.assert_array_equal(sample.rgb, picture(number))


def test_reading_a_bag_goes_on_behind_a_picture(tmp_path: Path):
    reader = Samples(write_bag(tmp_path / "bag", {"/camera": "rgb8"}), rate=1000, side=640)
    whole = list(reader)
    for at in range(len(whole)):
        rest = list(reader.after(whole[at].position))
        assert [s.position for s in rest] == [s.position for s in whole[at + 1 :]]
    assert reader.promised == pytest.approx(5.5, abs=0.1)


def test_a_bag_with_several_cameras_asks_which(tmp_path: Path):
    bag = write_bag(tmp_path / "bag", {"/left": "rgb8", "/right": "mono8", "/depth": "16UC1"})
    with pytest.raises(BackendError, match=r"with `--topic`: /left, /right\.$"):
        samples(bag)
    with pytest.raises(BackendError, match=r"no colour images on /depth. .*: /left, /right\.$"):
        samples(bag, topic="/depth")
    right = samples(bag, topic="/right")
    np.testing.assert_array_equal(right[0].rgb[..., 1], picture(0)[..., 0])


def test_a_bag_without_colour_names_its_topics(tmp_path: Path):
    bag = write_bag(tmp_path / "bag", {"/depth": "16UC1"})
    with pytest.raises(BackendError, match=r"has no colour images. Its topics: /depth\.$"):
        samples(bag)


@pytest.mark.parametrize(("storage", "ros1"), [("mcap", False), ("sqlite3", False), ("", True)])
def test_damaged_bags_are_told_in_one_sentence(tmp_path: Path, storage: str, ros1: bool):
    bag = write_bag(tmp_path / "one.bag", {"/camera": "rgb8"}, ros1=ros1, storage=storage)
    (file,) = [bag] if bag.is_file() else [p for p in bag.iterdir() if p.suffix != ".yaml"]
    whole = file.read_bytes()
    for data in (b"", whole[:40], whole[: len(whole) // 2], b"\0" * 5000):
        file.write_bytes(data)
        try:
            got = samples(bag)
        except BackendError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either is right.
        else:
            assert [s.position for s in got] == [START + s for s in STEPS[: len(got)]]


@pytest.mark.parametrize("layout", ["tum", "7scenes", "record3d", "embodied"])
def test_a_recording_gives_its_colour_pictures_alone(tmp_path: Path, layout: str):
    stamps = write_recording(tmp_path / layout, layout)
    got = samples(tmp_path / layout)
    assert [sample.stamp for sample in got] == pytest.approx([s - stamps[0] for s in stamps])
    for number, sample in enumerate(got):
        np.testing.assert_array_equal(sample.rgb, picture(number))


def write_recording(folder: Path, layout: str, count: int = 6) -> list[float]:
    """Write colour and depth; return the stamps [s]."""
    color = {"tum": "rgb", "record3d": "rgb", "embodied": "color", "7scenes": ""}[layout]
    (folder / color).mkdir(parents=True)
    stamps = [1305031102.175304 + 0.1 * n for n in range(count)]
    if layout in {"7scenes", "record3d"}:
        stamps = [n / (30 if layout == "7scenes" else 10) for n in range(count)]
    lines, ours = ["# timestamp filename"], []
    for number, stamp in enumerate(stamps):
        name = {
            "tum": f"rgb/{stamp:.6f}.png", "record3d": f"rgb/{number}.png",
            "embodied": f"color/{number:06d}.png", "7scenes": f"frame-{number:06d}.color.png",
        }[layout]  # fmt: skip
        Image.fromarray(picture(number)).save(folder / name)
        lines.append(f"{stamp:.6f} {name}")
        ours.append(json.dumps({"number": number, "stamp": stamp, "source": ""}))
        depth = folder / f"frame-{number:06d}.depth.png"
        if layout == "7scenes":
            Image.fromarray(picture(number)[..., 0]).save(depth)
    if layout == "tum":
        (folder / "rgb.txt").write_text("\n".join(lines))
    elif layout == "record3d":
        (folder / "metadata.json").write_text(json.dumps({"fps": 10, "w": 48, "h": 32}))
    elif layout == "embodied":
        (folder / "frames.jsonl").write_text("\n".join([*ours, '{"number": 7, "st']))
    return stamps


def test_lists_of_recordings_may_not_lead_out_of_them(tmp_path: Path):
    Image.fromarray(picture(0)).save(tmp_path / "secret.png")
    stamps = write_recording(tmp_path / "tum", "tum")
    lines = (tmp_path / "tum" / "rgb.txt").read_text().splitlines()
    lines += [f"{stamps[-1] + 1} ../secret.png", "nonsense rgb/0.png", f"{stamps[-1] + 2} gone.png"]
    (tmp_path / "tum" / "rgb.txt").write_text("\n".join(lines))
    assert len(samples(tmp_path / "tum")) == len(stamps)


def test_a_folder_is_known_by_all_that_is_in_it(tmp_path: Path):
    write_recording(tmp_path / "tum", "tum")
    before = content_digest(tmp_path / "tum"), quick_digest(tmp_path / "tum")
    file = next((tmp_path / "tum" / "rgb").iterdir())
    file.write_bytes(file.read_bytes() + b"\0")
    after = content_digest(tmp_path / "tum"), quick_digest(tmp_path / "tum")
    assert before[0] != after[0]
    assert before[1] != after[1]


def write_uneven(path: Path, times: list[float]) -> Path:
    """Write a video whose pictures are shown at these times [s]."""
    unit = Fraction(1, 12800)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.codec_context.time_base = unit
        for number, at in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = round(at / unit), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_variable_frame_rate_leaves_times_right(tmp_path: Path):
    times = [0.0, 0.04, 0.5, 0.6, 2.0, 2.05, 7.25]
    got = samples(write_uneven(tmp_path / "uneven.mp4", times))
    assert [sample.stamp for sample in got] == pytest.approx(times, abs=1e-3)


@pytest.mark.parametrize(
    ("matrix", "quarters"), [((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)]
)
def test_a_camera_that_was_held_otherwise_is_turned_upright(
    tmp_path: Path, matrix: tuple[int, int, int, int], quarters: int
):
    plain = write_video(tmp_path / "plain.mp4")
    turned = tmp_path / "turned.mp4"
    data = bytearray(plain.read_bytes())
    place = data.index(b"tkhd") + 44  # ISO 14496-12, 8.3.2: a b u, c d v, of 16.16 bits.
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">3i3i", data, place, a, b, 0, c, d, 0)
    turned.write_bytes(data)
    for upright, stored in zip(samples(turned), samples(plain), strict=True):
        np.testing.assert_array_equal(upright.rgb, np.rot90(stored.rgb, quarters))


def test_a_folder_of_videos_is_each_of_them_and_one_of_images_is_one(tmp_path: Path):
    (tmp_path / "day").mkdir()
    names = ["cam2.mp4", "cam10.MP4", "cam1.mkv"]
    for name in (*names, "notes.txt"):
        (tmp_path / "day" / name).write_bytes(b"")
    pictures = write_folder(tmp_path / "pictures")
    (pictures / "making_of.mp4").write_bytes(b"")
    bag = write_bag(tmp_path / "drive", {"/camera": "rgb8"})
    sources = [str(tmp_path / "day"), str(pictures), str(bag), "gone.mp4"]
    day = [str(tmp_path / "day" / name) for name in ("cam1.mkv", "cam2.mp4", "cam10.MP4")]
    assert expanded(sources) == [*day, *sources[1:]]


def test_what_cannot_be_read_is_skipped_with_a_reason_and_the_rest_is_taken_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_recording(tmp_path / "tum", "tum")
    cut = write_video(tmp_path / "cut.avi", frames=120)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "broken.bag").write_bytes(b"#ROSBAG V2.0\n" + b"\0" * 100)
    sources = [
        str(path)
        for path in (
            tmp_path / "empty.mp4", write_sound(tmp_path / "sound.wav"), cut,
            tmp_path / "nothing", tmp_path / "broken.bag",
            write_video(tmp_path / "none.mp4", frames=0), write_folder(tmp_path / "pictures"),
            tmp_path / "tum", write_bag(tmp_path / "drive", {"/camera": "jpeg"}),
            write_video(tmp_path / "last.mp4"),
        )
    ]  # fmt: skip
    task = VideoRemember(sources=tuple(sources), store=str(tmp_path / "store"), rate=5.0)
    assert execute(Video(task=task)) == 0
    said = capsys.readouterr().out
    assert said.count("skipped:") == 5
    assert "cut short" in said
    with EventIndex(tmp_path / "store", read_only=True) as index:
        names = [video.name for video in index.videos()]
        assert names == ["cut.avi", "pictures", "tum", "drive", "last.mp4"]
        assert all(video.done for video in index.videos())
