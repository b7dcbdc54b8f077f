"""Start the planner node beside a memory node: `ros2 launch embodied_mem_ros planner.launch.py`."""

from embodied_mem_ros.launching import launched
from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Return the node and its arguments."""
    return launched(
        executable="planner_node",
        name="planner",
        params="planner.yaml",
        texts={"store": "Folder of memory."},
    )
