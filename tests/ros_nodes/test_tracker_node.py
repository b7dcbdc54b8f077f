"""The tracker as a node: masks once, masks and tracks for every image, on every transport."""

import time

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")

from box_robot import frame, make_robot
from driven_house import FRAMES, drive
from loop_transport import LoopTransport

from benchmarks.ros_processes import NodeProcess
from embodied_mem.app.build import AgentConfig
from embodied_mem.types import Instance, Truth
from perception.compact.weights import SHIPPED
from perception.xmem.loading import load_network
from perception.xmem.tracker import ObjectTracker
from ros_nodes import convert
from ros_nodes.bag import BagTransport, BagWriter
from ros_nodes.drops import Reason
from ros_nodes.images import image_values
from ros_nodes.memory_config import MemoryNodeConfig, TopicsConfig
from ros_nodes.robot_messages import MASKS
from ros_nodes.stamps import header_values, to_nanoseconds
from ros_nodes.tracker_core import TrackerNode, TrackerNodeConfig
from ros_nodes.transport import EVENTS
from ros_nodes.worker import InlineWorker

pytestmark = pytest.mark.skipif(not SHIPPED.is_file(), reason="no weights of a tracker are here")
CONFIG = TrackerNodeConfig()
HEIGHT, WIDTH, SIDE = 96, 128, 28


@pytest.fixture(scope="module")
def network():
    return load_network(SHIPPED)


class Film:
    """A red square that wanders over a grey floor, and what a detector says of it."""

    def __init__(self, transport):
        self.transport = transport
        kinds = {CONFIG.color: "sensor_msgs/msg/Image"}
        kinds[CONFIG.annotations] = "embodied_mem_msgs/msg/LabelledMasks"
        self.send = {
            topic: transport.advertise(topic, kind, EVENTS) for topic, kind in kinds.items()
        }

    def ids(self, number):
        ids = np.zeros((HEIGHT, WIDTH), np.int32)
        left = 20 + 4 * number
        ids[30 : 30 + SIDE, left : left + SIDE] = 5
        return ids

    def image(self, number, *, stamp=None, **changes):
        rng = np.random.default_rng(0)
        floor = rng.integers(90, 120, (HEIGHT, WIDTH, 1), np.uint8).repeat(3, axis=2)
        rgb = np.where(self.ids(number)[:, :, None] > 0, [210, 20, 20], floor).astype(np.uint8)
        header = header_values(10.0 + number / 10 if stamp is None else stamp, "camera")
        self.send[CONFIG.color]({**image_values(rgb, "rgb8", header), **changes})

    def annotate(self, number):
        instances = {5: Instance(object_id="Box|1", label="Box")}
        truth = Truth(ids=self.ids(number), instances=instances)
        header = header_values(10.0 + number / 10, "camera")
        self.send[CONFIG.annotations](convert.masks_values(truth, header))


@pytest.fixture
def followed(network):
    loop = LoopTransport("/tracker")
    node = TrackerNode(CONFIG, loop, InlineWorker(), ObjectTracker(network))
    node.activate()
    return Film(loop.network.join("/camera")), loop, node


def overlap(message, ids):
    found, wanted = convert.masks(message).ids == 5, ids == 5
    return (found & wanted).sum() / (found | wanted).sum()


def test_what_was_shown_once_is_found_in_every_image(followed):
    film, loop, _ = followed
    film.image(0)
    assert loop.sent["/tracker/masks"] == []
    film.annotate(0)
    for number in range(1, 8):
        film.image(number)
    masks, tracks = loop.sent["/tracker/masks"], loop.sent["/tracker/tracks"]
    assert len(masks) == len(tracks) == 8
    assert min(overlap(message, film.ids(n)) for n, message in enumerate(masks)) > 0.8
    (track,) = tracks[-1].detections
    assert (track.id, track.results[0].hypothesis.class_id) == ("Box|1", "Box")
    assert track.results[0].hypothesis.score > 0.8
    assert track.bbox.center.position.x == pytest.approx(20 + 28 + SIDE / 2, abs=4)
    assert loop.drops.total == 0


def test_masks_that_come_late_are_taken_with_the_image_that_they_are_of(followed):
    film, loop, _ = followed
    for number in range(4):
        film.image(number)
    film.annotate(1)
    film.image(4)
    assert overlap(loop.sent["/tracker/masks"][-1], film.ids(4)) > 0.8
    assert [m.header.stamp.nanosec for m in loop.sent["/tracker/masks"]] == [100000000, 400000000]


