"""A stand-in for rclpy and the message packages, for machines without ROS: all in one process.

It follows what rclpy documents of itself where our nodes depend on it: a lifecycle publisher is
silent until the node becomes active, and one that is made later stays silent; a goal is pursued by
a coroutine that is looked at when the executor is awake; an exception in a transition is swallowed.
"""

import sys
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from threading import RLock
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from ros_standin_messages import Package

from ros_nodes.messages import interfaces


class TransitionCallbackReturn(Enum):
    SUCCESS = 97
    FAILURE = 98
    ERROR = 99


class LifecycleState(NamedTuple):
    label: str
    state_id: int


class Future:
    def __init__(self) -> None:
        self._is_done, self._result = False, None
        self._then: list[Callable[[Future], object]] = []

    def done(self) -> bool:
        return self._is_done

    def result(self) -> Any:
        return self._result

    def set_result(self, result: Any) -> None:
        self._is_done, self._result = True, result
        for then in self._then:
            then(self)

    def add_done_callback(self, then: Callable[["Future"], object]) -> None:
        if self._is_done:
            then(self)
        else:
            self._then.append(then)

    def __await__(self):
        while not self._is_done:
            yield
        return self._result


class Graph:
    """Who is there, and what is on its way."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew: nobody is there."""
        self.clock = 0
        """Newest time that /clock told [ns]."""
        self.queue: deque[Callable[[], object]] = deque()
        self.tasks: list[Any] = []
        self.subscriptions: list[SimpleNamespace] = []
        self.timers: list[SimpleNamespace] = []
        self.services: dict[str, Any] = {}
        self.actions: dict[str, ActionServer] = {}
        self.latched: dict[str, deque[Any]] = {}
        self.lock = RLock()
        self.heard: dict[str, int] = {}
        """Messages that went out, by topic."""

    def publish(self, topic: str, message: Any, profile: Any) -> None:
        with self.lock:
            self.heard[topic] = self.heard.get(topic, 0) + 1
            if topic == "/clock":
                self.clock = message.clock.sec * 10**9 + message.clock.nanosec
            if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
                kept = self.latched.setdefault(topic, deque(maxlen=profile.depth))
                kept.append(message)
            for subscription in self.subscriptions:
                if subscription.topic == topic:
                    self.queue.append(lambda s=subscription: s.callback(message))

    def spin_once(self) -> None:
        """Do what has come, what is due, and look at each coroutine once."""
        while self.queue:
            self.queue.popleft()()
        for timer in list(self.timers):
            if timer.due <= time.monotonic() and timer in self.timers:
                timer.due = time.monotonic() + timer.period
                timer.callback()
        for task in list(self.tasks):
            try:
                task.send(None)
            except StopIteration:
                self.tasks.remove(task)


graph = Graph()


class Node:
    def __init__(self, node_name: str, *, namespace: str = "/"):
        self._name, self._namespace = node_name, namespace
        self._parameters: dict[str, Any] = {"use_sim_time": SimpleNamespace(value=False)}
        self._checks: list[Callable[[list[Any]], Any]] = []
        self.context = SimpleNamespace(ok=lambda: True)
        self.executor = SimpleNamespace(wake=lambda: None)
        self.told: list[str] = []

    def get_name(self) -> str:
        return self._name

    def get_namespace(self) -> str:
        return self._namespace

    def get_logger(self) -> Any:
        return SimpleNamespace(**dict.fromkeys(("error", "fatal", "warning"), self.told.append))

    def get_clock(self) -> Any:
        simulated = self._parameters["use_sim_time"].value

        def now() -> SimpleNamespace:
            return SimpleNamespace(nanoseconds=graph.clock if simulated else time.time_ns())

        return SimpleNamespace(now=now)

    def declare_parameter(self, name: str, default: Any, descriptor: Any) -> None:
        assert name not in self._parameters
        self._parameters[name] = SimpleNamespace(name=name, value=default, descriptor=descriptor)

    def get_parameter(self, name: str) -> Any:
        return self._parameters[name]

    def add_on_set_parameters_callback(self, check: Callable[[list[Any]], Any]) -> None:
        self._checks.append(check)

    def set_parameters(self, values: dict[str, Any]) -> list[Any]:
        changes = [SimpleNamespace(name=name, value=value) for name, value in values.items()]
        results = [check(changes) for check in self._checks]
        if all(result.successful for result in results):
            for change in changes:
                self._parameters[change.name].value = change.value
        return results

    def _full(self, name: str) -> str:
        base = self._namespace.rstrip("/")
        if name.startswith("~/"):
            return f"{base}/{self._name}/{name[2:]}"
        return name if name.startswith("/") else f"{base}/{name}"

    def create_subscription(
        self, kind, topic, callback, profile, *, callback_group, event_callbacks,
        qos_overriding_options,
    ):  # fmt: skip
        del kind, callback_group, event_callbacks, qos_overriding_options
        made = SimpleNamespace(topic=self._full(topic), callback=callback)
        with graph.lock:
            graph.subscriptions.append(made)
            if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL:
                for message in graph.latched.get(made.topic, ()):
                    graph.queue.append(lambda m=message: callback(m))
        return made

    def destroy_subscription(self, subscription) -> None:
        graph.subscriptions.remove(subscription)

    def create_service(self, kind, name, callback, *, callback_group):
        del callback_group
        graph.services[self._full(name)] = kind, callback
        return self._full(name)

    def destroy_service(self, service) -> None:
        del graph.services[service]

    def create_client(self, kind, name, *, callback_group):
        del kind, callback_group
        name = self._full(name)

        def call_async(request):
            future = Future()

            def respond() -> None:
                kind, callback = graph.services[name]
                assert isinstance(request, kind.Request)
                answer = callback(request, kind.Response())
                assert isinstance(answer, kind.Response)
                future.set_result(answer)

            graph.queue.append(respond)
            return future

        return SimpleNamespace(
            service_is_ready=lambda: name in graph.services, call_async=call_async
        )

    def destroy_client(self, client) -> None:
        del client

    def create_timer(self, period, callback, *, callback_group):
        del callback_group
        made = SimpleNamespace(period=period, callback=callback, due=time.monotonic() + period)
        graph.timers.append(made)
        return made

    def destroy_timer(self, timer) -> None:
        if timer in graph.timers:
            graph.timers.remove(timer)

    def destroy_node(self) -> None:
        pass


