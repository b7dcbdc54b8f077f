"""`embodied-mem ros join`, `sim` and `plan`: nodes on a DDS network, until they are interrupted."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import msgspec

from embodied_mem.app.build import house_source
from embodied_mem.app.console import console
from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.config import load_config
from ros_nodes.commands import Join, Network, Plan, Sim
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.names import full_name
from ros_nodes.node_core import MemoryNode, open_memory
from ros_nodes.planner_core import PlannerNode, PlannerNodeConfig
from ros_nodes.sim_core import SimNode, SimNodeConfig
from ros_nodes.worker import LatestWorker

_TURN = 0.02
"""Longest wait for messages [s]."""

ConfigType = TypeVar("ConfigType", MemoryNodeConfig, PlannerNodeConfig, SimNodeConfig)


def join(command: Join) -> int:
    """Run the memory node; what it took in is in the store at the end."""
    config = _config(command, MemoryNodeConfig)
    if command.store is not None:
        config = msgspec.structs.replace(config, store=command.store)
    memory = open_memory(config.store, config.agent)
    with interrupted() as stop:
        transport = _connect(command, config)
        node = MemoryNode(config, transport, LatestWorker(transport.drops), memory)
        try:
            node.activate()
            transport.spin(stop)
            node.finish()
        finally:
            node.close()
            transport.close()
    console.print(f"{node.memory.frame} images in memory, {len(node.memory)} objects")
    for reason, count in sorted(transport.drops.counts.items()):
        console.print(f"left out: {count} {reason}: {transport.drops.newest.get(reason, '')}")
    return 0


def simulate(command: Sim) -> int:
    """Run the simulated robot."""
    config = _config(command, SimNodeConfig)
    if command.params is None:
        house = house_source(None, seed=command.seed, rooms=command.rooms)
        sim_config = msgspec.structs.replace(config.sim, house=house)
        config = msgspec.structs.replace(config, sim=sim_config)
    with interrupted() as stop, HouseholdSim(config.sim) as sim:
        transport = _connect(command, config)
        SimNode(config, transport, sim)
        transport.spin(stop)
        transport.close()
    return 0


def plan(command: Plan) -> int:
    """Run the planner node."""
    config = _config(command, PlannerNodeConfig)
    if command.store is not None:
        config = msgspec.structs.replace(config, store=command.store)
    with interrupted() as stop:
        transport = _connect(command, config)
        node = PlannerNode(config, transport)
        try:
            while not stop.is_set():
                transport.spin_once(_TURN)
                node.work()
        finally:
            node.close()
            transport.close()
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


def _config(command: Network, kind: type[ConfigType]) -> ConfigType:
    return kind() if command.params is None else load_config(command.params, kind)


def _connect(
    command: Network, config: MemoryNodeConfig | PlannerNodeConfig | SimNodeConfig
) -> DdsTransport:
    name = full_name(config.name, config.namespace)
    transport = DdsTransport(
        name,
        domain=command.domain,
        interface=command.interface,
        use_sim_time=command.use_sim_time,
    )
    console.print(f"{name} is on domain {command.domain}; Ctrl-C ends it")
    return transport
