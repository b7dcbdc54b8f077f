"""Transports inside one process: every message is encoded and decoded, time stands until set."""

from collections import defaultdict
from typing import Any

from embodied_mem.errors import BackendError
from ros_nodes.action_client import ActionClient
from ros_nodes.action_server import ActionServer
from ros_nodes.drops import Drops
from ros_nodes.messages import interfaces
from ros_nodes.names import resolve
from ros_nodes.transport import Later


class LoopNetwork:
    """Delivers at once; latched topics also to who comes late."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = defaultdict(list)
        self.services: dict[str, tuple[str, Any]] = {}
        self.receivers: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        self.latched: dict[str, tuple[str, Any]] = {}

    def join(self, node: str) -> "LoopTransport":
        """Return the connection of another node."""
        return LoopTransport(node, self)

    def send(self, topic: str, typename: str, values: Any, *, latch: bool = False) -> None:
        """Deliver a message."""
        if latch:
            self.latched[topic] = typename, values
        self.sent[topic].append(through(typename, values))
        for wanted, receive in self.receivers[topic]:
            assert wanted == typename
            receive(through(typename, values))

    def call(self, service: str, typename: str, values: Any, timeout: float) -> Any:
        """Ask a node."""
        answers = []
        self.ask(service, typename, values, answers.append)
        if not answers:
            raise BackendError(f"{service} did not answer within {timeout:g} s.")
        return answers[0]

    def ask(self, service: str, typename: str, values: Any, then: Any) -> None:
        """Ask a node; it may answer later."""
        offered, answer = self.services[service]
        assert offered == typename

        def reply(fields: Any) -> None:
            then(through(f"{typename}_Response", fields))

        fields = answer(through(f"{typename}_Request", values))
        if isinstance(fields, Later):
            fields.then(reply)
        else:
            reply(fields)


class LoopTransport:
    """Keeps what the node sends, and sends it what the test says."""

    def __init__(self, node: str, network: LoopNetwork | None = None):
        self.drops = Drops()
        self.network = network or LoopNetwork()
        self.time = 10**9
        self._node = node
        self._timers: list[Any] = []
        self._actions: dict[str, ActionClient] = {}

    @property
    def sent(self):
        return self.network.sent

    def now(self):
        return self.time

    def advertise(self, topic, typename, qos):
        name = resolve(topic, self._node)
        return lambda values: self.network.send(name, typename, values, latch=qos.latched)

    def subscribe(self, topic, typename, receive, qos):
        name = resolve(topic, self._node)
        self.network.receivers[name].append((typename, receive))
        if qos.latched and name in self.network.latched:
            receive(through(*self.network.latched[name]))

    def serve(self, service, typename, answer):
        self.network.services[resolve(service, self._node)] = typename, answer

    def call(self, service, typename, values, timeout):
        return self.network.call(resolve(service, self._node), typename, values, timeout)

    def ask(self, service, typename, values, then, timeout):
        name = resolve(service, self._node)
        if name in self.network.services:
            self.network.ask(name, typename, values, then)
        else:
            then(None)

    def serve_action(self, action, typename, act):
        ActionServer(self, action, typename, act)

    def send_goal(self, sending):
        name = resolve(sending.action, self._node)
        if name not in self._actions:
            self._actions[name] = ActionClient(self, name, sending.typename)
        return self._actions[name].send(sending)

    def every(self, period, act):
        self._timers.append(act)

    def problems(self):
        return {}

    def send(self, message):
        self.send_values(message.topic, message.typename, message.values)

    def send_values(self, topic, typename, values):
        self.network.send(topic, typename, values)

    def question(self, service, request):
        typename, _ = self.network.services[service]
        return self.network.call(service, typename, request, 1.0)

    def tick(self):
        for act in self._timers:
            act()


def through(typename, values):
    """Encode and decode a message."""
    types = interfaces()
    return types.decode(types.encode(types.make(typename, values), typename), typename)
