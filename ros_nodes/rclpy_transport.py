"""A core's connection under ROS.

It only carries: what is received goes to the core, what the core publishes goes out.
"""

from collections.abc import Callable, Mapping
from functools import partial
from threading import Event
from typing import Any

from lifecycle_msgs.msg import State  # pyright: ignore[reportMissingImports]
from rclpy.action import ActionClient  # pyright: ignore[reportMissingImports]
from rclpy.callback_groups import (  # pyright: ignore[reportMissingImports]
    MutuallyExclusiveCallbackGroup,
    ReentrantCallbackGroup,
)
from rclpy.event_handler import (  # pyright: ignore[reportMissingImports]
    SubscriptionEventCallbacks,
)
from rclpy.lifecycle import (  # pyright: ignore[reportMissingImports]
    LifecycleNode,
    LifecyclePublisher,
    LifecycleState,
)
from rclpy.qos import (  # pyright: ignore[reportMissingImports]
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import (  # pyright: ignore[reportMissingImports]
    QoSOverridingOptions,
)

from embodied_mem.errors import BackendError
from ros_nodes.actions import Act, Cancel, Sending
from ros_nodes.drops import Drops
from ros_nodes.messages import Message, Values
from ros_nodes.rclpy_actions import RosActionServer, RosAsking, RosSending
from ros_nodes.rosidl import fill, message_class
from ros_nodes.transport import Answer, Later, Publish, Qos, Receive


class RclpyTransport:
    """A core's connection through a lifecycle node."""

    def __init__(self, node: LifecycleNode):
        self.drops = Drops()
        self._node = node
        self._sensors = MutuallyExclusiveCallbackGroup()
        self._services = MutuallyExclusiveCallbackGroup()
        self._calls = ReentrantCallbackGroup()
        """What others wait for: never behind the callback that waits."""
        self._clients: dict[str, Any] = {}
        self._actions: dict[str, ActionClient] = {}
        self._problems: dict[str, str] = {}
        self._is_active = False
        self._undo: list[Callable[[], object]] = []

    def activate(self, *, is_active: bool) -> None:
        """Note whether the node is active: topics that are announced later follow."""
        self._is_active = is_active

    def now(self) -> int:
        """Return ROS time [ns]."""
        return self._node.get_clock().now().nanoseconds

    def advertise(self, topic: str, typename: str, qos: Qos) -> Publish:
        """Announce a topic; nothing goes out while the node is inactive."""
        kind = message_class(typename)
        publisher: LifecyclePublisher = self._node.create_lifecycle_publisher(
            kind, topic, _profile(qos), qos_overriding_options=_overridable()
        )
        if self._is_active:  # rclpy activates what was there when the node became active, no more.
            publisher.on_activate(LifecycleState("active", State.PRIMARY_STATE_ACTIVE))
        self._undo.append(partial(self._node.destroy_lifecycle_publisher, publisher))

        def publish(values: Values) -> None:
            if self._node.context.ok():  # Ctrl-C ends ROS before memory has finished.
                publisher.publish(fill(kind(), values))

        return publish

    def subscribe(self, topic: str, typename: str, receive: Receive, qos: Qos) -> None:
        """Have messages of a topic delivered."""
        events = SubscriptionEventCallbacks(incompatible_qos=partial(self._mismatch, topic))
        subscription = self._node.create_subscription(
            message_class(typename),
            topic,
            receive,
            _profile(qos),
            callback_group=self._sensors,
            event_callbacks=events,
            qos_overriding_options=_overridable(),
        )
        self._undo.append(partial(self._node.destroy_subscription, subscription))

    def serve(self, service: str, typename: str, answer: Answer) -> None:
        """Offer a service."""

        def respond(request: Message, response: Message) -> Message:
            values = answer(request)
            if isinstance(values, Later):
                raise TypeError(f"{service}: rclpy answers services at once; use an action.")
            return fill(response, values)

        offered = self._node.create_service(
            message_class(typename), service, respond, callback_group=self._services
        )
        self._undo.append(partial(self._node.destroy_service, offered))

    def call(self, service: str, typename: str, values: Values, timeout: float) -> Message:
        """Ask another node, and wait; other callbacks go on.

        Raises:
            BackendError: It is not there, or did not answer in time.
        """
        answered, answers = Event(), []

        def then(answer: Message | None) -> None:
            answers.append(answer)
            answered.set()

        self.ask(service, typename, values, then, timeout)
        answered.wait(timeout + 1)
        if not answers or answers[0] is None:
            raise BackendError(f"{service} did not answer within {timeout:g} s.")
        return answers[0]

    def ask(
        self,
        service: str,
        typename: str,
        values: Values,
        then: Callable[[Message | None], None],
        timeout: float,
    ) -> None:
        """Ask another node, and go on."""
        kind = message_class(typename)
        if service not in self._clients:
            client = self._node.create_client(kind, service, callback_group=self._calls)
            self._clients[service] = client
            self._undo.append(partial(self._node.destroy_client, client))
        request = fill(kind.Request(), values)
        RosAsking(self._node, self._clients[service], request, then, timeout, self._calls)

    def serve_action(self, action: str, typename: str, act: Act) -> None:
        """Offer an action."""
        offered = RosActionServer(self._node, action, typename, act, self._calls)
        self._undo.append(offered.server.destroy)

    def send_goal(self, sending: Sending) -> Cancel:
        """Send a goal to an action's server, and go on; return what cancels it."""
        name = sending.action
        if name not in self._actions:
            kind = message_class(sending.typename)
            actions = ActionClient(self._node, kind, name, callback_group=self._calls)
            self._actions[name] = actions
            self._undo.append(actions.destroy)
        return RosSending(self._node, self._actions[name], sending, self._calls).cancel

    def every(self, period: float, act: Callable[[], object]) -> None:
        """Call something again and again, by ROS time."""
        timer = self._node.create_timer(period, act, callback_group=self._sensors)
        self._undo.append(partial(self._node.destroy_timer, timer))

    def problems(self) -> Mapping[str, str]:
        """Return the topics whose publisher offers less than is asked for."""
        return dict(self._problems)

    def close(self) -> None:
        """Take everything back."""
        while self._undo:
            self._undo.pop()()

    def _mismatch(self, topic: str, event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        self._problems[topic] = f"{topic}: a publisher offers less than is asked for, {policy}."
        self._node.get_logger().warning(self._problems[topic])


def _profile(qos: Qos) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=qos.depth,
        reliability=ReliabilityPolicy.RELIABLE if qos.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if qos.latched else DurabilityPolicy.VOLATILE,
    )


def _overridable() -> QoSOverridingOptions:
    return QoSOverridingOptions.with_default_policies()
