"""The policy as a node: actions at a rate, and a stop whenever it would act on what is old."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")
pytest.importorskip("diffusers", reason="needs the extra `train`")

import torch
from loop_transport import LoopTransport

from embodied_mem.errors import ConfigError
from embodied_mem.memory.cognitive_bank import BankConfig
from planners.diffusion.denoiser import DenoiserConfig
from planners.diffusion.encoder import EncoderConfig
from planners.diffusion.network import Interface, PolicyConfig
from planners.diffusion.policy import DiffusionPolicy
from planners.diffusion.weights import FORMAT, PolicyCard
from ros_nodes.bag import BagTransport
from ros_nodes.cli import execute
from ros_nodes.commands import Act
from ros_nodes.drops import Reason
from ros_nodes.images import image_values
from ros_nodes.policy_core import PolicyNode, PolicyNodeConfig
from ros_nodes.stamps import header_values, to_nanoseconds
from ros_nodes.transport import EVENTS
from ros_nodes.worker import InlineWorker

CARD = PolicyCard(
    policy=PolicyConfig(
        encoder=EncoderConfig(channels=(8, 16), perceptual=16, cognitive=32, layers=1, heads=2),
        head=DenoiserConfig(depth=2, width=32, heads=2, chunk=4),
        memory=BankConfig(capacity=4, heads=2),
    ),
    interface=Interface(instructions=("touch it",), height=32, width=40),
)
SIZE = 32, 40, 16, 7
JOINTS = tuple(np.linspace(0, 1, 16))
CONFIG = PolicyNodeConfig(instruction="touch it", rate=5.0, late=0.5)
STOP = [0.0] * 7


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("policy") / "policy.safetensors"
    FORMAT.save(path, CARD, CARD.build().state_dict())
    return path


class Postponed(InlineWorker):
    """Keeps what is to be done until the test says so."""

    def __init__(self):
        self.waiting = []

    def frame(self, work):
        self.waiting.append(work)


class Arm:
    """A robot's camera and joints."""

    def __init__(self, transport):
        self.image = transport.advertise(CONFIG.image, "sensor_msgs/msg/Image", EVENTS)
        self.joints = transport.advertise(CONFIG.state, "sensor_msgs/msg/JointState", EVENTS)

    def send(self, stamp, *, joints=JOINTS, **changes):
        header = header_values(stamp, "camera")
        self.image({**image_values(picture(stamp), "rgb8", header), **changes})
        self.joints({"header": header, "position": np.array(joints)})


def picture(stamp):
    return np.random.default_rng(int(10 * stamp)).integers(0, 255, (64, 80, 3), np.uint8)


def acting(weights, worker=None, config=CONFIG):
    loop = LoopTransport("/policy")
    worker = worker or InlineWorker()
    node = PolicyNode(config, loop, worker, DiffusionPolicy(weights), size=SIZE)
    node.activate()
    return loop, node, Arm(loop.network.join("/arm"))


def told(loop):
    return [message.data.tolist() for message in loop.sent["/policy/action"]]


def state(loop):
    return loop.sent["/policy/state"][-1].data


def test_each_tick_acts_on_the_newest_observation_as_the_policy_would(weights):
    loop, node, arm = acting(weights)
    policy, expected = DiffusionPolicy(weights), []
    for step in range(3):
        stamp = 1.0 + step / 5
        loop.time = to_nanoseconds(stamp + 0.05)
        arm.send(stamp)
        node.tick()
        seen = cv2.resize(picture(stamp), (40, 32), interpolation=cv2.INTER_AREA)
        expected.append(
            policy.act(
                seen[None],
                np.array([JOINTS], np.float32),
                "touch it",
                steps=np.array([step], np.float32),
                begins=np.array([step == 0]),
            )[0]
        )
    np.testing.assert_allclose(told(loop), expected, atol=1e-5)
    assert (state(loop), node.stops) == ("acting", 0)
    assert loop.drops.total == 0


def test_without_a_fresh_observation_it_stops_again_and_again(weights):
    loop, node, arm = acting(weights)
    node.tick()
    assert (told(loop), state(loop)) == ([STOP], "no observation")
    arm.send(1.0)
    loop.time = to_nanoseconds(1.6)
    node.tick()
    node.tick()
    assert (told(loop), state(loop)) == ([STOP] * 3, "late")
    arm.send(1.6)
    node.tick()
    assert told(loop)[-1] != STOP
    assert state(loop) == "acting"