class LifecyclePublisher:
    def __init__(self, kind, topic, profile):
        self._kind, self._topic, self._profile, self._enabled = kind, topic, profile, False

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        assert isinstance(state, LifecycleState)
        self._enabled = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        assert isinstance(state, LifecycleState)
        self._enabled = False
        return TransitionCallbackReturn.SUCCESS

    def publish(self, message) -> None:
        assert isinstance(message, self._kind)
        if self._enabled:
            graph.publish(self._topic, message, self._profile)


class LifecycleNode(Node):
    def __init__(self, node_name: str, **settings):
        super().__init__(node_name, **settings)
        self._entities: list[LifecyclePublisher] = []
        self.state = LifecycleState("unconfigured", 1)

    def create_lifecycle_publisher(self, kind, topic, profile, *, qos_overriding_options):
        del qos_overriding_options
        made = LifecyclePublisher(kind, self._full(topic), profile)
        self._entities.append(made)
        return made

    def destroy_lifecycle_publisher(self, publisher) -> None:
        self._entities.remove(publisher)

    def on_configure(self, state):
        return TransitionCallbackReturn.SUCCESS if state else TransitionCallbackReturn.ERROR

    on_cleanup = on_shutdown = on_error = on_configure

    def on_activate(self, state):
        for entity in self._entities:
            entity.on_activate(state)
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state):
        for entity in self._entities:
            entity.on_deactivate(state)
        return TransitionCallbackReturn.SUCCESS

    def _go(self, callback, then: LifecycleState):
        try:
            result = callback(self.state)
        except Exception as error:  # noqa: BLE001 - As rclpy does, without a word.
            self.error = error
            result = TransitionCallbackReturn.ERROR
            self.on_error(self.state)
        if result == TransitionCallbackReturn.SUCCESS:
            self.state = then
        return result

    def trigger_configure(self):
        return self._go(self.on_configure, LifecycleState("inactive", 2))

    def trigger_activate(self):
        return self._go(self.on_activate, LifecycleState("active", 3))

    def trigger_deactivate(self):
        return self._go(self.on_deactivate, LifecycleState("inactive", 2))

    def trigger_cleanup(self):
        return self._go(self.on_cleanup, LifecycleState("unconfigured", 1))

    def trigger_shutdown(self):
        return self._go(self.on_shutdown, LifecycleState("finalized", 4))


class GoalResponse(Enum):
    REJECT = 1
    ACCEPT = 2


class CancelResponse(Enum):
    REJECT = 1
    ACCEPT = 2


class ServerGoalHandle:
    """The server's side of a goal."""

    count = 0

    def __init__(self, server: "ActionServer", request: Any, feedback: Callable[[Any], object]):
        ServerGoalHandle.count += 1
        self.goal_id = SimpleNamespace(uuid=np.full(16, ServerGoalHandle.count, np.uint8))
        self.request, self._server, self._feedback = request, server, feedback
        self.status, self.result = 2, Future()

    @property
    def is_cancel_requested(self) -> bool:
        return self.status == 3

    def publish_feedback(self, feedback: Any) -> None:
        assert isinstance(feedback, self._server.kind.Feedback)
        graph.queue.append(lambda: self._feedback(SimpleNamespace(feedback=feedback)))

    def succeed(self) -> None:
        assert self.status in {2, 3}
        self.status = 4

    def canceled(self) -> None:
        assert self.status == 3
        self.status = 5

    def abort(self) -> None:
        assert self.status in {2, 3}
        self.status = 6

    async def run(self) -> None:
        result = await self._server.execute(self)
        assert isinstance(result, self._server.kind.Result)
        self.result.set_result(SimpleNamespace(status=self.status, result=result))


