"""The memory node as a process: the same memory over DDS, faults on the wire, `kill -9`."""

import secrets

import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")
pytest.importorskip("cyclonedds", reason="needs the extra `dds`")

from driven_house import FRAMES, assert_same, drive
from memory_process import TOPICS, Robot, memory_config, shots_of, started

from embodied_mem.memory import Memory
from ros_nodes.messages import interfaces
from ros_nodes.robot_messages import MASKS

pytestmark = pytest.mark.timeout(1200)
IMAGE, TF = "sensor_msgs/msg/Image", "tf2_msgs/msg/TFMessage"
INFO = "sensor_msgs/msg/CameraInfo"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Shots of a drive, and the memory of the plain episode."""
    folder = tmp_path_factory.mktemp("drive")
    memory = drive(folder)
    return shots_of(folder / "mcap"), memory


@pytest.fixture
def robot(recorded):
    """A robot whose topics are all there before a node comes; each in a network of its own."""
    domain = secrets.randbelow(80) + 20
    robot = Robot(domain)
    for topic, typename in {(topic, name) for shot in recorded[0] for topic, name, _ in shot}:
        robot.writer(topic, typename)
    yield robot, domain
    robot.transport.close()


@pytest.fixture
def start(robot, tmp_path):
    """Return what starts a node in the robot's network; none outlives the test."""
    nodes = []

    def begin(**changes):
        config = memory_config(tmp_path / "store", **changes)
        nodes.append(started(robot[1], tmp_path, config))
        return nodes[-1]

    yield begin
    for node in nodes:
        node.kill()


def test_over_dds_the_same_drive_gives_the_memory_of_the_episode(recorded, robot, start, tmp_path):
    (shots, memory), (here, _) = recorded, robot
    node = start()
    here.meet()
    here.play(shots)
    assert node.end() == 0, node.printed
    with Memory.open(tmp_path / "store", read_only=True) as stored:
        assert_same(stored, memory)
    assert "left out" not in node.printed


def test_what_was_acknowledged_survives_kill_9_and_the_drive_goes_on(
    recorded, robot, start, tmp_path
):
    (shots, memory), (here, _) = recorded, robot
    node = start()
    here.meet()
    for first, last in ((0, 2), (2, 5), (5, FRAMES)):
        here.play(shots[first:last])
        told = {state.id for update in here.updates for state in update.changed}
        node.kill()
        with Memory.open(tmp_path / "store", read_only=True) as stored:
            assert stored.frame == last
            assert {known.object_id for known in stored.known()} == told
        if last < FRAMES:
            node.start()
            here.meet()
    with Memory.open(tmp_path / "store", read_only=True) as stored:
        assert_same(stored, memory)


def test_each_fault_on_the_wire_is_dropped_counted_and_named(recorded, robot, start, tmp_path):
    (shots, _), (here, _) = recorded, robot
    node = start(tf_timeout=3.0)
    here.meet()
    here.play(shots[:1])
    color, info = TOPICS.color, TOPICS.camera_info
    faults = {
        "malformed": {color: lambda data: data[:40]},
        "wrong_encoding": {color: changed(IMAGE, encoding="yuv422")},
        "zero_stamp": {color: changed(IMAGE, header={"frame_id": "camera"})},
        "camera_info_mismatch": {info: changed(INFO, width=64)},
        "no_transform": {"/tf": lambda _: None},
    }
    for number, (reason, changes) in enumerate(faults.items(), start=1):
        here.send(shifted(shots[0], 10 * number), changes)
        here.until(lambda key=f"dropped_{reason}": here.values.get(key) == "1")
        assert here.values[f"why_{reason}"]
    here.send(shifted(shots[0], 100), {"/tf": lambda _: None})  # It waits for its transform ...
    here.until(lambda: here.values["received_masks"] == str(2 + len(faults)))
    here.play(shots[1:2])  # ... when the clock goes back.
    here.until(lambda: here.values.get("dropped_clock_jump") == "1")
    dropped = {key for key in here.values if key.startswith("dropped_")}
    assert dropped == {f"dropped_{reason}" for reason in (*faults, "clock_jump")}
    assert node.end() == 0, node.printed


def changed(typename, **fields):
    """Return what changes fields of a message."""

    def change(data):
        types = interfaces()
        message = types.decode(data, typename)
        names = types.store.fielddefs[typename][1]
        values = {name: getattr(message, name) for name, _ in names} | fields
        return types.encode(types.make(typename, values), typename)

    return change


def shifted(shot, seconds):
    """Return a shot as if taken later."""
    types = interfaces()
    for topic, typename, data in shot:
        message = types.decode(data, typename)
        entries = message.transforms if typename == TF else [message]
        for entry in entries:
            entry.header.stamp.sec += seconds
        if topic == MASKS:
            message.numbers.header.stamp.sec = message.header.stamp.sec
        yield topic, typename, types.encode(message, typename)
