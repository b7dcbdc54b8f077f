"""Two participants of a DDS network in this process."""

import secrets
import time

import pytest


class Side:
    """One of two nodes; both are spun by whoever waits."""

    def __init__(self, transport, domain):
        self.transport, self.domain = transport, domain

    def spin(self, other, seconds):
        """Take part in the network for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.transport.spin_once(0.01)
            other.transport.spin_once(0.01)

    def until(self, other, condition, longest=60.0):
        """Take part in the network until something holds."""
        end = time.monotonic() + longest
        while not condition():
            assert time.monotonic() < end, "nothing came in time"
            self.spin(other, 0.05)

    def meet(self, other):
        """Wait until all that either listens to is sent by the other, where it sends it."""
        topics = {writer.topic for writer in (*self.writers, *other.writers)}
        readers = [r for r in (*self.readers, *other.readers) if r.topic in topics]
        self.until(other, lambda: all(reader.matches() for reader in readers))

    @property
    def writers(self):
        return self.transport._writers

    @property
    def readers(self):
        return [reader for reader, _, _ in self.transport._readers]


@pytest.fixture
def dds_pair():
    """Return what makes a node of a name, and another one, on the loopback."""
    pytest.importorskip("cyclonedds", reason="needs the extra `dds`")
    from ros_nodes.dds.transport import DdsTransport  # noqa: PLC0415

    made = []

    def make(name):
        domain = secrets.randbelow(80) + 20
        pair = [DdsTransport(node, domain=domain, interface="lo") for node in (name, "/other")]
        made.extend(pair)
        return [Side(transport, domain) for transport in pair]

    yield make
    for transport in made:
        transport.close()
