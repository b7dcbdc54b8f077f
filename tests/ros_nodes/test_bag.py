"""A bag written from a simulator's episode gives the memory of that episode."""

import time
from pathlib import Path

import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")

from driven_house import SCRIPT, assert_same, drive

from embodied_mem.app.build import AgentConfig
from embodied_mem.config import dump_config
from embodied_mem.errors import BackendError
from embodied_mem.memory import Memory
from ros_nodes.bag import BagTransport, BagWriter
from ros_nodes.cli import execute
from ros_nodes.commands import Replay
from ros_nodes.memory_config import MemoryNodeConfig, TopicsConfig
from ros_nodes.messages import interfaces
from ros_nodes.node_core import MemoryNode
from ros_nodes.robot_messages import CLOCK_START, MASKS, Outgoing
from ros_nodes.transport import SENSOR
from ros_nodes.worker import InlineWorker


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Drive through a house; return both bags' folders and the memory of a plain episode."""
    folder = tmp_path_factory.mktemp("bags")
    return folder, drive(folder)


def node_config(**changes):
    return MemoryNodeConfig(topics=TopicsConfig(masks=MASKS), agent=AgentConfig(), **changes)


def replayed(bag, *, rate=0.0):
    transport = BagTransport()
    node = MemoryNode(node_config(), transport, InlineWorker(), Memory())
    node.activate()
    transport.play(bag, rate=rate)
    node.finish()
    return node, transport


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_of_an_episode_gives_the_memory_of_the_episode(recorded, storage):
    folder, memory = recorded
    node, transport = replayed(folder / storage)
    assert transport.drops.total == 0
    assert_same(node.memory, memory)


def test_replay_in_real_time_gives_the_same_memory(recorded):
    folder, memory = recorded
    began = time.monotonic()
    node, transport = replayed(folder / "mcap", rate=1.0)
    assert time.monotonic() - began >= node.memory.stamp - CLOCK_START
    assert transport.drops.total == 0
    assert_same(node.memory, memory)


def test_bags_carry_the_type_hashes_of_ros(recorded):
    from rosbags.rosbag2 import Reader  # noqa: PLC0415

    folder, _ = recorded
    with Reader(folder / "mcap") as reader:
        types = {c.topic: (c.msgtype, c.digest) for c in reader.connections}
    for name, digest in types.values():
        assert digest == interfaces().type_hash(name)
    assert types["/tf"][0] == "tf2_msgs/msg/TFMessage"


def test_what_the_node_publishes_is_recorded_and_told(recorded, tmp_path: Path, capsys):
    folder, memory = recorded
    params = tmp_path / "params.yaml"
    params.write_text(dump_config(node_config()))
    command = Replay(
        bag=str(folder / "mcap"),
        store=str(tmp_path / "store"),
        params=str(params),
        record=str(tmp_path / "out"),
    )
    assert execute(command) == 0
    assert f"{len(SCRIPT) + 1} images to memory; {len(memory)} objects" in capsys.readouterr().out
    with Memory.open(tmp_path / "store", read_only=True) as stored:
        assert_same(stored, memory)
    heard = published(tmp_path / "out", memory_topics())
    objects = heard["/embodied_mem/objects"][-1]
    assert [d.id for d in objects.detections] == [
        k.object_id for k in memory.known() if k.status != "gone"
    ]
    sequence = [update.sequence for update in heard["/embodied_mem/updates"]]
    assert sequence == list(range(1, len(sequence) + 1))
    assert heard["/diagnostics"][-1].status[0].message == "active; nothing dropped"


def memory_topics():
    return {
        "/embodied_mem/objects": "vision_msgs/msg/Detection3DArray",
        "/embodied_mem/updates": "embodied_mem_msgs/msg/MemoryUpdate",
        "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
    }


def published(bag, topics):
    heard = {topic: [] for topic in topics}
    listener = BagTransport("/listener")
    for topic, typename in topics.items():
        listener.subscribe(topic, typename, heard[topic].append, SENSOR)
    listener.play(bag)
    return heard


def test_bytes_that_are_no_message_are_dropped_and_counted(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        writer.write(
            Outgoing(topic="/a", typename="std_msgs/msg/String", values={"data": "x"}, qos=SENSOR),
            5,
        )
        writer._writer.write(writer._connections["/a"], 6, b"\x00\x01\x00\x00\xff\xff\xff\xff")
    listener, heard = BagTransport("/listener"), []
    listener.subscribe("/a", "std_msgs/msg/String", heard.append, SENSOR)
    assert listener.play(tmp_path / "bag") == 1
    assert [message.data for message in heard] == ["x"]
    assert listener.drops.counts == {"malformed": 1}


def test_bags_that_are_none_are_one_clear_sentence(tmp_path, recorded):
    with pytest.raises(BackendError, match="cannot read the bag"):
        replayed(tmp_path / "nothing")
    listener = BagTransport("/listener")
    listener.subscribe("/elsewhere", "std_msgs/msg/String", print, SENSOR)
    with pytest.raises(BackendError, match="none of the topics /elsewhere"):
        listener.play(recorded[0] / "mcap")
    with pytest.raises(BackendError, match="cannot write the bag"):
        BagWriter(recorded[0] / "mcap")
