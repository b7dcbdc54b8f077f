"""Actions under ROS, by rclpy's own server and client."""

import time
from collections.abc import Callable, Generator
from typing import Any

from rclpy.action import (  # pyright: ignore[reportMissingImports]
    ActionClient,
    ActionServer,
    CancelResponse,
    GoalResponse,
)
from rclpy.action.server import ServerGoalHandle  # pyright: ignore[reportMissingImports]
from rclpy.callback_groups import CallbackGroup  # pyright: ignore[reportMissingImports]
from rclpy.node import Node  # pyright: ignore[reportMissingImports]
from rclpy.task import Future  # pyright: ignore[reportMissingImports]

from ros_nodes.actions import Act, Ended, GoalStatus, Sending
from ros_nodes.messages import Message, Values
from ros_nodes.rosidl import fill, message_class

_LOOK = 0.1
"""Time between two looks at whether a server is there, and whether it is late [s]."""


class RosGoal:
    """A goal that was taken; see `ros_nodes.actions.Pursued`.

    rclpy ends a goal in its execute callback alone, and knows that it is being cancelled only after
    the cancel callback: what the node says is kept until then.
    """

    def __init__(self, handle: ServerGoalHandle, feedback: Any, node: Node):
        self._handle, self._kind, self._node = handle, feedback, node
        self.request: Message = handle.request
        self.wants_cancel = False
        self.ended = Future()

    @property
    def is_cancelling(self) -> bool:
        """Whether whoever asked wants it no longer."""
        return self.wants_cancel or self._handle.is_cancel_requested

    def feedback(self, values: Values) -> None:
        """Tell how it goes."""
        self._handle.publish_feedback(fill(self._kind(), values))

    def succeed(self, result: Values) -> None:
        """It is done."""
        self._end(GoalStatus.SUCCEEDED, result)

    def abort(self, result: Values) -> None:
        """It cannot be done."""
        self._end(GoalStatus.ABORTED, result)

    def canceled(self, result: Values) -> None:
        """It was given up, as was asked for."""
        self._end(GoalStatus.CANCELED, result)

    def _end(self, status: GoalStatus, result: Values) -> None:
        if not self.ended.done():
            self.ended.set_result((status, result))
            executor = self._node.executor
            if executor is not None:  # It looks at what awaits this only when it is awake.
                executor.wake()


class RosActionServer:
    """Offers an action."""

    def __init__(self, node: Node, name: str, typename: str, act: Act, group: CallbackGroup):
        self._act, self._kind, self._node = act, message_class(typename), node
        self._goals: dict[bytes, RosGoal] = {}
        self.server = ActionServer(
            node,
            self._kind,
            name,
            self._execute,
            goal_callback=self._accept,
            cancel_callback=self._cancel,
            callback_group=group,
        )

    def _accept(self, request: Message) -> GoalResponse:
        return GoalResponse.ACCEPT if self._act.accept(request) else GoalResponse.REJECT

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        goal = self._goals.get(bytes(handle.goal_id.uuid))
        if goal is None:
            return CancelResponse.REJECT
        goal.wants_cancel = True
        if self._act.cancel(goal):
            return CancelResponse.ACCEPT
        goal.wants_cancel = False
        return CancelResponse.REJECT

    async def _execute(self, handle: ServerGoalHandle) -> Message:
        goal_id = bytes(handle.goal_id.uuid)
        goal = self._goals[goal_id] = RosGoal(handle, self._kind.Feedback, self._node)
        self._act.begin(goal)
        status, result = await goal.ended
        while status == GoalStatus.CANCELED and not handle.is_cancel_requested:
            await _Turn()
        match status:
            case GoalStatus.SUCCEEDED:
                handle.succeed()
            case GoalStatus.CANCELED:
                handle.canceled()
            case _:
                handle.abort()
        del self._goals[goal_id]
        return fill(self._kind.Result(), result)


class _Turn:
    """Awaited, lets the executor go round once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class RosSending:
    """One goal on its way to a server, which may be late, or never come."""

    def __init__(self, node: Node, actions: ActionClient, sending: Sending, group: CallbackGroup):
        self._node, self._actions, self._sending = node, actions, sending
        self._ends = time.monotonic() + sending.timeout
        self._is_sent = self._is_unwanted = self._has_ended = False
        self._goal_handle: Any = None
        self._timer = node.create_timer(_LOOK, self._look, callback_group=group)
        self._look()

    def cancel(self) -> None:
        """Ask the server to give it up."""
        self._is_unwanted = True
        if self._goal_handle is not None and not self._has_ended:
            self._goal_handle.cancel_goal_async()

    def _look(self) -> None:
        if time.monotonic() >= self._ends:
            self._end(Ended(status=GoalStatus.LOST))
        elif not self._is_sent and self._actions.server_is_ready():
            self._is_sent = True
            goal = fill(message_class(self._sending.typename).Goal(), self._sending.goal)
            future = self._actions.send_goal_async(goal, feedback_callback=self._on_feedback)
            future.add_done_callback(self._on_goal)

    def _on_feedback(self, message: Message) -> None:
        if not self._has_ended:
            self._sending.feedback(message.feedback)

    def _on_goal(self, future: Future) -> None:
        goal_handle = self._goal_handle = future.result()
        if not goal_handle.accepted:
            self._end(Ended(status=GoalStatus.REJECTED))
            return
        goal_handle.get_result_async().add_done_callback(self._on_result)
        if self._is_unwanted:
            goal_handle.cancel_goal_async()

    def _on_result(self, future: Future) -> None:
        reply = future.result()
        self._end(Ended(status=GoalStatus(int(reply.status)), result=reply.result))

    def _end(self, ended: Ended) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._node.destroy_timer(self._timer)
            self._sending.done(ended)


class RosAsking:
    """One request on its way to a service, which may be late, or never come."""

    def __init__(
        self,
        node: Node,
        client: Any,
        request: Message,
        then: Callable[[Message | None], None],
        timeout: float,
        group: CallbackGroup,
    ):
        self._node, self._client, self._request, self._then = node, client, request, then
        self._ends = time.monotonic() + timeout
        self._is_sent = self._has_ended = False
        self._timer = node.create_timer(_LOOK, self._look, callback_group=group)
        self._look()

    def _look(self) -> None:
        if time.monotonic() >= self._ends:
            self._end(None)
        elif not self._is_sent and self._client.service_is_ready():
            self._is_sent = True
            self._client.call_async(self._request).add_done_callback(self._on_answer)

    def _on_answer(self, future: Future) -> None:
        self._end(future.result())

    def _end(self, answer: Message | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._node.destroy_timer(self._timer)
            self._then(answer)
