"""The household simulator as a robot: cameras, transforms, odometry, a clock, skills, `cmd_vel`."""

from dataclasses import replace
from math import cos, sin

import numpy as np

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.config import Config
from embodied_mem.errors import GoalError
from embodied_mem.goals import parse_goal
from embodied_mem.types import Action
from ros_nodes.actions import Act, Pursued
from ros_nodes.convert import attributes, rigid
from ros_nodes.drops import UnusableMessageError
from ros_nodes.memory_config import FramesConfig, TopicsConfig
from ros_nodes.messages import Message
from ros_nodes.moves import NAVIGATE
from ros_nodes.outputs import Fields
from ros_nodes.robot_messages import (
    CLOCK_START,
    MASKS,
    Outgoing,
    frame_messages,
    skill_result,
    static_messages,
)
from ros_nodes.stamps import time_values
from ros_nodes.transport import EVENTS, SENSOR, Publish, Transport

_STALE = 0.5
"""A velocity is followed for so long after its message [s]."""

_NAVIGATION_FAILED = 9000
"""nav2's code for no particular reason."""


class SimNodeConfig(Config, frozen=True):
    """The simulated robot."""

    name: str = "sim"
    namespace: str = "/"
    sim: HouseholdSimConfig = HouseholdSimConfig()
    topics: TopicsConfig = TopicsConfig(masks=MASKS)
    frames: FramesConfig = FramesConfig()
    rate: float = 2.0
    """Images a second while nothing is done, and steps a second under `cmd_vel` [Hz]."""
    navigate: str = ""
    """Name of a `NavigateToPose` action to offer, as nav2 does; none when empty."""


class SimNode:
    """Publishes what the robot senses and does what it is told."""

    def __init__(self, config: SimNodeConfig, transport: Transport, sim: HouseholdSim):
        """Start an episode; its first image is shown by `activate`.

        Args:
            config: Parameters.
            transport: The connection.
            sim: The simulator; whoever built it closes it.
        """
        self._config, self._transport, self._sim = config, transport, sim
        self._publishers: dict[str, Publish] = {}
        self._is_active = False
        self._waited = CLOCK_START
        """What the robot's clock is ahead of the simulator's [s]."""
        self._velocity, self._follow = (0.0, 0.0), 0.0
        self._step = sim.reset()
        self._was_shown = False
        """Whether images were sent since the last tick."""
        self._clock = transport.advertise("/clock", "rosgraph_msgs/msg/Clock", SENSOR)
        transport.subscribe("/cmd_vel", "geometry_msgs/msg/Twist", self._on_velocity, EVENTS)
        transport.serve("~/skill", "embodied_mem_msgs/srv/Skill", self.skill)
        transport.serve("~/judge", "embodied_mem_msgs/srv/Judge", self.judge)
        transport.serve("~/reset", "std_srvs/srv/Trigger", self.reset)
        if config.navigate:
            act = Act(accept=self._can_go, begin=self._go, cancel=lambda _: False)
            transport.serve_action(config.navigate, NAVIGATE, act)
        transport.every(1 / config.rate, self.tick)

    def activate(self) -> None:
        """Show what is seen, and let time pass."""
        self._is_active = True
        self._send(static_messages(self._config.frames, self.stamp))
        self.show()

    def deactivate(self) -> None:
        """Let time stand still."""
        self._is_active = False

    @property
    def stamp(self) -> float:
        """The robot's time [s]."""
        return self._step.frame.stamp + self._waited

    def tick(self) -> None:
        """Let time pass: follow the velocity, show what is seen."""
        if not self._is_active:
            return
        period = 1 / self._config.rate
        self._waited += period
        drives = self._follow > 0 and any(self._velocity)
        if drives:
            self._drive(period)
        self._follow -= period
        if drives or not self._was_shown:
            self.show()
        else:  # A skill has just shown it; no camera sends twice within milliseconds.
            self._tell_time()
        self._was_shown = False

    def skill(self, request: Message) -> Fields:
        """Do one thing, show what is seen then, and tell how it went."""
        try:
            action = Action(name=request.name, arguments=dict(attributes(request.arguments)))
        except UnusableMessageError as error:
            return {"success": False, "message": str(error), "stamp": time_values(self.stamp)}
        self._step = self._sim.step(action)
        result = skill_result(
            self._config.topics,
            action,
            target=request.target,
            success=self._step.action_success,
            message=self._step.message,
            stamp=self.stamp,
        )
        self._send(result)
        self.show()
        return {
            "success": self._step.action_success,
            "message": self._step.message,
            "stamp": time_values(self.stamp),
        }

    def judge(self, request: Message) -> Fields:
        """Tell whether a goal is met."""
        try:
            progress = self._sim.judge(parse_goal(request.goal))
        except GoalError as error:
            return {"success": False, "message": str(error)}
        return {"success": progress.complete, "message": f"{progress.met} of {progress.total}"}

    def reset(self, request: Message) -> Fields:  # noqa: ARG002 - An empty request.
        """Start the episode anew; the clock goes on."""
        now = self.stamp
        self._step = self._sim.reset()
        self._waited = now + 1 / self._config.rate - self._step.frame.stamp
        self.show()
        return {"success": True, "message": "a new episode began"}

    def show(self) -> None:
        """Publish what is sensed now."""
        self._was_shown = True
        self._tell_time()
        frame = replace(self._step.frame, stamp=self.stamp)
        for message in frame_messages(frame, self._config.topics, self._config.frames):
            self._send(message)

    def _tell_time(self) -> None:
        self._clock({"clock": time_values(self.stamp)})

    def _drive(self, period: float) -> None:
        """Go on for a period where there is room."""
        ahead, turn = self._velocity
        pose = self._step.frame.T_world_body
        assert pose is not None
        yaw = float(pose.rotation.as_euler("zyx")[0])
        middle = yaw + turn * period / 2
        x, y = pose.translation[:2] + ahead * period * np.array([cos(middle), sin(middle)])
        self._step = self._sim.stand(float(x), float(y), yaw + turn * period)

    def _can_go(self, request: Message) -> bool:
        return request.pose.header.frame_id.lstrip("/") == self._config.frames.map

    def _go(self, goal: Pursued) -> None:
        """Stand where the goal is, if there is room; the way there is not simulated."""
        try:
            there = rigid(goal.request.pose.pose.position, goal.request.pose.pose.orientation)
        except UnusableMessageError:
            goal.abort({"error_code": _NAVIGATION_FAILED})
            return
        x, y = there.translation[:2]
        yaw = float(there.rotation.as_euler("zyx")[0])
        self._step = self._sim.stand(float(x), float(y), yaw, self._horizon())
        self.show()
        if self._step.action_success:
            goal.succeed({})
        else:
            goal.abort({"error_code": _NAVIGATION_FAILED})

    def _horizon(self) -> float:
        """Return the pitch of the camera, which navigation leaves as it is [rad]."""
        camera = self._step.frame.T_world_camera
        assert camera is not None
        return float(np.arcsin(np.clip(-camera.rotation.as_matrix()[2, 2], -1, 1)))

    def _on_velocity(self, message: Message) -> None:
        self._velocity = float(message.linear.x), float(message.angular.z)
        self._follow = _STALE

    def _send(self, message: Outgoing) -> None:
        publish = self._publishers.get(message.topic)
        if publish is None:
            publish = self._transport.advertise(message.topic, message.typename, message.qos)
            self._publishers[message.topic] = publish
        publish(message.values)
