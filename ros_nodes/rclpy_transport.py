"""The memory node under ROS: a lifecycle node around the same core. The one module with rclpy.

It only carries: what is received goes to the core, what the core publishes goes out. Parameters are
read when the node is configured; memory is on disk when it is cleaned up or shut down.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import rclpy  # pyright: ignore[reportMissingImports]
from rcl_interfaces.msg import (  # pyright: ignore[reportMissingImports]
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.callback_groups import (  # pyright: ignore[reportMissingImports]
    MutuallyExclusiveCallbackGroup,
)
from rclpy.event_handler import (  # pyright: ignore[reportMissingImports]
    SubscriptionEventCallbacks,
)
from rclpy.executors import (  # pyright: ignore[reportMissingImports]
    ExternalShutdownException,
    MultiThreadedExecutor,
)
from rclpy.lifecycle import (  # pyright: ignore[reportMissingImports]
    LifecycleNode,
    LifecycleState,
    TransitionCallbackReturn,
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

from embodied_mem.doctor import check_siblings
from embodied_mem.errors import EmbodiedMemError
from ros_nodes.drops import Drops
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.messages import Message, Values
from ros_nodes.node_core import MemoryNode, open_memory
from ros_nodes.parameters import PARAMETERS, Parameter, node_config
from ros_nodes.rosidl import fill, message_class
from ros_nodes.transport import Answer, Publish, Qos, Receive
from ros_nodes.worker import LatestWorker

_THREADS = 3
"""Sensors, services, and the lifecycle's own."""


class RclpyTransport:
    """A core's connection through a lifecycle node."""

    def __init__(self, node: LifecycleNode):
        self.drops = Drops()
        self._node = node
        self._sensors = MutuallyExclusiveCallbackGroup()
        self._services = MutuallyExclusiveCallbackGroup()
        self._problems: dict[str, str] = {}
        self._undo: list[Callable[[], object]] = []

    def now(self) -> int:
        """Return ROS time [ns]."""
        return self._node.get_clock().now().nanoseconds

    def advertise(self, topic: str, typename: str, qos: Qos) -> Publish:
        """Announce a topic; nothing goes out while the node is inactive."""
        kind = message_class(typename)
        publisher = self._node.create_lifecycle_publisher(
            kind, topic, _profile(qos), qos_overriding_options=_overridable()
        )
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
            return fill(response, answer(request))

        offered = self._node.create_service(
            message_class(typename), service, respond, callback_group=self._services
        )
        self._undo.append(partial(self._node.destroy_service, offered))

    def every(self, period: float, act: Callable[[], None]) -> None:
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


class MemoryLifecycleNode(LifecycleNode):
    """configure opens the memory, activate takes images in, cleanup and shutdown persist it."""

    def __init__(self) -> None:
        super().__init__("embodied_mem")
        for parameter in PARAMETERS:
            self.declare_parameter(parameter.name, parameter.default, _descriptor(parameter))
        self.add_on_set_parameters_callback(self._check)
        self._transport: RclpyTransport | None = None
        self._core: MemoryNode | None = None

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the memory and create topics and services."""
        try:
            config = self._config({})
            memory = open_memory(config.store, config.agent)
        except EmbodiedMemError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        self._transport = RclpyTransport(self)
        worker = LatestWorker(self._transport.drops)
        self._core = MemoryNode(config, self._transport, worker, memory)
        self.get_logger().info(f"{len(memory)} objects known; store: {config.store or 'in RAM'}")
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take images in."""
        result = super().on_activate(state)
        if self._core is not None:
            self._core.activate()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop taking images in; memory stays, and questions are answered."""
        if self._core is not None:
            self._core.deactivate()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Persist and release everything."""
        self.release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Persist and release everything."""
        self.release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, so that the node can be configured again."""
        self.release()
        return super().on_error(state)

    def release(self) -> None:
        """Finish what was taken in and let go of memory and topics. May be called twice."""
        if self._core is not None:
            self._core.finish()
            self._core.close()
        if self._transport is not None:
            self._transport.close()
        self._core = self._transport = None

    def _config(self, changes: Mapping[str, Any]) -> MemoryNodeConfig:
        values = {p.name: self.get_parameter(p.name).value for p in PARAMETERS} | dict(changes)
        return node_config(values, name=self.get_name(), namespace=self.get_namespace())

    def _check(self, parameters: list[Any]) -> SetParametersResult:
        """Refuse what makes no config; what fits is used at the next configure."""
        known = {parameter.name for parameter in PARAMETERS}
        changes = {p.name: p.value for p in parameters if p.name in known}
        if not changes:
            return SetParametersResult(successful=True)
        try:
            self._config(changes)
        except EmbodiedMemError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def main(args: list[str] | None = None) -> None:
    """Run the node until it is interrupted; what it took in is in the store then."""
    check_siblings()
    rclpy.init(args=args)
    node = MemoryLifecycleNode()
    executor = MultiThreadedExecutor(num_threads=_THREADS)
    executor.add_node(node)
    try:
        autostart = node.get_parameter("autostart").value
        if autostart and node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            node.trigger_activate()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.release()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def _profile(qos: Qos) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=qos.depth,
        reliability=ReliabilityPolicy.RELIABLE if qos.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if qos.latched else DurabilityPolicy.VOLATILE,
    )


def _overridable() -> QoSOverridingOptions:
    return QoSOverridingOptions.with_default_policies()


def _descriptor(parameter: Parameter) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=parameter.description, read_only=parameter.read_only
    )
    low, high = parameter.low, parameter.high
    if low is None or high is None:
        return descriptor
    if isinstance(parameter.default, int):
        bounds = IntegerRange(from_value=int(low), to_value=int(high), step=1)
        descriptor.integer_range = [bounds]
    else:
        bounds = FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
        descriptor.floating_point_range = [bounds]
    return descriptor
