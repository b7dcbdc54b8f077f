"""Start the policy node: `ros2 launch embodied_mem_ros policy.launch.py`."""

from embodied_mem_ros.launching import launched
from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Return the node and its arguments."""
    return launched(
        executable="policy_node",
        name="policy",
        params="policy.yaml",
        texts={"weights": "Of the policy.", "instruction": "What to do."},
    )
