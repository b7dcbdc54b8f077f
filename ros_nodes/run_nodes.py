"""`embodied-mem ros join`, `sim`, `plan` ...: nodes on a DDS network, until interrupted."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar, assert_never

import msgspec

from embodied_mem.app.build import house_source
from embodied_mem.app.console import console
from embodied_mem.config import load_config
from ros_nodes.commands import Act, Join, Network, Plan, Sim, Track
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.names import full_name
from ros_nodes.node_kinds import MEMORY, PLANNER, POLICY, SIM, TRACKER, NodeKind
from ros_nodes.planner_core import PlannerNodeConfig
from ros_nodes.policy_core import PolicyNodeConfig
from ros_nodes.sim_core import SimNodeConfig
from ros_nodes.tracker_core import TrackerNodeConfig

ConfigType = TypeVar(
    "ConfigType",
    MemoryNodeConfig,
    PlannerNodeConfig,
    SimNodeConfig,
    TrackerNodeConfig,
    PolicyNodeConfig,
)


def run_node(command: Join | Sim | Plan | Track | Act) -> int:
    """Run the node that a command names, until it is interrupted."""
    match command:
        case Join(store=store):
            config = _changed(_config(command, MemoryNodeConfig), store=store)
            return _run(command, MEMORY, config)
        case Sim():
            config = _config(command, SimNodeConfig)
            if command.params is None:
                house = house_source(None, seed=command.seed, rooms=command.rooms)
                config = _changed(config, sim=msgspec.structs.replace(config.sim, house=house))
            return _run(command, SIM, config)
        case Plan(store=store):
            config = _changed(_config(command, PlannerNodeConfig), store=store)
            return _run(command, PLANNER, config)
        case Track(weights=weights):
            config = _changed(_config(command, TrackerNodeConfig), weights=weights)
            return _run(command, TRACKER, config)
        case Act(weights=weights, instruction=instruction):
            config = _config(command, PolicyNodeConfig)
            config = _changed(config, weights=weights, instruction=instruction)
            return _run(command, POLICY, config)
        case _:
            assert_never(command)


def _run(command: Network, kind: NodeKind, config: ConfigType) -> int:
    """Run a node until it is interrupted, and tell what came of it."""
    with interrupted() as stop:
        transport = _connect(command, config)
        try:
            running = kind.start(config, transport)
            try:
                running.activate()
                transport.spin(stop)
            finally:
                running.close()
        finally:
            transport.close()
    if summary := running.summary():
        console.print(summary)
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


def _config(command: Network, kind: type[ConfigType]) -> ConfigType:
    return kind() if command.params is None else load_config(command.params, kind)


def _changed(config: ConfigType, **changes: object) -> ConfigType:
    """Return a config with what the command line says on top."""
    said = {name: value for name, value in changes.items() if value is not None}
    return msgspec.structs.replace(config, **said)


def _connect(command: Network, config: ConfigType) -> DdsTransport:
    name = full_name(config.name, config.namespace)
    transport = DdsTransport(
        name,
        domain=command.domain,
        interface=command.interface,
        use_sim_time=command.use_sim_time,
    )
    console.print(f"{name} is on domain {command.domain}; Ctrl-C ends it")
    return transport
