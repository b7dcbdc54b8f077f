"""The nodes under ROS: one lifecycle node around any core.

Parameters are read when a node is configured; what it keeps is on disk when it is cleaned up or
shut down.
"""

from collections.abc import Mapping
from traceback import format_exc
from typing import Any

import rclpy  # pyright: ignore[reportMissingImports]
from rcl_interfaces.msg import (  # pyright: ignore[reportMissingImports]
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.executors import (  # pyright: ignore[reportMissingImports]
    ExternalShutdownException,
    MultiThreadedExecutor,
    SingleThreadedExecutor,
)
from rclpy.lifecycle import (  # pyright: ignore[reportMissingImports]
    LifecycleNode,
    LifecycleState,
    TransitionCallbackReturn,
)

from embodied_mem.config import Config
from embodied_mem.doctor import check_siblings
from embodied_mem.errors import EmbodiedMemError
from ros_nodes.node_kinds import MEMORY, PLANNER, POLICY, SIM, TRACKER, NodeKind, Running
from ros_nodes.parameters import Parameter, config_of
from ros_nodes.rclpy_transport import RclpyTransport


class CoreLifecycleNode(LifecycleNode):
    """configure builds the core, activate sets it to work, cleanup and shutdown release it."""

    def __init__(self, kind: NodeKind) -> None:
        super().__init__(kind.name)
        self._kind = kind
        for parameter in kind.parameters:
            self.declare_parameter(parameter.name, parameter.default, _descriptor(parameter))
        self.add_on_set_parameters_callback(self._check)
        self._transport: RclpyTransport | None = None
        self._running: Running | None = None

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Build the core; it creates its topics and services."""
        self._transport = RclpyTransport(self)
        try:
            self._running = self._kind.start(self._config({}), self._transport)
        except EmbodiedMemError as error:
            self.get_logger().error(str(error))
            self.release()
            return TransitionCallbackReturn.FAILURE
        except Exception:
            self.get_logger().fatal(format_exc())  # rclpy itself would not tell.
            raise
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Set it to work."""
        result = super().on_activate(state)
        if self._running is not None and self._transport is not None:
            self._transport.activate(is_active=True)
            try:
                self._running.activate()
            except Exception:
                self.get_logger().fatal(format_exc())
                raise
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop it; what it knows stays, and questions are answered."""
        if self._running is not None and self._transport is not None:
            self._running.deactivate()
            self._transport.activate(is_active=False)
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
        """Finish what was taken in and let go of the core and its topics. May be called twice."""
        running, self._running = self._running, None
        transport, self._transport = self._transport, None
        if running is not None:
            running.close()
        if transport is not None:
            transport.close()

    def _config(self, changes: Mapping[str, Any]) -> Config:
        values = {p.name: self.get_parameter(p.name).value for p in self._kind.parameters}
        return config_of(
            self._kind.config,
            values | dict(changes),
            files=self._kind.files,
            name=self.get_name(),
            namespace=self.get_namespace(),
        )

    def _check(self, parameters: list[Any]) -> SetParametersResult:
        """Refuse what makes no config; what fits is used at the next configure."""
        known = {parameter.name for parameter in self._kind.parameters}
        changes = {p.name: p.value for p in parameters if p.name in known}
        if not changes:
            return SetParametersResult(successful=True)
        try:
            self._config(changes)
        except EmbodiedMemError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def memory() -> None:
    """Run the memory node."""
    run(MEMORY)


def planner() -> None:
    """Run the planner node."""
    run(PLANNER)


def sim() -> None:
    """Run the simulated robot."""
    run(SIM)


def tracker() -> None:
    """Run the tracker node."""
    run(TRACKER)


def policy() -> None:
    """Run the policy node."""
    run(POLICY)


def run(kind: NodeKind) -> None:
    """Run a node until it is interrupted; what it took in is persisted then."""
    check_siblings()
    rclpy.init()
    node = CoreLifecycleNode(kind)
    threads = kind.threads
    executor = (
        MultiThreadedExecutor(num_threads=threads) if threads > 1 else SingleThreadedExecutor()
    )
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
