"""A goal in, skills out: the planner beside a memory node, by memory's store and its view.

The planner reads the store that the memory node writes, so both run on one machine; what the newest
image shows comes as `~/view`. It decides only on an image that is not older than its last skill.
"""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from scipy.spatial.transform import RigidTransform

from embodied_mem.app.build import AgentConfig, build_planner
from embodied_mem.config import Config
from embodied_mem.errors import GoalError, PlanningError
from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision
from embodied_mem.memory import Memory
from embodied_mem.types import DONE
from planners.affordances import vocabulary
from planners.grammar import parse_task
from planners.symbolic_planner import GIVEN_UP
from ros_nodes.actions import Act, Cancel, Ended, GoalStatus, Pursued, Sending
from ros_nodes.caller import Caller
from ros_nodes.convert import pose_values
from ros_nodes.drops import UnusableMessageError
from ros_nodes.messages import Message
from ros_nodes.moves import NAVIGATE, pose_after
from ros_nodes.outputs import Fields
from ros_nodes.stamps import header_values, nanoseconds
from ros_nodes.transport import EVENTS, STATE
from ros_nodes.view import percept_of

_LOG = logging.getLogger(__name__)


class PlannerNodeConfig(Config, frozen=True):
    """A planner node."""

    name: str = "planner"
    namespace: str = "/"
    memory: str = "/embodied_mem"
    """Full name of the memory node; its `view` must be on."""
    robot: str = "/sim"
    """Full name of the node that offers `~/skill`."""
    navigate: str = ""
    """Name of a `NavigateToPose` action, as nav2 offers it, that moves are sent to; they are skills
    of the robot when empty."""
    frame: str = "map"
    """Frame of those goals."""
    store: str = ""
    """Folder that the memory node writes."""
    agent: AgentConfig = AgentConfig()
    """How to plan; perception and features are not used here."""
    max_steps: int = 500
    """Most skills for one goal."""
    skill_timeout: float = 30.0
    """Longest time for one skill [s]."""
    image_timeout: float = 60.0
    """Longest time after a skill until an image shows what came of it [s]."""


@dataclass(slots=True)
class _Pursuit:
    """A goal that is pursued."""

    goal: Goal
    steps: int = 0
    not_before: int = 0
    """Stamp of the image that must have come before the next decision [ns]."""
    succeeded: bool = True
    message: str = ""
    asked: Pursued | None = None
    """The action's goal; None where the goal came by the service."""
    halt: Cancel | None = None
    """Cancels what is being done, where that can be; None while nothing is."""
    waits_since: float = field(default_factory=time.monotonic)
    """Since when an image is waited for [s]."""


