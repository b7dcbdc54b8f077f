"""Simulator, memory and planner as nodes solve a task, on a network inside this process."""

import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")
pytest.importorskip("unified_planning", reason="needs the extra `plan`")

from kitchen import kitchen
from loop_transport import LoopNetwork

from embodied_mem.app.build import AgentConfig
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.memory import Memory
from ros_nodes.actions import GoalStatus, Sending
from ros_nodes.memory_config import MemoryNodeConfig, TopicsConfig
from ros_nodes.node_core import MemoryNode
from ros_nodes.planner_core import PlannerNode, PlannerNodeConfig
from ros_nodes.robot_messages import MASKS
from ros_nodes.sim_core import SimNode, SimNodeConfig
from ros_nodes.worker import InlineWorker

GOAL = "on(book, sofa)"


@pytest.fixture
def world(tmp_path, request):
    network, store = LoopNetwork(), tmp_path / "store"
    memory_config = MemoryNodeConfig(
        store=str(store), topics=TopicsConfig(masks=MASKS), agent=AgentConfig(), view=True
    )
    memory = MemoryNode(
        memory_config, network.join("/embodied_mem"), InlineWorker(), Memory.open(store)
    )
    memory.activate()
    navigate = getattr(request, "param", "")
    with HouseholdSim(HouseholdSimConfig(width=200, height=200), house=kitchen()) as sim:
        robot = SimNode(SimNodeConfig(navigate=navigate), network.join("/sim"), sim)
        planner_config = PlannerNodeConfig(store=str(store), navigate=navigate)
        planner = PlannerNode(planner_config, network.join("/planner"))
        robot.activate()
        planner.activate()
        yield network, robot, memory, planner
        planner.close()
        memory.close()


def test_three_nodes_solve_a_household_task(world):
    network, robot, memory, planner = world
    answer = network.call("/planner/achieve", "embodied_mem_msgs/srv/Achieve", {"goal": GOAL}, 1)
    assert answer.success, answer.message
    while planner.is_busy:
        if not planner.work():
            robot.tick()
    verdict = network.call("/sim/judge", "embodied_mem_msgs/srv/Judge", {"goal": GOAL}, 1)
    assert verdict.success, planner.outcome
    assert memory.drops.total == 0
    feedback = network.sent["/planner/feedback"]
    assert feedback[-1].done
    assert any("PickupObject" in message.action for message in feedback)
    assert memory.memory.frame >= feedback[-1].steps


@pytest.mark.parametrize("world", ["", "/navigate_to_pose"], indirect=True)
def test_a_goal_is_pursued_as_an_action_and_moves_may_be_nav2s(world):
    network, robot, _, planner = world
    heard, ends = [], []
    pursue(network, heard, ends)
    while not ends:
        if not planner.work():
            robot.tick()
    assert ends[0].status == GoalStatus.SUCCEEDED, ends[0].result
    assert ends[0].result.success
    verdict = network.call("/sim/judge", "embodied_mem_msgs/srv/Judge", {"goal": GOAL}, 1)
    assert verdict.success
    assert any("PickupObject" in message.progress.action for message in heard)
    moves = [m for m in heard if m.progress.action.startswith(("Move", "Rotate"))]
    asked = network.sent["/navigate_to_pose/_action/status"]
    assert bool(asked) == (planner.config.navigate != "")
    assert not asked or len(asked[-1].status_list) == min(len(moves), 101)


def test_pursuits_are_cancelled_overtaken_and_refused(world):
    network, robot, _, planner = world
    ends = []
    give_up = pursue(network, [], ends)
    robot.tick()
    planner.work()
    give_up()
    assert (ends[0].status, ends[0].result.message) == (GoalStatus.CANCELED, "cancelled")
    assert not planner.is_busy
    pursue(network, [], ends)
    pursue(network, [], ends)
    assert (ends[1].status, ends[1].result.message) == (GoalStatus.ABORTED, "another goal came")
    pursue(network, [], ends, goal="sing")
    assert ends[2].status == GoalStatus.REJECTED


def pursue(network, heard, ends, goal=GOAL):
    sending = Sending(
        action="/planner/pursue",
        typename="embodied_mem_msgs/action/Pursue",
        goal={"goal": goal},
        feedback=heard.append,
        done=ends.append,
    )
    return network.join("/operator").send_goal(sending)


def test_goals_that_are_not_understood_are_refused_and_pursuits_are_cancelled(world):
    network, robot, _, planner = world
    ask = "embodied_mem_msgs/srv/Achieve"
    assert not network.call("/planner/achieve", ask, {"goal": "sing"}, 1).success
    assert network.call("/planner/achieve", ask, {"goal": GOAL}, 1).success
    robot.tick()
    planner.work()
    cancel = "/planner/cancel", "std_srvs/srv/Trigger", {}
    assert network.call(*cancel, 1).success
    assert planner.outcome == "cancelled"
    assert not planner.work()
    assert not network.call(*cancel, 1).success


def test_the_robot_drives_by_cmd_vel_where_there_is_room(world):
    network, robot, memory, _ = world
    before = memory.memory.T_world_body
    assert before is not None
    for _ in range(4):
        network.send("/cmd_vel", "geometry_msgs/msg/Twist", {"angular": {"z": 0.5}})
        robot.tick()
    after = memory.memory.T_world_body
    assert after is not None
    turned = (before.inv() * after).rotation.magnitude()
    assert turned == pytest.approx(1.0, abs=1e-3)
    clocks = [m.clock.sec + m.clock.nanosec / 1e9 for m in network.sent["/clock"]]
    assert clocks == sorted(clocks)


def test_a_reset_begins_anew_while_the_clock_goes_on(world):
    network, robot, memory, _ = world
    network.call("/sim/skill", "embodied_mem_msgs/srv/Skill", {"name": "RotateRight"}, 1)
    stamp = robot.stamp
    assert network.call("/sim/reset", "std_srvs/srv/Trigger", {}, 1).success
    assert robot.stamp > stamp
    assert memory.drops.total == 0
    refused = network.call(
        "/sim/skill", "embodied_mem_msgs/srv/Skill", {"name": "PickupObject", "arguments": "["}, 1
    )
    assert not refused.success
