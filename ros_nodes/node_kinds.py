"""Every node: its parameters, and how its core is started on whatever transport there is."""

# ruff: noqa: PLC0415 - Only the node that is started needs its engines.

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied_mem.app.build import AgentConfig
from embodied_mem.backends.household.backend import HouseholdSimConfig
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from perception.xmem.tracker_config import TrackerConfig
from ros_nodes.caller import Caller
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.node_core import MemoryNode, open_memory
from ros_nodes.parameters import (
    MEMORY_PARAMETERS,
    PLANNER_PARAMETERS,
    POLICY_PARAMETERS,
    SIM_PARAMETERS,
    TRACKER_PARAMETERS,
    Parameter,
)
from ros_nodes.planner_core import PlannerNode, PlannerNodeConfig
from ros_nodes.policy_core import PolicyNode, PolicyNodeConfig
from ros_nodes.sim_core import SimNode, SimNodeConfig
from ros_nodes.tracker_core import TrackerNode, TrackerNodeConfig
from ros_nodes.worker import LatestWorker

_DECIDE = 0.02
"""Time between two looks at whether there is something to decide [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A node that was configured."""

    activate: Callable[[], None]
    """Begins its work."""
    deactivate: Callable[[], None]
    """Stops its work, and keeps what it knows."""
    close: Callable[[], None]
    """Finishes what was taken in, and lets go of everything."""
    summary: Callable[[], str] = str
    """What came of it, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKind:
    """One kind of node."""

    name: str
    config: type[Config]
    parameters: tuple[Parameter, ...]
    files: Mapping[str, type[Config]]
    """Parameters that name a YAML file, and what is in it."""
    start: Callable[[Any, Caller], Running]
    """Builds the node from its config."""
    threads: int = 1
    """Of its executor under ROS: more only where the core allows it."""


def _memory(config: MemoryNodeConfig, transport: Caller) -> Running:
    memory = open_memory(config.store, config.agent)
    node = MemoryNode(config, transport, LatestWorker(transport.drops), memory)

    def close() -> None:
        node.finish()
        node.close()

    return Running(
        activate=node.activate,
        deactivate=node.deactivate,
        close=close,
        summary=lambda: f"{node.memory.frame} images in memory, {len(node.memory)} objects",
    )


def _planner(config: PlannerNodeConfig, transport: Caller) -> Running:
    node = PlannerNode(config, transport)
    transport.every(_DECIDE, node.work)
    return Running(activate=node.activate, deactivate=node.deactivate, close=node.close)


def _sim(config: SimNodeConfig, transport: Caller) -> Running:
    from embodied_mem.backends.household.backend import HouseholdSim

    sim = HouseholdSim(config.sim)
    node = SimNode(config, transport, sim)
    return Running(activate=node.activate, deactivate=node.deactivate, close=sim.close)


def _tracker(config: TrackerNodeConfig, transport: Caller) -> Running:
    from perception.compact.weights import SHIPPED
    from perception.xmem.loading import load_network
    from perception.xmem.tracker import ObjectTracker

    network = load_network(config.weights or SHIPPED)
    follower = ObjectTracker(network, config.tracker, device=config.device)
    node = TrackerNode(config, transport, LatestWorker(transport.drops), follower)
    return Running(
        activate=node.activate,
        deactivate=node.deactivate,
        close=node.close,
        summary=lambda: f"{node.frames} images were followed",
    )


def _policy(config: PolicyNodeConfig, transport: Caller) -> Running:
    from planners.diffusion.batches import FELT
    from planners.diffusion.policy import DiffusionPolicy

    if not config.weights:
        raise ConfigError("a policy node needs weights: train some with `embodied-mem train`.")
    policy = DiffusionPolicy(Path(config.weights), device=config.device, executed=config.executed)
    takes = policy.card.interface
    if config.instruction not in takes.instructions:
        known = ", ".join(takes.instructions)
        raise ConfigError(f"the policy was not trained to '{config.instruction}', but to: {known}.")
    size = takes.height, takes.width, max(FELT) + 1, takes.actions
    node = PolicyNode(config, transport, LatestWorker(transport.drops), policy, size=size)
    return Running(activate=node.activate, deactivate=node.deactivate, close=node.close)


MEMORY = NodeKind(
    name="embodied_mem",
    config=MemoryNodeConfig,
    parameters=MEMORY_PARAMETERS,
    files={"agent": AgentConfig},
    start=_memory,
    threads=3,
)
PLANNER = NodeKind(
    name="planner",
    config=PlannerNodeConfig,
    parameters=PLANNER_PARAMETERS,
    files={"agent": AgentConfig},
    start=_planner,
)
SIM = NodeKind(
    name="sim",
    config=SimNodeConfig,
    parameters=SIM_PARAMETERS,
    files={"sim": HouseholdSimConfig},
    start=_sim,
)
TRACKER = NodeKind(
    name="tracker",
    config=TrackerNodeConfig,
    parameters=TRACKER_PARAMETERS,
    files={"tracker": TrackerConfig},
    start=_tracker,
)
POLICY = NodeKind(
    name="policy",
    config=PolicyNodeConfig,
    parameters=POLICY_PARAMETERS,
    files={},
    start=_policy,
)
KINDS = (MEMORY, PLANNER, SIM, TRACKER, POLICY)