class ActionServer:
    def __init__(
        self, node, kind, name, execute, *, goal_callback, cancel_callback, callback_group
    ):
        del callback_group
        self.kind, self.execute = kind, execute
        self.accept, self.cancel = goal_callback, cancel_callback
        self._name = node._full(name)
        graph.actions[self._name] = self

    def destroy(self) -> None:
        del graph.actions[self._name]


class ActionClient:
    def __init__(self, node, kind, name, *, callback_group=None):
        del callback_group
        self._kind, self._name = kind, node._full(name)

    def server_is_ready(self) -> bool:
        return self._name in graph.actions

    def send_goal_async(self, goal, feedback_callback=lambda _: None) -> Future:
        assert isinstance(goal, self._kind.Goal)
        future, server = Future(), graph.actions[self._name]

        def ask() -> None:
            if server.accept(goal) != GoalResponse.ACCEPT:
                future.set_result(SimpleNamespace(accepted=False))
                return
            handle = ServerGoalHandle(server, goal, feedback_callback)
            graph.tasks.append(handle.run())
            future.set_result(
                SimpleNamespace(
                    accepted=True,
                    get_result_async=lambda: handle.result,
                    cancel_goal_async=lambda: graph.queue.append(lambda: cancel(handle)),
                )
            )

        def cancel(handle: ServerGoalHandle) -> None:
            if handle.status == 2 and server.cancel(handle) == CancelResponse.ACCEPT:
                handle.status = 3

        graph.queue.append(ask)
        return future

    def destroy(self) -> None:
        pass


class ReliabilityPolicy(Enum):
    RELIABLE = 1
    BEST_EFFORT = 2


class DurabilityPolicy(Enum):
    TRANSIENT_LOCAL = 1
    VOLATILE = 2


class HistoryPolicy(Enum):
    KEEP_LAST = 1


class _Overrides:
    @classmethod
    def with_default_policies(cls) -> "_Overrides":
        return cls()


class _Fields:
    """Takes any field by name."""

    def __init__(self, **values: Any):
        self.__dict__.update(values)


def modules() -> dict[str, ModuleType]:
    """Return everything that `import` must find, by name."""
    found: dict[str, ModuleType] = {}

    def add(name: str, **values: Any) -> None:
        found[name] = ModuleType(name)
        found[name].__dict__.update(values)

    nothing = type("Nothing", (), {})
    add("rclpy", init=lambda: None, try_shutdown=lambda: None)
    add("rclpy.node", Node=Node)
    add("rclpy.task", Future=Future)
    add(
        "rclpy.lifecycle",
        LifecycleNode=LifecycleNode,
        LifecyclePublisher=LifecyclePublisher,
        LifecycleState=LifecycleState,
        TransitionCallbackReturn=TransitionCallbackReturn,
    )
    add("rclpy.executors", ExternalShutdownException=type("Ended", (Exception,), {}),
        MultiThreadedExecutor=nothing, SingleThreadedExecutor=nothing)  # fmt: skip
    add("rclpy.action", ActionClient=ActionClient, ActionServer=ActionServer,
        CancelResponse=CancelResponse, GoalResponse=GoalResponse)  # fmt: skip
    add("rclpy.action.server", ServerGoalHandle=ServerGoalHandle)
    add("rclpy.callback_groups", CallbackGroup=nothing, MutuallyExclusiveCallbackGroup=nothing,
        ReentrantCallbackGroup=nothing)  # fmt: skip
    add("rclpy.event_handler", SubscriptionEventCallbacks=_Fields)
    add("rclpy.qos", DurabilityPolicy=DurabilityPolicy, HistoryPolicy=HistoryPolicy,
        QoSProfile=_Fields, ReliabilityPolicy=ReliabilityPolicy,
        qos_policy_name_from_kind=str)  # fmt: skip
    add("rclpy.qos_overriding_options", QoSOverridingOptions=_Overrides)
    kinds = ("FloatingPointRange", "IntegerRange", "ParameterDescriptor", "SetParametersResult")
    add("rcl_interfaces.msg", **dict.fromkeys(kinds, _Fields))
    add("lifecycle_msgs.msg", State=SimpleNamespace(PRIMARY_STATE_ACTIVE=3))
    for typename in interfaces().store.fielddefs:
        package, kind, _ = typename.split("/")
        name = f"{package}.{kind}"
        if package not in {"rcl_interfaces", "lifecycle_msgs"}:
            found.setdefault(package, ModuleType(package))
            found.setdefault(name, Package(name))
    return {name: module for name, module in found.items() if name not in sys.modules}
