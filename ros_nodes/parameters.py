"""The nodes' ROS parameters: names, defaults, ranges, and the configs that they make.

A parameter's name is the path of a field: `topics.color` is `MemoryNodeConfig.topics.color`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from embodied_mem.config import Config, load_config
from embodied_mem.errors import ConfigError
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.planner_core import PlannerNodeConfig
from ros_nodes.policy_core import PolicyNodeConfig
from ros_nodes.sim_core import SimNodeConfig
from ros_nodes.tracker_core import TrackerNodeConfig

ConfigType = TypeVar("ConfigType", bound=Config)
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

_AUTOSTART = Parameter(
    "autostart", _DOWN, "Whether the node configures and activates itself.", read_only=True
)
_FRAME_PARAMETERS = (
    Parameter("frames.map", _FRAMES.map, "Frame that memory is kept in.", read_only=True),
    Parameter("frames.odom", _FRAMES.odom, "Frame of odometry.", read_only=True),
    Parameter("frames.base", _FRAMES.base, "Frame of the robot's base.", read_only=True),
)

MEMORY_PARAMETERS = (
    Parameter("store", "", "Folder of the memory; in RAM when empty."),
    Parameter("agent", "", "YAML file of perception, features and memory; defaults when empty."),
    Parameter("view", _DEFAULT.view, "Whether ~/view shows planners each image with memory's ids."),
    _AUTOSTART,
    Parameter("topics.color", _TOPICS.color, "Colour images."),
    Parameter("topics.depth", _TOPICS.depth, "Depth images, registered to colour."),
    Parameter("topics.camera_info", _TOPICS.camera_info, "Calibration of the colour camera."),
    Parameter("topics.masks", _TOPICS.masks, "LabelledMasks of a detector; none when empty."),
    Parameter("topics.skill_results", _TOPICS.skill_results, "What the robot's hand did."),
    Parameter("topics.image_transport", _TOPICS.image_transport, "raw or compressed."),
    Parameter("topics.rectify", _TOPICS.rectify, "Straighten raw images: auto, always or never."),
    Parameter("topics.reliable", _TOPICS.reliable, "Whether images are asked for reliably."),
    *_FRAME_PARAMETERS,
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

_PLANNER = PlannerNodeConfig()
PLANNER_PARAMETERS = (
    Parameter("store", "", "Folder that the memory node writes."),
    Parameter("agent", "", "YAML file of the planner; defaults when empty."),
    _AUTOSTART,
    Parameter("memory", _PLANNER.memory, "Full name of the memory node; its view must be on."),
    Parameter("robot", _PLANNER.robot, "Full name of the node that offers ~/skill."),
    Parameter("navigate", _PLANNER.navigate, "NavigateToPose action for moves; skills when empty."),
    Parameter("frame", _PLANNER.frame, "Frame of those goals."),
    Parameter("max_steps", _PLANNER.max_steps, "Most skills for one goal.", 1, 100_000),
    Parameter("skill_timeout", _PLANNER.skill_timeout, "Longest for a skill [s].", 0.1, 3600.0),
    Parameter("image_timeout", _PLANNER.image_timeout, "Then until an image [s].", 0.1, 3600.0),
)

_SIM = SimNodeConfig()
SIM_PARAMETERS = (
    Parameter("sim", "", "YAML file of the simulator; defaults when empty."),
    _AUTOSTART,
    Parameter("rate", _SIM.rate, "Images a second [Hz].", 0.1, 60.0),
    Parameter("navigate", _SIM.navigate, "NavigateToPose action to offer; none when empty."),
    Parameter("topics.color", _SIM.topics.color, "Colour images."),
    Parameter("topics.depth", _SIM.topics.depth, "Depth images."),
    Parameter("topics.camera_info", _SIM.topics.camera_info, "Calibration."),
    Parameter("topics.masks", _SIM.topics.masks, "Instance masks."),
    Parameter("topics.skill_results", _SIM.topics.skill_results, "What the hand did."),
    *_FRAME_PARAMETERS,
)

_TRACKER = TrackerNodeConfig()
TRACKER_PARAMETERS = (
    Parameter("color", _TRACKER.color, "Images."),
    Parameter("annotations", _TRACKER.annotations, "LabelledMasks of what to follow."),
    _AUTOSTART,
    Parameter("reliable", _TRACKER.reliable, "Whether images are asked for reliably."),
    Parameter("weights", "", "Of the tracker; the package's own when empty."),
    Parameter("device", _TRACKER.device, "cpu, cuda, ..."),
    Parameter("tracker", "", "YAML file of how objects are followed; defaults when empty."),
    Parameter("history", _TRACKER.history, "Images kept for masks that come late.", 1, 1000),
    Parameter("sync_slop", _TRACKER.sync_slop, "Most that stamps may differ [s].", 0.0, 1.0),
    Parameter("diagnostics_period", _TRACKER.diagnostics_period, "In between [s].", 0.1, 60.0),
)

_POLICY = PolicyNodeConfig()
POLICY_PARAMETERS = (
    Parameter("weights", "", "Of the policy."),
    Parameter("instruction", "", "One of those that it was trained on."),
    _AUTOSTART,
    Parameter("device", _POLICY.device, "cpu, cuda, ..."),
    Parameter("executed", _POLICY.executed, "Actions of a chunk that are done.", 1, 1000),
    Parameter("image", _POLICY.image, "What is seen."),
    Parameter("state", _POLICY.state, "JointState: the robot's own state."),
    Parameter("reliable", _POLICY.reliable, "Whether images are asked for reliably."),
    Parameter("sync_slop", _POLICY.sync_slop, "Most that stamps may differ [s].", 0.0, 1.0),
    Parameter("rate", _POLICY.rate, "Actions a second [Hz].", 0.1, 1000.0),
    Parameter("late", _POLICY.late, "From an image to its action, else a stop [s].", 0.01, 60.0),
    Parameter("diagnostics_period", _POLICY.diagnostics_period, "In between [s].", 0.1, 60.0),
)


def config_of(
    kind: type[ConfigType],
    values: Mapping[str, Value],
    *,
    files: Mapping[str, type[Config]],
    name: str,
    namespace: str,
) -> ConfigType:
    """Build a node's config from its parameters.

    Args:
        kind: Type of the config.
        values: Every parameter by its name.
        files: Parameters that name a YAML file, and what is in it; defaults where that is empty.
        name: Of the node.
        namespace: Of the node.

    Raises:
        ConfigError: A value does not fit, or a file cannot be read.
    """
    fields: dict[str, Any] = {"name": name, "namespace": namespace}
    for parameter, value in values.items():
        group, dot, field = parameter.rpartition(".")
        if dot:
            fields.setdefault(group, {})[field] = value
        else:
            fields[field] = value
    fields.pop("autostart", None)
    paths = {parameter: str(fields.pop(parameter)) for parameter in files}
    try:
        config = msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"these parameters do not fit: {error}.") from error
    read: dict[str, Config] = {}
    for parameter, path in paths.items():
        if path and not Path(path).is_file():
            raise ConfigError(f"parameter `{parameter}`: there is no file {path}.")
        if path:
            read[parameter] = load_config(path, files[parameter])
    return msgspec.structs.replace(config, **read)
