"""Actions: a server and a client over services and topics, and the nodes' own."""

import secrets

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")

from box_robot import frame, make_robot
from loop_transport import LoopNetwork
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.types import Action
from ros_nodes.actions import Act, GoalStatus, Sending
from ros_nodes.moves import pose_after
from ros_nodes.worker import InlineWorker

ASK = "embodied_mem_msgs/action/Ask"


class Server:
    """Keeps its goals until the test ends them."""

    def __init__(self, network):
        self.goals = []
        self.gives_up = True
        act = Act(
            accept=lambda request: request.text != "no",
            begin=self.goals.append,
            cancel=lambda _: self.gives_up,
        )
        network.join("/server").serve_action("~/ask", ASK, act)


class Client:
    """Sends goals and keeps what is told."""

    def __init__(self, network, node="/client"):
        self.transport = network.join(node)
        self.feedback, self.ends = [], []

    def send(self, text, action="/server/ask"):
        sending = Sending(
            action=action,
            typename=ASK,
            goal={"text": text},
            feedback=lambda message: self.feedback.append(message.partial),
            done=self.ends.append,
        )
        return self.transport.send_goal(sending)


@pytest.fixture
def network():
    return LoopNetwork()


def statuses(network):
    shown = network.sent["/server/ask/_action/status"][-1].status_list
    return [GoalStatus(one.status) for one in shown]


def cancel(network, goal_id=bytes(16), stamp=0):
    info = {"goal_id": {"uuid": goal_id}, "stamp": {"sec": stamp}}
    service = "/server/ask/_action/cancel_goal", "action_msgs/srv/CancelGoal"
    return network.call(*service, {"goal_info": info}, 1.0)


def test_a_goal_tells_how_it_goes_and_how_it_ended(network):
    server, client, other = Server(network), Client(network), Client(network, "/other")
    client.send("first")
    other.send("second")
    assert [goal.request.text for goal in server.goals] == ["first", "second"]
    assert statuses(network) == [GoalStatus.EXECUTING] * 2
    server.goals[0].feedback({"partial": "half"})
    server.goals[0].succeed({"message": "whole"})
    assert (client.feedback, other.feedback) == (["half"], [])
    assert (client.ends[0].status, client.ends[0].result.message) == (GoalStatus.SUCCEEDED, "whole")
    server.goals[1].abort({"message": "lost it"})
    assert (other.ends[0].status, other.ends[0].result.message) == (GoalStatus.ABORTED, "lost it")
    assert statuses(network) == [GoalStatus.SUCCEEDED, GoalStatus.ABORTED]
    server.goals[0].abort({})  # It ended already.
    assert len(client.ends) == 1


def test_goals_are_refused_cancelled_and_lost(network):
    server, client = Server(network), Client(network)
    client.send("no")
    assert client.ends[0].status == GoalStatus.REJECTED
    give_up = client.send("yes")
    give_up()
    assert server.goals[0].is_cancelling
    assert statuses(network) == [GoalStatus.CANCELING]
    server.goals[0].canceled({"message": "as you wish"})
    assert client.ends[1].status == GoalStatus.CANCELED
    give_up()  # It ended already.
    client.send("x", action="/nobody/ask")
    assert client.ends[2].status == GoalStatus.LOST


def test_cancelling_means_one_goal_those_until_a_time_or_all(network):
    server, client = Server(network), Client(network)
    assert cancel(network).return_code == 2  # UNKNOWN_GOAL_ID
    for text in ("a", "b"):
        client.send(text)
    first, second = server.goals
    server.gives_up = False
    assert cancel(network).return_code == 1  # REJECTED
    assert not first.is_cancelling
    server.gives_up = True
    answer = cancel(network, first.goal_id)
    assert [bytes(one.goal_id.uuid) for one in answer.goals_canceling] == [first.goal_id]
    assert (first.is_cancelling, second.is_cancelling) == (True, False)
    assert len(cancel(network, stamp=100).goals_canceling) == 1
    assert second.is_cancelling
    for goal in server.goals:
        goal.canceled({})
    assert cancel(network).return_code == 3  # GOAL_TERMINATED


def test_results_are_kept_for_a_while_and_unknown_goals_have_none(network):
    server, client = Server(network), Client(network)
    client.send("early")
    server.goals[0].succeed({"message": "kept"})
    service = "/server/ask/_action/get_result", f"{ASK}_GetResult"
    asked = {"goal_id": {"uuid": server.goals[0].goal_id}}
    assert network.call(*service, asked, 1.0).result.message == "kept"
    for number in range(150):
        client.send(str(number))
        server.goals[-1].succeed({})
    assert len(statuses(network)) <= 101
    assert network.call(*service, asked, 1.0).status == GoalStatus.UNKNOWN
    strange = {"goal_id": {"uuid": secrets.token_bytes(16)}}
    assert network.call(*service, strange, 1.0).status == GoalStatus.UNKNOWN


def test_the_memory_node_answers_questions_as_an_action():
    robot = make_robot()
    robot.see(frame())
    client = Client(robot.loop.network)
    client.send("where is the box", "/embodied_mem/answer")
    (ended,) = client.ends
    assert ended.status == GoalStatus.SUCCEEDED
    assert ended.result.answers[0].id == "box_1"
    assert client.feedback[0] == ended.result.answers[0].text
    client.send(" ", "/embodied_mem/answer")
    assert client.ends[1].status == GoalStatus.REJECTED


def test_a_question_that_is_cancelled_while_it_waits_is_not_answered():
    waiting = []

    class Postponing(InlineWorker):
        def event(self, work):
            waiting.append(work)

    robot = make_robot(worker=lambda _: Postponing())
    robot.see(frame())
    client = Client(robot.loop.network)
    give_up = client.send("where is the box", "/embodied_mem/answer")
    give_up()
    waiting[-1]()
    assert client.ends[0].status == GoalStatus.CANCELED
    assert list(client.ends[0].result.answers) == []


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("MoveAhead", {}, ([1.0, 2.25], 90)),
        ("MoveLeft", {"moveMagnitude": 1.0}, ([0.0, 2.0], 90)),
        ("RotateRight", {"degrees": 30.0}, ([1.0, 2.0], 60)),
        ("RotateLeft", {}, ([1.0, 2.0], 180)),
    ],
)
def test_moves_are_poses_to_go_to(name, arguments, expected):
    body = RigidTransform.from_components([1, 2, 0], Rotation.from_euler("z", 90, degrees=True))
    there = pose_after(Action(name=name, arguments=arguments), body)
    assert there is not None
    np.testing.assert_allclose(there.translation[:2], expected[0], atol=1e-9)
    yaw = there.rotation.as_euler("zyx", degrees=True)[0]
    assert abs(yaw) == pytest.approx(expected[1])


def test_what_is_no_move_is_no_pose():
    assert pose_after(Action(name="PickupObject"), RigidTransform.identity()) is None
