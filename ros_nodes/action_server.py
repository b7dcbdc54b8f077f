"""An action's server over services and topics, as rcl_action lays it out.

`NAME/_action/send_goal`, `cancel_goal` and `get_result` are services, `feedback` and `status` are
topics. The reply to `get_result` comes when the goal has ended.
"""

from collections.abc import Iterable
from threading import RLock

from ros_nodes.actions import Act, GoalStatus
from ros_nodes.messages import Message, Values
from ros_nodes.stamps import nanoseconds, time_values
from ros_nodes.transport import EVENTS, STATE, Later, Transport

_KEPT = 100
"""Ended goals whose results can still be asked for."""

_NONE, _REJECTED, _UNKNOWN_GOAL, _TERMINATED = range(4)
"""Return codes of `action_msgs/CancelGoal`."""

_ENDED = (GoalStatus.SUCCEEDED, GoalStatus.CANCELED, GoalStatus.ABORTED)


class WireGoal:
    """A goal that was taken; see `ros_nodes.actions.Pursued`."""

    def __init__(self, server: "ActionServer", request: Message, stamp: int):
        self._server = server
        self.goal_id: bytes = bytes(request.goal_id.uuid)
        self.request = request.goal
        self.stamp = stamp
        self.status = GoalStatus.ACCEPTED
        self.result: Values | None = None
        self.waiting: list[Later] = []
        """Replies to those who asked for the result before it was there."""

    @property
    def is_cancelling(self) -> bool:
        """Whether whoever asked wants it no longer."""
        return self.status == GoalStatus.CANCELING

    def feedback(self, values: Values) -> None:
        """Tell how it goes."""
        self._server.tell(self, values)

    def succeed(self, result: Values) -> None:
        """It is done."""
        self._server.end(self, GoalStatus.SUCCEEDED, result)

    def abort(self, result: Values) -> None:
        """It cannot be done."""
        self._server.end(self, GoalStatus.ABORTED, result)

    def canceled(self, result: Values) -> None:
        """It was given up, as was asked for."""
        self._server.end(self, GoalStatus.CANCELED, result)


class ActionServer:
    """Takes goals, and knows how each of them stands."""

    def __init__(self, transport: Transport, name: str, typename: str, act: Act):
        """Offer the action.

        Args:
            transport: The node's connection.
            name: Of the action.
            typename: `package/action/Name`.
            act: What is done about goals.
        """
        self._transport, self._act = transport, act
        self._goals: dict[bytes, WireGoal] = {}
        self._lock = RLock()
        hidden = f"{name}/_action"
        offer, serve = transport.advertise, transport.serve
        self._feedback = offer(f"{hidden}/feedback", f"{typename}_FeedbackMessage", EVENTS)
        self._status = offer(f"{hidden}/status", "action_msgs/msg/GoalStatusArray", STATE)
        serve(f"{hidden}/send_goal", f"{typename}_SendGoal", self._on_send)
        serve(f"{hidden}/cancel_goal", "action_msgs/srv/CancelGoal", self._on_cancel)
        serve(f"{hidden}/get_result", f"{typename}_GetResult", self._on_result)

    def tell(self, goal: WireGoal, values: Values) -> None:
        """Publish a goal's feedback."""
        self._feedback({"goal_id": _uuid(goal.goal_id), "feedback": values})

    def end(self, goal: WireGoal, status: GoalStatus, result: Values) -> None:
        """End a goal; it may have been ended already."""
        with self._lock:
            if goal.status in _ENDED:
                return
            goal.status, goal.result = status, result
            waiting, goal.waiting = goal.waiting, []
            ended = [one for one in self._goals.values() if one.status in _ENDED]
            for old in ended[:-_KEPT]:
                del self._goals[old.goal_id]
        self._show()
        for later in waiting:
            later.answer({"status": int(status), "result": result})

    def _on_send(self, request: Message) -> Values:
        goal = WireGoal(self, request, self._transport.now())
        answer = {"accepted": False, "stamp": time_values(goal.stamp)}
        if goal.goal_id in self._goals or not self._act.accept(goal.request):
            return answer
        with self._lock:
            self._goals[goal.goal_id] = goal
            goal.status = GoalStatus.EXECUTING
        self._show()
        self._act.begin(goal)
        return {**answer, "accepted": True}

    def _on_cancel(self, request: Message) -> Values:
        meant = list(self._meant(request.goal_info))
        canceling: list[WireGoal] = []
        for goal in meant:
            if goal.status != GoalStatus.EXECUTING:
                continue
            with self._lock:
                goal.status = GoalStatus.CANCELING
            if self._act.cancel(goal):
                canceling.append(goal)
            elif goal.is_cancelling:
                goal.status = GoalStatus.EXECUTING
        self._show()
        code = _NONE if canceling else _why_none(meant)
        return {"return_code": code, "goals_canceling": [_info(goal) for goal in canceling]}

    def _meant(self, info: Message) -> Iterable[WireGoal]:
        """Return the goals of an id, those until a time, or all: zero stands for any."""
        goal_id, until = bytes(info.goal_id.uuid), nanoseconds(info.stamp)
        every = not any(goal_id) and not until
        with self._lock:
            goals = tuple(self._goals.values())
        for goal in goals:
            if every or goal.goal_id == goal_id or goal.stamp <= until:
                yield goal

    def _on_result(self, request: Message) -> Values | Later:
        with self._lock:
            goal = self._goals.get(bytes(request.goal_id.uuid))
            if goal is None:
                return {"status": int(GoalStatus.UNKNOWN)}
            if goal.result is not None:
                return {"status": int(goal.status), "result": goal.result}
            later = Later()
            goal.waiting.append(later)
            return later

    def _show(self) -> None:
        with self._lock:
            goals = [
                {"goal_info": _info(goal), "status": int(goal.status)}
                for goal in self._goals.values()
            ]
        self._status({"status_list": goals})


def _why_none(meant: list[WireGoal]) -> int:
    if not meant:
        return _UNKNOWN_GOAL
    return _TERMINATED if all(goal.status in _ENDED for goal in meant) else _REJECTED


def _uuid(goal_id: bytes) -> Values:
    return {"uuid": goal_id}


def _info(goal: WireGoal) -> Values:
    return {"goal_id": _uuid(goal.goal_id), "stamp": time_values(goal.stamp)}
