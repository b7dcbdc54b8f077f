"""A node on a robot's DDS network, without ROS."""

import logging
import time
from collections.abc import Callable, Mapping
from threading import Event

from embodied_mem.errors import BackendError, MissingExtraError
from ros_nodes.action_client import ActionClient
from ros_nodes.action_server import ActionServer
from ros_nodes.actions import Act, Cancel, Sending
from ros_nodes.dds.endpoint import Endpoints, RawReader, RawWriter
from ros_nodes.dds.graph import Graph
from ros_nodes.dds.rpc import Client, Server
from ros_nodes.dds.wire import ServiceName, configuration, dds_topic
from ros_nodes.drops import Drops, Reason
from ros_nodes.messages import MalformedMessageError, Message, Values, interfaces
from ros_nodes.names import resolve
from ros_nodes.stamps import nanoseconds
from ros_nodes.transport import SENSOR, Answer, Publish, Qos, Receive

try:
    from cyclonedds.core import DDSException, Policy, WaitSet
    from cyclonedds.core import Qos as DdsQos
    from cyclonedds.domain import Domain, DomainParticipant
    from cyclonedds.util import duration
except ImportError as missing:
    raise MissingExtraError("joining a robot's DDS network", "dds") from missing

_LOG = logging.getLogger(__name__)
_TURN = 0.02
"""Longest time between two looks at timers [s]."""

_domains: dict[int, Domain] = {}


