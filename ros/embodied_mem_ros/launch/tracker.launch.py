"""Start the tracker node: `ros2 launch embodied_mem_ros tracker.launch.py`."""

from embodied_mem_ros.launching import launched
from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Return the node and its arguments."""
    return launched(
        executable="tracker_node",
        name="tracker",
        params="tracker.yaml",
        texts={"weights": "Of the tracker."},
    )
