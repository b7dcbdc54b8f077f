"""`embodied-mem ros replay`: a memory from a bag, by the same node that runs on a robot."""

import msgspec

from embodied_mem.app.build import AgentConfig, senses
from embodied_mem.app.console import console
from embodied_mem.config import load_config
from embodied_mem.errors import BackendError
from ros_nodes.bag import BagTransport, BagWriter
from ros_nodes.commands import Replay
from ros_nodes.memory_config import MemoryNodeConfig, TopicsConfig
from ros_nodes.names import full_name
from ros_nodes.node_core import MemoryNode, open_memory
from ros_nodes.robot_messages import MASKS
from ros_nodes.worker import InlineWorker


def replay(command: Replay) -> int:
    """Play the bag to a memory node and tell what came of it; 0 where images reached memory."""
    config = node_config(command)
    record = None if command.record is None else BagWriter(command.record)
    transport = BagTransport(full_name(config.name, config.namespace), record)
    memory = open_memory(config.store, config.agent)
    node = MemoryNode(config, transport, InlineWorker(), memory)
    before = memory.frame
    try:
        node.activate()
        transport.play(command.bag, rate=command.rate)
        node.finish()
        frames, objects = node.memory.frame - before, len(node.memory)
    finally:
        node.close()
        if record is not None:
            record.close()
    console.print(f"{frames} images to memory; {objects} objects known; store: {config.store}")
    for name, count in sorted(transport.drops.counts.items()):
        console.print(f"left out: {count} {name}: {transport.drops.newest.get(name, '')}")
    if not frames:
        raise BackendError("no image of the bag reached memory.")
    return 0


def node_config(command: Replay) -> MemoryNodeConfig:
    """Return the node's parameters: the file's, with what the command line says on top."""
    if command.params is not None:
        config = load_config(command.params, MemoryNodeConfig)
    else:
        masks = MASKS if command.perception in {"oracle", "noisy"} else ""
        config = MemoryNodeConfig(
            topics=TopicsConfig(masks=masks),
            agent=AgentConfig(perception=senses(command.perception)),
        )
    if command.store is not None:
        config = msgspec.structs.replace(config, store=command.store)
    return config
