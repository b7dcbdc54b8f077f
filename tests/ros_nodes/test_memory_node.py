"""The memory node's rules: what is dropped and named, what is answered, what is published."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs the extra `bags`")

from box_robot import FRAMES, TOPICS, frame, make_robot
from scipy.spatial.transform import RigidTransform, Rotation

from ros_nodes import convert
from ros_nodes.drops import Reason
from ros_nodes.robot_messages import CAMERA_FRAME, MASKS, static_messages
from ros_nodes.worker import LatestWorker


@pytest.fixture
def robot():
    return make_robot()


def test_an_image_with_all_it_needs_reaches_memory_where_the_thing_is(robot):
    robot.see(frame())
    assert robot.dropped == {}
    box = robot.node.memory.find("Box")[0]
    np.testing.assert_allclose(box.position, [2.0, 0.0, 0.5], atol=0.08)


@pytest.mark.parametrize(
    ("reason", "changes", "without"),
    [
        (Reason.ZERO_STAMP, {"image_raw": {"header": {"frame_id": CAMERA_FRAME}}}, ()),
        (Reason.ENCODING, {"image_raw": {"encoding": "yuv422"}}, ()),
        (Reason.MALFORMED, {"image_raw": {"step": 7}}, ()),
        (Reason.CAMERA_INFO, {"camera_info": {"width": 32}}, ()),
        (Reason.CAMERA_INFO, {"camera_info": {"k": np.zeros(9), "p": np.zeros(12)}}, ()),
        (Reason.NO_CAMERA_INFO, {}, (TOPICS.camera_info,)),
        (Reason.MALFORMED, {"instances": {"instances": [{"number": 7, "attributes": "["}]}}, ()),
    ],
)
def test_what_cannot_be_used_is_dropped_counted_and_named_in_diagnostics(
    robot, reason, changes, without
):
    robot.see(frame(), without=without, **changes)
    assert robot.dropped[reason] >= 1
    assert robot.node.memory.frame == 0
    robot.loop.tick()
    told = robot.loop.sent["/diagnostics"][-1].status[0]
    assert told.level == 1
    assert {pair.key: pair.value for pair in told.values}[f"dropped_{reason}"] == str(
        robot.dropped[reason]
    )
    robot.see(frame(11.0))
    assert robot.node.memory.frame == 1


def test_an_image_waits_for_its_transform_and_is_dropped_after_the_timeout(robot):
    robot.see(frame(10.0), without=("/tf",))
    assert robot.node.memory.frame == 0
    robot.see(frame(10.2), without=(TOPICS.color, TOPICS.depth, MASKS))  # Too early: no earlier tf.
    robot.loop.time += 10**9
    robot.loop.tick()
    assert robot.dropped == {Reason.NO_TRANSFORM: 1}


def test_a_transform_that_comes_late_is_interpolated_at_the_images_stamp(robot):
    robot.see(frame(10.0, x=0.0), without=(TOPICS.color, TOPICS.depth, MASKS))
    robot.see(frame(10.1), without=("/tf",))
    assert robot.node.memory.frame == 0
    robot.see(frame(10.2, x=1.0), without=(TOPICS.color, TOPICS.depth, MASKS))
    assert robot.dropped == {}
    np.testing.assert_allclose(robot.node.memory.find("Box")[0].position[0], 2.5, atol=0.08)


def test_depth_that_does_not_come_within_the_slop_is_out_of_sync(robot):
    robot.see(frame(10.0), without=(TOPICS.depth,))
    robot.see(frame(10.1))
    assert robot.dropped == {Reason.OUT_OF_SYNC: 1}
    assert robot.node.memory.frame == 1


def test_a_clock_that_jumps_back_starts_anew_and_keeps_what_is_known(robot):
    for stamp in (100.0, 100.5, 101.0):
        robot.see(frame(stamp))
    robot.see(frame(101.5), without=("/tf",))
    robot.see(frame(2.0))
    robot.see(frame(2.5))
    assert robot.dropped == {Reason.CLOCK_JUMP: 1}
    memory = robot.node.memory
    assert memory.frame == 5
    assert [known.object_id for known in memory.known()] == ["box_1"]


def test_while_paused_images_are_counted_and_not_taken_in(robot):
    assert robot.ask("pause", data=True).message == "paused"
    robot.see(frame(10.0))
    assert robot.node.memory.frame == 0
    assert robot.dropped[Reason.PAUSED] >= 1
    robot.ask("pause", data=False)
    robot.see(frame(11.0))
    assert robot.node.memory.frame == 1


def test_when_localisation_jumps_what_was_seen_moves_along():
    robot = make_robot(static_odom=False)

    def anchor(stamp, x, yaw):
        pose = RigidTransform.from_components([x, 0.0, 0.0], Rotation.from_euler("z", yaw))
        values = convert.transform_values(stamp, FRAMES.map, FRAMES.odom, pose)
        message = static_messages(FRAMES, stamp)
        robot.loop.send(replace(message, topic="/tf", values={"transforms": [values]}))

    anchor(9.9, 0.0, 0.0)
    anchor(10.1, 0.01, 0.0)  # Drift that is made up for.
    robot.see(frame(10.0))
    anchor(20.0, 1.0, np.pi / 2)
    box = robot.node.memory.find("Box")[0]
    np.testing.assert_allclose(box.position, [1.0, 2.0, 0.5], atol=0.1)
    moved = robot.loop.sent["/embodied_mem/updates"][-1]
    assert [state.id for state in moved.changed] == [box.object_id]


def test_the_hand_takes_what_it_picked_up(robot):
    robot.see(frame(10.0))
    robot.loop.send_values(
        TOPICS.skill_results,
        "embodied_mem_msgs/msg/SkillResult",
        {
            "header": {"stamp": {"sec": 10}},
            "name": "PickupObject",
            "arguments": '{"x": 0.5, "y": 0.5}',
            "target": "box_1",
            "success": True,
        },
    )
    assert robot.node.memory.held is not None
    robot.loop.send_values(
        TOPICS.skill_results, "embodied_mem_msgs/msg/SkillResult", {"arguments": "no json"}
    )
    assert robot.dropped == {Reason.MALFORMED: 1}


def test_questions_are_answered(robot, tmp_path):
    robot.see(frame(10.0))
    assert [a.id for a in robot.ask("query", label="box").answers] == ["box_1"]
    assert [a.id for a in robot.ask("query", text="where is the box").answers][:1] == ["box_1"]
    near = {"point": {"x": 2.0, "y": 0.0, "z": 0.5}}
    assert [a.id for a in robot.ask("query", center=near, radius=0.5).answers] == ["box_1"]
    found = robot.ask("get_object", id="box_1")
    assert found.success
    assert found.object.label == "Box"
    snapshot = robot.ask("get_snapshot").snapshot
    assert snapshot.full
    assert [state.id for state in snapshot.changed] == ["box_1"]
    assert robot.ask("save", path=str(tmp_path / "copy")).success
    assert robot.ask("forget", id="box_1").success
    assert not robot.ask("query", label="box").success
    assert robot.ask("load", path=str(tmp_path / "copy")).success
    assert robot.ask("query", label="box").success
    assert robot.ask("reset").success
    assert len(robot.node.memory) == 0


def test_what_cannot_be_answered_is_said_in_one_sentence(robot, tmp_path):
    robot.see(frame(10.0))
    for service, request, words in (
        ("query", {"label": "unicorn"}, "Known labels: Box"),
        ("get_object", {"id": "unicorn_1"}, "unicorn_1"),
        ("locate", {"target": "unicorn"}, "Known labels: Box"),
        ("forget", {"id": "unicorn_1"}, "unicorn_1"),
        ("save", {"path": str(tmp_path)}, "exists already"),
        ("load", {"path": str(tmp_path / "nothing")}, "nothing"),
    ):
        answer = robot.ask(service, **request)
        assert not answer.success
        assert words in answer.message


def test_the_same_services_answer_in_json(robot):
    robot.see(frame(10.0))
    robot.loop.send_values(
        "/embodied_mem/request",
        "std_msgs/msg/String",
        {"data": '{"id": "7", "service": "query", "request": {"label": "box"}}'},
    )
    reply = msgspec.json.decode(robot.loop.sent["/embodied_mem/reply"][-1].data)
    assert reply["id"] == "7"
    assert [answer["id"] for answer in reply["response"]["answers"]] == ["box_1"]
    for text, error in (
        ('{"id": "8", "service": "dance"}', "there is no service 'dance'"),
        ('{"id": "8", "service": "query", "request": {"lable": "x"}}', "has no field lable"),
    ):
        robot.loop.send_values("/embodied_mem/request", "std_msgs/msg/String", {"data": text})
        reply = msgspec.json.decode(robot.loop.sent["/embodied_mem/reply"][-1].data)
        assert error in reply["error"]
    robot.loop.send_values("/embodied_mem/request", "std_msgs/msg/String", {"data": "[" * 2000})
    assert robot.dropped == {Reason.MALFORMED: 1}


def test_updates_hold_what_changed_and_count_up(robot):
    robot.see(frame(10.0))
    robot.see(frame(11.0))
    robot.ask("forget", id="box_1")
    updates = robot.loop.sent["/embodied_mem/updates"]
    assert [u.sequence for u in updates] == list(range(1, len(updates) + 1))
    assert updates[-1].full
    assert list(updates[-1].changed) == []
    markers = robot.loop.sent["/embodied_mem/markers"][-1].markers
    assert markers[0].action == 3  # DELETEALL: nothing stale stays.


def test_a_place_to_stand_is_free_and_faces_the_thing(robot):
    for number, yaw in enumerate((0.0, 0.3, -0.3)):
        robot.see(frame(10.0 + number, yaw=yaw))
    memory = robot.node.memory
    memory.occupancy.mark_free(np.array([1.0, 0.0]), radius=1.5)
    answer = robot.ask("locate", target="box_1", distance=0.7)
    assert answer.success, answer.message
    position, turn = answer.pose.pose.position, answer.pose.pose.orientation
    to_box = memory.get("box_1").position[:2] - [position.x, position.y]
    facing = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).apply([1, 0, 0])[:2]
    assert facing @ to_box / np.linalg.norm(to_box) > 0.99


def test_a_slow_perception_gets_the_newest_image_and_counts_the_others():
    robot = make_robot(worker=LatestWorker)
    with robot.node.lock:  # Memory is busy.
        for number in range(8):
            robot.see(frame(10.0 + number))
    robot.node.finish()
    memory = robot.node.memory
    assert memory.frame + robot.dropped.get(Reason.BUSY, 0) == 8
    assert memory.frame <= 3
    assert memory.stamp == 17.0


def test_a_bug_in_the_worker_ends_the_node():
    robot = make_robot(worker=LatestWorker)
    robot.node.memory.close()
    worker = robot.node._worker
    assert isinstance(worker, LatestWorker)
    worker.event(fail)
    worker._thread.join()
    with pytest.raises(ZeroDivisionError):
        robot.see(frame(10.0))


def fail() -> None:
    """Stand for a bug."""
    raise ZeroDivisionError