class PlannerNode:
    """Pursues one goal at a time; `work` makes one decision where there is something new."""

    def __init__(self, config: PlannerNodeConfig, transport: Caller, memory: Memory | None = None):
        """Wait for a goal.

        Args:
            config: Parameters.
            transport: The connection.
            memory: What is planned by; the config's store, read only, when None.
        """
        self.config = config
        self.outcome = ""
        """How the last goal ended; empty while one is pursued."""
        self._transport = transport
        self._memory = memory
        self._planner = build_planner(config.agent.planner)
        self._view: Message | None = None
        self._pursuit: _Pursuit | None = None
        self._is_active = False
        self._feedback = transport.advertise(
            "~/feedback", "embodied_mem_msgs/msg/PlannerFeedback", EVENTS
        )
        transport.subscribe(f"{config.memory}/view", "embodied_mem_msgs/msg/View", self._see, STATE)
        transport.serve("~/achieve", "embodied_mem_msgs/srv/Achieve", self.achieve)
        transport.serve("~/cancel", "std_srvs/srv/Trigger", self.cancel)
        act = Act(accept=self._understands, begin=self._begin, cancel=self._cancel_goal)
        transport.serve_action("~/pursue", "embodied_mem_msgs/action/Pursue", act)

    def activate(self) -> None:
        """Take goals."""
        self._is_active = True

    def deactivate(self) -> None:
        """Give the goal up, and take no other."""
        self._end("the node was deactivated")
        self._is_active = False

    @property
    def is_busy(self) -> bool:
        """Whether a goal is pursued."""
        return self._pursuit is not None

    def achieve(self, request: Message) -> Fields:
        """Take a goal; one that is pursued is given up."""
        if not self._is_active:
            return {"success": False, "message": "the node is not active"}
        try:
            goal = parse_task(request.goal, vocabulary())
        except GoalError as error:
            return {"success": False, "message": str(error)}
        self._start(goal)
        return {"success": True, "message": str(goal)}

    def cancel(self, request: Message) -> Fields:  # noqa: ARG002 - An empty request.
        """Give the goal up."""
        was_busy = self.is_busy
        self._end("cancelled")
        return {"success": was_busy, "message": "cancelled" if was_busy else "no goal is pursued"}

    def work(self) -> bool:
        """Make and carry out one decision; return whether there was anything to do."""
        pursuit, view = self._pursuit, self._view
        if pursuit is None or pursuit.halt is not None:
            return False
        if view is None or nanoseconds(view.header.stamp) < pursuit.not_before:
            if time.monotonic() - pursuit.waits_since > self.config.image_timeout:
                self._end(self._nothing_seen(pursuit, view))
            return False
        self._view = None
        try:
            memory = self._remembered(view)
            decision = self._planner.act(
                memory, succeeded=pursuit.succeeded, message=pursuit.message
            )
        except (PlanningError, UnusableMessageError) as error:
            self._end(f"the planner failed: {error}")
            return True
        self._tell(pursuit, decision, done=False)
        if decision.action.name == DONE.name:
            self._end(decision.reason, reached=not decision.reason.startswith(GIVEN_UP))
        elif pursuit.steps >= self.config.max_steps:
            self._end(f"the budget of {pursuit.steps} skills is spent")
        else:
            self._carry_out(pursuit, decision)
        return True

    def close(self) -> None:
        """Release the store. May be called twice."""
        if self._memory is not None:
            self._memory.close()

    def _understands(self, request: Message) -> bool:
        if not self._is_active:
            return False
        try:
            parse_task(request.goal, vocabulary())
        except GoalError as error:
            _LOG.warning("a goal was refused: %s", error)
            return False
        return True

    def _begin(self, asked: Pursued) -> None:
        self._start(parse_task(asked.request.goal, vocabulary()), asked)

    def _cancel_goal(self, asked: Pursued) -> bool:
        if self._pursuit is not None and self._pursuit.asked is asked:
            self._end("cancelled")
        return True

    def _start(self, goal: Goal, asked: Pursued | None = None) -> None:
        self._end("another goal came")
        self._planner.start(goal)
        self._pursuit, self.outcome = _Pursuit(goal, asked=asked), ""

    def _see(self, view: Message) -> None:
        self._view = view

    def _remembered(self, view: Message) -> Memory:
        """Return memory as it is after that image, and what is seen in it."""
        if self._memory is None:
            path = Path(self.config.store)
            self._memory = Memory.open(path, self.config.agent.memory, read_only=True)
        else:
            self._memory.refresh()
        self._memory.see(*percept_of(view))
        return self._memory

    def _carry_out(self, pursuit: _Pursuit, decision: Decision) -> None:
        action = decision.action
        body = self._memory.T_world_body if self._memory is not None else None
        there = pose_after(action, body) if self.config.navigate and body is not None else None
        if there is not None:
            self._go(pursuit, there)
            return
        request = {
            "name": action.name,
            "arguments": msgspec.json.encode(dict(action.arguments)).decode(),
            "target": decision.target or "",
        }
        pursuit.halt = _nothing
        self._transport.ask(
            f"{self.config.robot}/skill",
            "embodied_mem_msgs/srv/Skill",
            request,
            lambda answer: self._did(pursuit, answer),
            self.config.skill_timeout,
        )

    def _nothing_seen(self, pursuit: _Pursuit, view: Message | None) -> str:
        within, memory = f"within {self.config.image_timeout:g} s", self.config.memory
        if view is None:
            return f"no image came by {memory}/view {within}: is that node active, its `view` on?"
        late = (pursuit.not_before - nanoseconds(view.header.stamp)) / 1e9
        return (
            f"no image after the last skill came {within}, the newest is {late:.1f} s older: do "
            "the clocks differ? Set use_sim_time where /clock tells the time."
        )

    def _did(self, pursuit: _Pursuit, answer: Message | None) -> None:
        pursuit.halt, pursuit.waits_since = None, time.monotonic()
        if answer is None:
            if pursuit is self._pursuit:
                timeout = self.config.skill_timeout
                self._end(f"{self.config.robot}/skill did not answer within {timeout:g} s.")
            return
        pursuit.steps += 1
        pursuit.not_before = nanoseconds(answer.stamp)
        pursuit.succeeded, pursuit.message = bool(answer.success), answer.message

    def _go(self, pursuit: _Pursuit, there: RigidTransform) -> None:
        """Have the robot's own navigation make a move."""
        header = header_values(self._transport.now(), self.config.frame)
        sending = Sending(
            action=self.config.navigate,
            typename=NAVIGATE,
            goal={"pose": {"header": header, "pose": pose_values(there)}},
            feedback=lambda _: None,
            done=lambda ended: self._arrived(pursuit, ended),
            timeout=self.config.skill_timeout,
        )
        pursuit.halt = _nothing
        halt = self._transport.send_goal(sending)
        if pursuit.halt is not None:  # It may have ended already.
            pursuit.halt = halt

    def _arrived(self, pursuit: _Pursuit, ended: Ended) -> None:
        pursuit.halt, pursuit.waits_since = None, time.monotonic()
        pursuit.steps += 1
        pursuit.not_before = self._transport.now()
        pursuit.succeeded = ended.status == GoalStatus.SUCCEEDED
        pursuit.message = "" if pursuit.succeeded else f"navigation: {ended.status.name.lower()}"
        if pursuit is self._pursuit and ended.status == GoalStatus.LOST:
            self._end(f"{self.config.navigate} did not answer")

    def _tell(self, pursuit: _Pursuit, decision: Decision, *, done: bool) -> None:
        values = {
            "header": header_values(self._transport.now(), ""),
            "goal": str(pursuit.goal),
            "phase": decision.phase,
            "action": str(decision.action),
            "reason": decision.reason,
            "plan": list(decision.plan),
            "steps": pursuit.steps,
            "done": done,
        }
        self._feedback(values)
        if pursuit.asked is not None:
            pursuit.asked.feedback({"progress": values})

    def _end(self, reason: str, *, reached: bool = False) -> None:
        """Pursue the goal no longer; the reason tells whether it is reached."""
        pursuit = self._pursuit
        if pursuit is None:
            return
        _LOG.info("%s: %s", pursuit.goal, reason)
        self._pursuit, self.outcome = None, reason or "done"
        self._tell(pursuit, Decision(action=DONE, phase="done", reason=reason), done=True)
        if pursuit.halt is not None:
            pursuit.halt()
        if pursuit.asked is None:
            return
        result = {"success": reached, "message": self.outcome, "steps": pursuit.steps}
        if reached:
            pursuit.asked.succeed(result)
        elif pursuit.asked.is_cancelling:
            pursuit.asked.canceled(result)
        else:
            pursuit.asked.abort(result)


def _nothing() -> None:
    """Cancel what cannot be cancelled."""
