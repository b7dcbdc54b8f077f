"""The policy `embodied_mem` for LeRobot, which imports this package when it starts."""

from lerobot_policy_embodied_mem.configuration_embodied_mem import (
    EmbodiedMemConfig as EmbodiedMemConfig,
)
