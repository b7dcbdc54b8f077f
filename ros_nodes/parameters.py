"""The memory node's ROS parameters: names, defaults, ranges, and the config that they make.

A parameter's name is the path of a field: `topics.color` is `MemoryNodeConfig.topics.color`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from embodied_mem.app.build import AgentConfig
from embodied_mem.config import load_config
from embodied_mem.errors import ConfigError
from ros_nodes.memory_config import MemoryNodeConfig

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter."""

    name: str
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    read_only: bool = False
    """Whether it is fixed once the node is up; others are read when the node is configured."""


_DEFAULT = MemoryNodeConfig()
_TOPICS, _FRAMES, _TIMING = _DEFAULT.topics, _DEFAULT.frames, _DEFAULT.timing

_DOWN = False
"""A lifecycle node waits to be configured, unless it is told otherwise."""

PARAMETERS = (
    Parameter("store", "", "Folder of the memory; in RAM when empty."),
    Parameter("agent", "", "YAML file of perception, features and memory; defaults when empty."),
    Parameter("view", _DEFAULT.view, "Whether ~/view shows planners each image with memory's ids."),
    Parameter(
        "autostart", _DOWN, "Whether the node configures and activates itself.", read_only=True
    ),
    Parameter("topics.color", _TOPICS.color, "Colour images."),
    Parameter("topics.depth", _TOPICS.depth, "Depth images, registered to colour."),
    Parameter("topics.camera_info", _TOPICS.camera_info, "Calibration of the colour camera."),
    Parameter("topics.masks", _TOPICS.masks, "LabelledMasks of a detector; none when empty."),
    Parameter("topics.skill_results", _TOPICS.skill_results, "What the robot's hand did."),
    Parameter("topics.image_transport", _TOPICS.image_transport, "raw or compressed."),
    Parameter("topics.reliable", _TOPICS.reliable, "Whether images are asked for reliably."),
    Parameter("frames.map", _FRAMES.map, "Frame that memory is kept in.", read_only=True),
    Parameter("frames.odom", _FRAMES.odom, "Frame of odometry.", read_only=True),
    Parameter("frames.base", _FRAMES.base, "Frame of the robot's base.", read_only=True),
    Parameter("timing.sync_slop", _TIMING.sync_slop, "Most that stamps may differ [s].", 0.0, 1.0),
    Parameter("timing.sync_queue", _TIMING.sync_queue, "Images that wait, per topic.", 1, 1000),
    Parameter("timing.tf_timeout", _TIMING.tf_timeout, "Wait for a transform [s].", 0.0, 10.0),
    Parameter("timing.tf_cache", _TIMING.tf_cache, "How long transforms are kept [s].", 0.1, 600.0),
    Parameter("timing.publish_period", _TIMING.publish_period, "Between snapshots [s].", 0.0, 60.0),
    Parameter(
        "timing.diagnostics_period",
        _TIMING.diagnostics_period,
        "Between diagnostics [s].",
        0.1,
        60.0,
    ),
    Parameter("reanchor.distance", _DEFAULT.reanchor.distance, "A jump is longer [m].", 0.0, 100.0),
    Parameter("reanchor.degrees", _DEFAULT.reanchor.degrees, "Or wider [deg].", 0.0, 180.0),
)


def node_config(values: Mapping[str, Value], *, name: str, namespace: str) -> MemoryNodeConfig:
    """Build the node's config from its parameters.

    Args:
        values: Every parameter by its name.
        name: Of the node.
        namespace: Of the node.

    Raises:
        ConfigError: A value does not fit, or the agent's file cannot be read.
    """
    fields: dict[str, Any] = {"name": name, "namespace": namespace}
    for parameter in PARAMETERS:
        group, dot, field = parameter.name.rpartition(".")
        if dot:
            fields.setdefault(group, {})[field] = values[parameter.name]
        else:
            fields[field] = values[parameter.name]
    del fields["autostart"]
    agent = str(fields.pop("agent"))
    try:
        config = msgspec.convert(fields, MemoryNodeConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"these parameters do not fit: {error}.") from error
    if not agent:
        return config
    if not Path(agent).is_file():
        raise ConfigError(f"parameter `agent`: there is no file {agent}.")
    return msgspec.structs.replace(config, agent=load_config(agent, AgentConfig))
