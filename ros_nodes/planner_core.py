"""A goal in, skills out: the planner beside a memory node, by memory's store and its view.

The planner reads the store that the memory node writes, so both run on one machine; what the newest
image shows comes as `~/view`. It decides only on an image that is not older than its last skill.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec

from embodied_mem.app.build import AgentConfig, build_planner
from embodied_mem.config import Config
from embodied_mem.errors import BackendError, GoalError, PlanningError
from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision
from embodied_mem.memory import Memory
from embodied_mem.types import DONE
from planners.affordances import vocabulary
from planners.grammar import parse_task
from ros_nodes.caller import Caller
from ros_nodes.drops import UnusableMessageError
from ros_nodes.messages import Message
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
    store: str = ""
    """Folder that the memory node writes."""
    agent: AgentConfig = AgentConfig()
    """How to plan; perception and features are not used here."""
    max_steps: int = 500
    """Most skills for one goal."""
    skill_timeout: float = 30.0
    """Longest time for one skill [s]."""


@dataclass(slots=True)
class _Pursuit:
    """A goal that is pursued."""

    goal: Goal
    steps: int = 0
    not_before: int = 0
    """Stamp of the image that must have come before the next decision [ns]."""
    succeeded: bool = True
    message: str = ""


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
        self._feedback = transport.advertise(
            "~/feedback", "embodied_mem_msgs/msg/PlannerFeedback", EVENTS
        )
        transport.subscribe(f"{config.memory}/view", "embodied_mem_msgs/msg/View", self._see, STATE)
        transport.serve("~/achieve", "embodied_mem_msgs/srv/Achieve", self.achieve)
        transport.serve("~/cancel", "std_srvs/srv/Trigger", self.cancel)

    @property
    def is_busy(self) -> bool:
        """Whether a goal is pursued."""
        return self._pursuit is not None

    def achieve(self, request: Message) -> Fields:
        """Take a goal; one that is pursued is given up."""
        try:
            goal = parse_task(request.goal, vocabulary())
        except GoalError as error:
            return {"success": False, "message": str(error)}
        self._end("another goal came")
        self._planner.start(goal)
        self._pursuit, self.outcome = _Pursuit(goal), ""
        return {"success": True, "message": str(goal)}

    def cancel(self, request: Message) -> Fields:  # noqa: ARG002 - An empty request.
        """Give the goal up."""
        was_busy = self.is_busy
        self._end("cancelled")
        return {"success": was_busy, "message": "cancelled" if was_busy else "no goal is pursued"}

    def work(self) -> bool:
        """Make and carry out one decision; return whether there was anything to do."""
        pursuit, view = self._pursuit, self._view
        if pursuit is None or view is None or nanoseconds(view.header.stamp) < pursuit.not_before:
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
            self._end(decision.reason)
        elif pursuit.steps >= self.config.max_steps:
            self._end(f"the budget of {pursuit.steps} skills is spent")
        else:
            self._carry_out(pursuit, decision)
        return True

    def close(self) -> None:
        """Release the store. May be called twice."""
        if self._memory is not None:
            self._memory.close()

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
        request = {
            "name": action.name,
            "arguments": msgspec.json.encode(dict(action.arguments)).decode(),
            "target": decision.target or "",
        }
        skill = f"{self.config.robot}/skill"
        try:
            answer = self._transport.call(
                skill, "embodied_mem_msgs/srv/Skill", request, self.config.skill_timeout
            )
        except BackendError as error:
            self._end(str(error))
            return
        pursuit.steps += 1
        pursuit.not_before = nanoseconds(answer.stamp)
        pursuit.succeeded, pursuit.message = bool(answer.success), answer.message

    def _tell(self, pursuit: _Pursuit, decision: Decision, *, done: bool) -> None:
        self._feedback(
            {
                "header": header_values(self._transport.now(), ""),
                "goal": str(pursuit.goal),
                "phase": decision.phase,
                "action": str(decision.action),
                "reason": decision.reason,
                "plan": list(decision.plan),
                "steps": pursuit.steps,
                "done": done,
            }
        )

    def _end(self, reason: str) -> None:
        if self._pursuit is None:
            return
        _LOG.info("%s: %s", self._pursuit.goal, reason)
        last = Decision(action=DONE, phase="done", reason=reason)
        self._tell(self._pursuit, last, done=True)
        self._pursuit, self.outcome = None, reason or "done"