def test_an_action_that_comes_too_late_is_a_stop_and_counted(weights):
    worker = Postponed()
    loop, node, arm = acting(weights, worker)
    loop.time = to_nanoseconds(1.0)
    arm.send(1.0)
    node.tick()
    node.tick()  # It is being thought about.
    assert (told(loop), len(worker.waiting)) == ([], 1)
    loop.time = to_nanoseconds(1.7)
    node.tick()
    assert (told(loop), state(loop)) == ([STOP], "late")
    worker.waiting.pop()()
    assert told(loop) == [STOP] * 2
    assert loop.drops.counts == {Reason.LATE: 1}
    loop.tick()
    values = loop.sent["/diagnostics"][-1].status[0].values
    assert "dropped_late" in {pair.key for pair in values}


def test_what_cannot_be_used_is_dropped_counted_and_no_reason_to_act(weights):
    loop, node, arm = acting(weights)
    loop.time = to_nanoseconds(1.0)
    arm.send(1.0, joints=(0.1,))
    node.tick()
    arm.send(1.1, encoding="yuv422")
    node.tick()
    arm.send(0)
    assert told(loop) == []
    assert loop.drops.counts == {Reason.MALFORMED: 1, Reason.ENCODING: 1, Reason.ZERO_STAMP: 2}


def test_an_episode_begins_at_activation_reset_and_when_the_clock_goes_back(weights):
    loop, node, arm = acting(weights)
    for stamp in (50.0, 50.2):
        loop.time = to_nanoseconds(stamp)
        arm.send(stamp)
        node.tick()
    assert node.step == 2
    loop.question("/policy/reset", {})
    assert node.step == 0
    loop.time = to_nanoseconds(50.4)
    arm.send(50.4)
    node.tick()
    loop.time = to_nanoseconds(2.0)
    arm.send(2.0)
    assert (node.step, loop.drops.counts) == (0, {Reason.CLOCK_JUMP: 1})
    node.tick()
    assert node.step == 1


def test_deactivation_ends_with_a_stop(weights):
    loop, node, arm = acting(weights)
    loop.time = to_nanoseconds(1.0)
    arm.send(1.0)
    node.tick()
    node.deactivate()
    assert (told(loop)[-1], state(loop)) == (STOP, "inactive")
    node.tick()
    assert len(told(loop)) == 2


def test_a_stop_is_what_the_config_says_and_must_fit(weights):
    stop = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    loop, node, _ = acting(weights, config=PolicyNodeConfig(instruction="touch it", stop=stop))
    node.tick()
    assert told(loop) == [list(stop)]
    with pytest.raises(ConfigError, match="stop must hold 7 numbers, got 2"):
        acting(weights, config=PolicyNodeConfig(stop=(0.0, 0.0)))


def test_it_runs_on_a_bags_time_too(weights):
    transport = BagTransport("/policy")
    node = PolicyNode(CONFIG, transport, InlineWorker(), DiffusionPolicy(weights), size=SIZE)
    node.activate()
    node.tick()
    assert (node.step, node.stops) == (0, 1)


def test_over_dds_it_acts_and_stops(weights, dds_pair):
    here, there = dds_pair("/policy")
    config = PolicyNodeConfig(instruction="touch it", rate=20.0, late=5.0)
    policy = DiffusionPolicy(weights)
    node = PolicyNode(config, here.transport, InlineWorker(), policy, size=SIZE)
    arm, states, actions = Arm(there.transport), [], []
    listen = there.transport.subscribe
    listen("/policy/state", "std_msgs/msg/String", lambda m: states.append(m.data), EVENTS)
    listen("/policy/action", "std_msgs/msg/Float32MultiArray", actions.append, EVENTS)
    there.meet(here)
    node.activate()
    there.until(here, lambda: "no observation" in states)

    def acts():
        arm.send(there.transport.now())
        return "acting" in states

    there.until(here, acts)
    assert any(np.any(message.data) for message in actions)


def test_the_command_says_what_is_missing(weights, capsys):
    for command, words in (
        (Act(interface="lo", domain=99), "a policy node needs weights"),
        (Act(interface="lo", domain=99, weights=str(weights), instruction="sing"), "to: touch it"),
        (
            Act(interface="lo", domain=99, weights="nowhere"),
            "cannot read the policy's weights nowhere",
        ),
    ):
        assert execute(command) == 2
        assert words in capsys.readouterr().err
