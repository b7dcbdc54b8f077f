"""`embodied-mem ros join`: the memory node on a live robot's DDS network, without ROS."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import msgspec

from embodied_mem.app.console import console
from embodied_mem.config import load_config
from ros_nodes.commands import Join
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.names import full_name
from ros_nodes.node_core import MemoryNode, open_memory
from ros_nodes.worker import LatestWorker


def join(command: Join) -> int:
    """Run the node until it is interrupted; what it took in is in the store then."""
    config = MemoryNodeConfig()
    if command.params is not None:
        config = load_config(command.params, MemoryNodeConfig)
    if command.store is not None:
        config = msgspec.structs.replace(config, store=command.store)
    name = full_name(config.name, config.namespace)
    memory = open_memory(config.store, config.agent)
    with interrupted() as stop:
        transport = DdsTransport(
            name,
            domain=command.domain,
            interface=command.interface,
            use_sim_time=command.use_sim_time,
        )
        node = MemoryNode(config, transport, LatestWorker(transport.drops), memory)
        try:
            node.activate()
            console.print(f"{name} is on domain {command.domain}; Ctrl-C ends it")
            transport.spin(stop)
            node.finish()
        finally:
            node.close()
            transport.close()
    console.print(f"{node.memory.frame} images in memory, {len(node.memory)} objects")
    for reason, count in sorted(transport.drops.counts.items()):
        console.print(f"left out: {count} {reason}: {transport.drops.newest.get(reason, '')}")
    return 0


@contextmanager
def interrupted() -> Iterator[Event]:
    """Give an event that Ctrl-C and SIGTERM set, so that a node ends in order."""
    stop = Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
