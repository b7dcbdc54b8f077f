"""Two real processes on the loopback, by ROS 2's wire protocol."""

import os
import secrets
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")
pytest.importorskip("cyclonedds", reason="needs the extra `dds`")

from embodied_mem.app.build import AgentConfig
from embodied_mem.memory import Memory
from ros_nodes.actions import GoalStatus, Sending
from ros_nodes.dds.endpoint import Endpoints, RawWriter
from ros_nodes.dds.rpc import framed, unframed
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.dds.wire import GRAPH, GRAPH_TYPE, PeerTimeoutError, dds_type
from ros_nodes.memory_config import MemoryNodeConfig, TopicsConfig
from ros_nodes.messages import MalformedMessageError, interfaces
from ros_nodes.node_core import MemoryNode
from ros_nodes.transport import EVENTS, STATE, Qos
from ros_nodes.worker import LatestWorker

TESTS = Path(__file__).parents[1]
LONG = 60.0
"""A loaded machine may take so long to start a process [s]."""

pytestmark = pytest.mark.timeout(240)


class Peer:
    """The other process."""

    def __init__(self, domain: int, name: str = "/peer"):
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "dds_peer.py"), str(domain), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def domain() -> int:
    return secrets.randbelow(80) + 20  # Above 101, ports are those that Linux gives away.


@pytest.fixture(scope="module")
def peer(domain):
    other = Peer(domain)
    yield other
    other.kill()


@pytest.fixture(scope="module")
def node(domain):
    here = DdsTransport("/here", domain=domain, interface="lo")
    yield here
    here.close()


def spin_until(node, condition, longest=LONG) -> None:
    end = time.monotonic() + longest
    while not condition():
        assert time.monotonic() < end, "nothing came in time"
        node.spin_once(0.02)


def test_who_joins_late_gets_the_newest_latched_state(peer, node):
    heard = []
    node.subscribe("/peer/state", "std_msgs/msg/String", lambda m: heard.append(m.data), STATE)
    spin_until(node, lambda: heard)
    assert heard == [f"pid {peer.process.pid}"]


def test_rgbd_at_30_hz_arrives_in_order_and_reliably_without_loss(peer, node):
    """By sensor QoS as well, unless this process is starved: `benchmarks/ros_transport.py`."""
    heard: dict[tuple[str, bool], list[int]] = {}
    readers = []
    for name in ("color", "depth"):
        for reliable in (True, False):
            numbers = heard[name, reliable] = []
            node.subscribe(
                f"/peer/{name}",
                "sensor_msgs/msg/Image",
                lambda m, numbers=numbers: numbers.append(int(m.header.frame_id)),
                Qos(reliable=reliable, depth=100),
            )
            readers.append(node._readers[-1][0])
    spin_until(node, lambda: all(reader.matches() for reader in readers))
    count = 45
    peer.tell(f"images {count}")
    spin_until(node, lambda: all(len(heard[n, True]) == count for n in ("color", "depth")))
    assert peer.says() == f"sent {count}"
    for (_, reliable), numbers in heard.items():
        assert numbers == sorted(set(numbers))
        assert numbers == list(range(count)) or not reliable


def test_at_sensor_quality_every_image_that_came_is_accounted_for(domain, peer):
    """What is lost on the wire shows as what was sent less what the node says it received."""
    transport = DdsTransport("/embodied_mem", domain=domain, interface="lo")
    topics = TopicsConfig(color="/peer/color", depth="/peer/depth")
    config = MemoryNodeConfig(topics=topics, agent=AgentConfig())
    memory = MemoryNode(config, transport, LatestWorker(transport.drops), Memory())
    memory.activate()
    readers = [r for r, _, _ in transport._readers if r.topic in {"rt/peer/color", "rt/peer/depth"}]
    taken = {reader.topic: 0 for reader in readers}
    for reader in readers:
        reader.take = partial(counted, reader.take, taken, reader.topic)
    spin_until(transport, lambda: all(reader.matches() for reader in readers))
    count = 45
    peer.tell(f"images {count}")
    said = []
    Thread(target=lambda: said.append(peer.says())).start()
    spin_until(transport, lambda: said)
    assert said == [f"sent {count}"]
    for _ in range(20):
        transport.spin_once(0.02)
    memory.finish()
    reported = memory.report()
    assert (reported["received_color"], reported["received_depth"]) == tuple(taken.values())
    assert 0 < memory._intake.received["color"] <= count
    assert memory.drops.counts.keys() <= {"no_camera_info", "out_of_sync"}
    assert memory.drops.total == reported["received_color"]  # None reached memory uncalibrated.
    memory.close()
    transport.close()