class DdsTransport:
    """One node's connection. All callbacks run in the thread that calls `spin`."""

    def __init__(
        self,
        node: str,
        *,
        domain: int = 0,
        interface: str | None = None,
        use_sim_time: bool = False,
    ):
        """Join the network.

        Args:
            node: The node's full name.
            domain: ROS_DOMAIN_ID of the robot.
            interface: Network interface; `lo` for this machine alone; None leaves it to Cyclone.
            use_sim_time: Take the time from `/clock`.

        Raises:
            BackendError: The network cannot be joined.
        """
        self.drops = Drops()
        self._node = node
        try:
            if interface is not None and domain not in _domains:
                _domains[domain] = Domain(domain, configuration(interface))
            enclave = Policy.Userdata(data=b"enclave=/;")
            self._participant = DomainParticipant(domain, qos=DdsQos(enclave))
            self._waitset = WaitSet(self._participant)
        except DDSException as error:
            raise BackendError(f"cannot join DDS domain {domain}: {error}") from error
        self._endpoints = Endpoints(self._participant)
        self._graph = Graph(self._endpoints, self._participant.get_guid().bytes, node)
        self._writers: list[RawWriter] = []
        self._readers: list[tuple[RawReader, str, Receive]] = []
        self._servers: list[Server] = []
        self._clients: dict[str, Client] = {}
        self._actions: dict[str, ActionClient] = {}
        self._timers: list[list] = []
        self._clock: int | None = 0 if use_sim_time else None
        if use_sim_time:
            self.subscribe("/clock", "rosgraph_msgs/msg/Clock", self._on_clock, SENSOR)

    def now(self) -> int:
        """Return ROS time [ns]; zero before the first `/clock` where time is simulated."""
        return time.time_ns() if self._clock is None else self._clock

    def advertise(self, topic: str, typename: str, qos: Qos) -> Publish:
        """Announce a topic."""
        writer = self._endpoints.writer(dds_topic(resolve(topic, self._node)), typename, qos)
        self._writers.append(writer)
        self._show(writer)
        types = interfaces()

        def publish(values: Values) -> None:
            writer.write(types.encode(types.make(typename, values), typename))

        return publish

    def subscribe(self, topic: str, typename: str, receive: Receive, qos: Qos) -> None:
        """Have messages of a topic delivered."""
        reader = self._endpoints.reader(dds_topic(resolve(topic, self._node)), typename, qos)
        self._readers.append((reader, typename, receive))
        self._waitset.attach(reader.condition)
        self._show(reader)

    def serve(self, service: str, typename: str, answer: Answer) -> None:
        """Offer a service."""
        name = ServiceName(resolve(service, self._node), typename)
        server = Server(self._endpoints, name, answer, self.drops)
        self._servers.append(server)
        self._waitset.attach(server.reader.condition)
        self._show(server.reader, server.writer)

    def call(self, service: str, typename: str, values: Values, timeout: float) -> Message:
        """Ask another node; timers and callbacks wait meanwhile.

        Raises:
            PeerTimeoutError: The service is not there, or did not answer in time.
        """
        client = self._client(service, typename)
        waiting = WaitSet(self._participant)
        waiting.attach(client.reader.condition)
        return client.call(
            values,
            timeout,
            lambda longest: _pass(waiting, longest) if client.is_ready() else time.sleep(longest),
        )

    def ask(
        self,
        service: str,
        typename: str,
        values: Values,
        then: Callable[[Message | None], None],
        timeout: float,
    ) -> None:
        """Ask another node, and go on; `spin_once` brings the answer, or None after the timeout."""
        self._client(service, typename).ask(values, then, timeout)

    def serve_action(self, action: str, typename: str, act: Act) -> None:
        """Offer an action."""
        ActionServer(self, action, typename, act)

    def send_goal(self, sending: Sending) -> Cancel:
        """Send a goal to an action's server, and go on; return what cancels it."""
        name = resolve(sending.action, self._node)
        if name not in self._actions:
            self._actions[name] = ActionClient(self, name, sending.typename)
        return self._actions[name].send(sending)

    def every(self, period: float, act: Callable[[], object]) -> None:
        """Call something again and again, by the wall clock."""
        self._timers.append([time.monotonic() + period, period, act])

    def spin(self, stop: Event) -> None:
        """Deliver what comes until told to stop."""
        while not stop.is_set():
            self.spin_once(_TURN)

    def spin_once(self, timeout: float) -> None:
        """Deliver what has come, or comes within the timeout [s], and run timers that are due."""
        _pass(self._waitset, timeout)
        for reader, typename, receive in self._readers:
            for data in reader.take():
                self._deliver(reader, typename, receive, data)
        for server in self._servers:
            server.work()
        for client in list(self._clients.values()):
            client.work()
        now = time.monotonic()
        for timer in self._timers:
            if now >= timer[0]:
                timer[0] = now + timer[1]
                timer[2]()

    def problems(self) -> Mapping[str, str]:
        """Return the topics whose other side asks for another quality of service, and why."""
        ends = [*self._writers, *(reader for reader, _, _ in self._readers)]
        return {end.topic.removeprefix("rt"): why for end in ends if (why := end.mismatch())}

    def close(self) -> None:
        """Leave the network. May be called twice."""
        self._readers.clear()
        self._writers.clear()
        self._servers.clear()
        self._clients.clear()
        self._actions.clear()

    def _client(self, service: str, typename: str) -> Client:
        name = ServiceName(resolve(service, self._node), typename)
        if name.service not in self._clients:
            client = self._clients[name.service] = Client(self._endpoints, name, self.drops)
            self._waitset.attach(client.reader.condition)
            self._show(client.reader, client.writer)
        return self._clients[name.service]

    def _deliver(self, reader: RawReader, typename: str, receive: Receive, data: bytes) -> None:
        try:
            message = interfaces().decode(data, typename)
        except MalformedMessageError as error:
            self.drops.add(Reason.MALFORMED, f"{reader.topic.removeprefix('rt')}: {error}")
            return
        receive(message)

    def _show(self, *endpoints: RawReader | RawWriter) -> None:
        for endpoint in endpoints:
            self._graph.add(endpoint)
        self._graph.publish()

    def _on_clock(self, message: Message) -> None:
        self._clock = nanoseconds(message.clock)


def _pass(waitset: WaitSet, longest: float) -> None:
    waitset.wait(duration(seconds=longest))