def test_what_cannot_be_used_is_dropped_counted_and_named(followed):
    film, loop, node = followed
    film.annotate(0)
    film.image(0, stamp=0)
    film.image(1, encoding="yuv422")
    film.image(2, step=7)
    film.image(3)
    film.annotate(3)
    film.image(0, stamp=2.0)
    assert loop.drops.counts == {
        Reason.OUT_OF_SYNC: 1,
        Reason.ZERO_STAMP: 1,
        Reason.ENCODING: 1,
        Reason.MALFORMED: 1,
        Reason.CLOCK_JUMP: 1,
    }
    assert node._follower.objects == ()  # With the clock, a new film began.
    loop.tick()
    values = loop.sent["/diagnostics"][-1].status[0].values
    assert {"dropped_out_of_sync", "why_wrong_encoding"} <= {pair.key for pair in values}


def test_a_reset_forgets_what_is_followed(followed):
    film, loop, _ = followed
    film.image(0)
    film.annotate(0)
    assert loop.question("/tracker/reset", {}).success
    film.image(1)
    assert len(loop.sent["/tracker/masks"]) == 1


def test_memory_takes_the_trackers_masks(network):
    topics = TopicsConfig(masks="/tracker/masks")
    robot = make_robot(config=MemoryNodeConfig(topics=topics, agent=AgentConfig()))
    config = TrackerNodeConfig(annotations=MASKS)
    tracker = TrackerNode(
        config, robot.loop.network.join("/tracker"), InlineWorker(), ObjectTracker(network)
    )
    tracker.activate()
    robot.see(frame(10.0))
    robot.see(frame(10.5), without=(MASKS,))
    memory = robot.node.memory
    assert memory.frame == 2
    assert [known.label for known in memory.known()] == ["Box"]


def test_on_a_bag_tracks_are_recorded(network, tmp_path):
    drive(tmp_path)
    with BagWriter(tmp_path / "out") as writer:
        transport = BagTransport("/tracker", writer)
        config = TrackerNodeConfig(annotations=MASKS)
        node = TrackerNode(config, transport, InlineWorker(), ObjectTracker(network))
        node.activate()
        transport.play(tmp_path / "mcap")
    heard = []
    listener = BagTransport("/listener")
    kind = "vision_msgs/msg/Detection2DArray"
    listener.subscribe("/tracker/tracks", kind, heard.append, EVENTS)
    listener.play(tmp_path / "out")
    assert len(heard) == FRAMES
    assert sum(bool(len(message.detections)) for message in heard) >= 3  # It looks elsewhere then.


def test_over_dds_it_does_the_same(network, dds_pair):
    here, there = dds_pair("/tracker")
    node = TrackerNode(CONFIG, here.transport, InlineWorker(), ObjectTracker(network))
    node.activate()
    film, masks = Film(there.transport), []
    kind = "embodied_mem_msgs/msg/LabelledMasks"
    there.transport.subscribe("/tracker/masks", kind, masks.append, EVENTS)
    there.meet(here)
    end = time.monotonic() + 60
    number = 0
    film.image(0)
    while not masks and time.monotonic() < end:
        film.annotate(0)
        there.spin(here, 0.2)
    while len(masks) < 4:
        assert time.monotonic() < end
        number += 1
        film.image(min(number, 8), stamp=10.0 + number / 10)
        there.spin(here, 0.1)
    assert overlap(masks[-1], film.ids(min(number, 8))) > 0.7
    assert to_nanoseconds(10.0) <= masks[0].header.stamp.sec * 10**9


def test_the_command_runs_it_until_it_is_interrupted(tmp_path, dds_pair):
    _, examiner = dds_pair("/unused")
    told = []
    kind = "diagnostic_msgs/msg/DiagnosticArray"
    examiner.transport.subscribe("/diagnostics", kind, told.append, EVENTS)
    node = NodeProcess("track", CONFIG, domain=examiner.domain, folder=tmp_path)
    with node:
        examiner.until(examiner, lambda: told, longest=300.0)
        assert told[0].status[0].name == "tracker"
        assert node.end() == 0
    assert "0 images were followed" in node.printed