def counted(take, taken, topic):
    messages = take()
    taken[topic] += len(messages)
    return messages


def test_services_answer_and_time_out(peer, node):
    asked = "/peer/echo", "std_srvs/srv/SetBool"
    assert node.call(*asked, {"data": True}, LONG).success
    assert not node.call(*asked, {"data": False}, LONG).success
    with pytest.raises(PeerTimeoutError, match=r"no service /nobody/echo within 0\.2 s"):
        node.call("/nobody/echo", "std_srvs/srv/SetBool", {}, 0.2)
    peer.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(PeerTimeoutError, match=r"/peer/echo did not answer within 0\.5 s"):
            node.call(*asked, {"data": True}, 0.5)
    finally:
        peer.process.send_signal(signal.SIGCONT)
    assert node.call(*asked, {"data": True}, LONG).success  # The late answer is not taken for it.
    assert not node.call(*asked, {"data": False}, LONG).success


def test_actions_tell_end_refuse_and_are_cancelled(peer, node):
    heard, ends = [], []
    send(node, "hello", heard, ends)
    spin_until(node, lambda: ends)
    assert (ends[0].status, ends[0].result.message) == (GoalStatus.SUCCEEDED, "heard hello")
    assert "hello" in heard
    send(node, "no", heard, ends)
    spin_until(node, lambda: len(ends) == 2)
    assert ends[1].status == GoalStatus.REJECTED
    give_up = send(node, "wait", heard, ends)
    spin_until(node, lambda: "wait" in heard)
    give_up()
    spin_until(node, lambda: len(ends) == 3)
    assert (ends[2].status, ends[2].result.message) == (GoalStatus.CANCELED, "given up")
    send(node, "x", heard, ends, action="/nobody/ask", timeout=0.3)
    spin_until(node, lambda: len(ends) == 4)
    assert ends[3].status == GoalStatus.LOST


def test_a_goal_of_a_server_that_is_killed_is_lost(domain, node):
    other = Peer(domain, "/mortal")
    heard, ends = [], []
    send(node, "wait", heard, ends, action="/mortal/ask", timeout=20.0)
    spin_until(node, lambda: heard)
    other.kill()
    spin_until(node, lambda: ends)
    assert ends[0].status == GoalStatus.LOST


def test_actions_have_the_hidden_names_and_types_of_ros(peer, node):
    send(node, "hello", [], [])
    client = node._clients["/peer/ask/_action/send_goal"]
    spin_until(node, client.is_ready)
    assert client.writer.topic == "rq/peer/ask/_action/send_goalRequest"
    assert client.reader.topic == "rr/peer/ask/_action/send_goalReply"
    handle = client.reader.entity.get_matched_publications()[0]
    data = client.reader.entity.get_matched_publication_data(handle)
    assert data.type_name == "embodied_mem_msgs::action::dds_::Ask_SendGoal_Response_"
    told = next(p.data for p in data.qos if type(p).__name__.endswith("Userdata")).decode()
    assert f"typehash={interfaces().type_hash('embodied_mem_msgs/action/Ask_SendGoal')};" in told
    topics = {reader.topic for reader, _, _ in node._readers}
    assert "rt/peer/ask/_action/feedback" in topics
    assert dds_type("embodied_mem_msgs/action/Ask_FeedbackMessage").endswith(
        "::action::dds_::Ask_FeedbackMessage_"
    )


def send(node, text, heard, ends, *, action="/peer/ask", timeout=LONG):
    sending = Sending(
        action=action,
        typename="embodied_mem_msgs/action/Ask",
        goal={"text": text},
        feedback=lambda message: heard.append(message.partial),
        done=ends.append,
        timeout=timeout,
    )
    return node.send_goal(sending)


