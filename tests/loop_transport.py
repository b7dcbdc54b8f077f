"""A transport inside one process: every message is encoded and decoded, time stands until set."""

from collections import defaultdict
from typing import Any

from ros_nodes.drops import Drops
from ros_nodes.messages import interfaces
from ros_nodes.names import resolve


class LoopTransport:
    """Keeps what the node sends, and sends it what the test says."""

    def __init__(self, node: str):
        self.drops = Drops()
        self.time = 10**9
        self.sent: dict[str, list[Any]] = defaultdict(list)
        self._node = node
        self._receivers: dict[str, tuple[str, Any]] = {}
        self._services: dict[str, tuple[str, Any]] = {}
        self._timers: list[Any] = []

    def now(self):
        return self.time

    def advertise(self, topic, typename, qos):
        name = resolve(topic, self._node)
        return lambda values: self.sent[name].append(_through(typename, values))

    def subscribe(self, topic, typename, receive, qos):
        self._receivers[resolve(topic, self._node)] = typename, receive

    def serve(self, service, typename, answer):
        self._services[resolve(service, self._node)] = typename, answer

    def every(self, period, act):
        self._timers.append(act)

    def problems(self):
        return {}

    def send(self, message):
        self.send_values(message.topic, message.typename, message.values)

    def send_values(self, topic, typename, values):
        if topic in self._receivers:
            wanted, receive = self._receivers[topic]
            assert wanted == typename
            receive(_through(typename, values))

    def ask(self, service, request):
        typename, answer = self._services[service]
        return _through(f"{typename}_Response", answer(_through(f"{typename}_Request", request)))

    def tick(self):
        for act in self._timers:
            act()


def _through(typename, values):
    types = interfaces()
    return types.decode(types.encode(types.make(typename, values), typename), typename)
