"""Sends goals to an action's server over services and topics; see `ros_nodes.action_server`."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from ros_nodes.actions import Cancel, Ended, GoalStatus, Sending
from ros_nodes.caller import Caller
from ros_nodes.messages import Message, Values
from ros_nodes.transport import EVENTS


@dataclass(slots=True)
class _Sent:
    """A goal on its way."""

    goal_id: bytes
    sending: Sending
    ends: float
    """When it is given up, on `time.monotonic` [s]."""
    is_accepted: bool = False
    is_unwanted: bool = False
    """Whether it is to be cancelled."""

    @property
    def left(self) -> float:
        """Time that is left [s]."""
        return max(self.ends - time.monotonic(), 0.0)


class ActionClient:
    """The client of one action."""

    def __init__(self, transport: Caller, name: str, typename: str):
        """Listen to its feedback.

        Args:
            transport: The node's connection.
            name: Of the action.
            typename: `package/action/Name`.
        """
        self._transport, self._typename = transport, typename
        self._hidden = f"{name}/_action"
        self._sent: dict[bytes, _Sent] = {}
        kind = f"{typename}_FeedbackMessage"
        transport.subscribe(f"{self._hidden}/feedback", kind, self._on_feedback, EVENTS)

    def send(self, sending: Sending) -> Cancel:
        """Send a goal; its end is told in any case."""
        goal_id = secrets.token_bytes(16)
        sent = _Sent(goal_id, sending, time.monotonic() + sending.timeout)
        self._sent[goal_id] = sent
        values = {"goal_id": {"uuid": goal_id}, "goal": sending.goal}
        kind = f"{self._typename}_SendGoal"
        self._ask("send_goal", kind, values, sent, lambda answer: self._on_answer(sent, answer))
        return lambda: self._cancel(sent)

    def _on_answer(self, sent: _Sent, answer: Message) -> None:
        if not answer.accepted:
            self._end(sent, Ended(status=GoalStatus.REJECTED))
            return
        sent.is_accepted = True
        values = {"goal_id": {"uuid": sent.goal_id}}
        kind = f"{self._typename}_GetResult"
        self._ask("get_result", kind, values, sent, lambda reply: self._on_result(sent, reply))
        if sent.is_unwanted:
            self._cancel(sent)

    def _on_result(self, sent: _Sent, reply: Message) -> None:
        self._end(sent, Ended(status=GoalStatus(int(reply.status)), result=reply.result))

    def _cancel(self, sent: _Sent) -> None:
        sent.is_unwanted = True
        if not sent.is_accepted or sent.goal_id not in self._sent:
            return
        values = {"goal_info": {"goal_id": {"uuid": sent.goal_id}}}
        self._ask("cancel_goal", "action_msgs/srv/CancelGoal", values, sent, lambda _: None)

    def _ask(
        self,
        service: str,
        typename: str,
        values: Values,
        sent: _Sent,
        then: Callable[[Message], None],
    ) -> None:
        def answered(message: Message | None) -> None:
            if message is not None:
                then(message)
            elif service != "cancel_goal":
                self._end(sent, Ended(status=GoalStatus.LOST))

        self._transport.ask(f"{self._hidden}/{service}", typename, values, answered, sent.left)

    def _on_feedback(self, message: Message) -> None:
        sent = self._sent.get(bytes(message.goal_id.uuid))
        if sent is not None:
            sent.sending.feedback(message.feedback)

    def _end(self, sent: _Sent, ended: Ended) -> None:
        if self._sent.pop(sent.goal_id, None) is not None:
            sent.sending.done(ended)