def test_a_reader_that_asks_for_too_much_is_told(peer, node):
    heard = []
    node.subscribe("/peer/best_effort", "std_msgs/msg/String", heard.append, EVENTS)
    spin_until(node, lambda: "/peer/best_effort" in node.problems())
    assert node.problems()["/peer/best_effort"] == (
        "/peer/best_effort: a writer offers less than is asked for, reliability; "
        "they are not connected."
    )
    assert heard == []


def test_malformed_bytes_are_dropped_and_counted(peer, node):
    heard = []
    node.subscribe("/peer/text", "std_msgs/msg/String", lambda m: heard.append(m.data), EVENTS)
    reader = node._readers[-1][0]
    spin_until(node, lambda: reader.matches() > 0)
    before = node.drops.counts["malformed"]
    time.sleep(0.2)
    peer.tell("garbage")
    peer.tell("text after")
    spin_until(node, lambda: heard)
    assert heard == ["after"]
    assert node.drops.counts["malformed"] == before + 1
    assert "/peer/text" in node.drops.newest["malformed"]


def test_ros_sees_the_node_in_its_graph(peer, node):
    nodes = {}

    def learn(message):
        for entry in message.node_entities_info_seq:
            nodes[entry.node_name] = entry.node_namespace, len(entry.writer_gid_seq)

    reader = node._endpoints.reader(GRAPH, GRAPH_TYPE, STATE)
    node._readers.append((reader, GRAPH_TYPE, learn))
    node._waitset.attach(reader.condition)
    spin_until(node, lambda: "peer" in nodes)
    assert nodes["peer"] == ("/", 11)


def test_endpoints_tell_their_type_hash(peer, node):
    node.call("/peer/echo", "std_srvs/srv/SetBool", {}, LONG)
    client = node._clients["/peer/echo"]
    handle = client.reader.entity.get_matched_publications()[0]
    data = client.reader.entity.get_matched_publication_data(handle)
    told = next(p.data for p in data.qos if type(p).__name__.endswith("Userdata")).decode()
    assert told.startswith("serviceid=")
    assert f"typehash={interfaces().type_hash('std_srvs/srv/SetBool')};" in told
    assert data.type_name == dds_type("std_srvs/srv/SetBool_Response")


def test_a_peer_that_is_killed_and_started_again_is_heard_again(domain, node):
    heard = []
    node.subscribe("/peer/state", "std_msgs/msg/String", lambda m: heard.append(m.data), STATE)
    first = Peer(domain)
    spin_until(node, lambda: f"pid {first.process.pid}" in heard)
    first.kill()
    second = Peer(domain)
    try:
        spin_until(node, lambda: f"pid {second.process.pid}" in heard)
    finally:
        second.kill()


def test_raw_bytes_go_through_unchanged(node):
    """The contract of the two private functions of `cyclonedds` that are used."""
    endpoints: Endpoints = node._endpoints
    writer: RawWriter = endpoints.writer("rt/raw", "std_msgs/msg/String", EVENTS)
    reader = endpoints.reader("rt/raw", "std_msgs/msg/String", EVENTS)
    end = time.monotonic() + LONG
    while not writer.matches():
        assert time.monotonic() < end
        time.sleep(0.01)
    sent = [b"\x00\x01\x00\x00" + os.urandom(size) for size in (4, 8, 1_000_000)]
    for data in sent:
        writer.write(data)
    received: list[bytes] = []
    while len(received) < len(sent):
        assert time.monotonic() < end
        received += reader.take()
        time.sleep(0.01)
    assert received == sent


def test_requests_are_framed_as_rmw_cyclonedds_does():
    payload = b"\x00\x01\x00\x00" + np.arange(5, dtype=np.uint8).tobytes()
    data = framed(payload, client=0x1122334455667788, number=3)
    assert data[4:20] == bytes.fromhex("88776655443322110300000000000000")
    assert unframed(data) == (payload, 0x1122334455667788, 3)
    with pytest.raises(MalformedMessageError):
        unframed(data[:19])
