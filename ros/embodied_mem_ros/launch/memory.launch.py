"""Start the memory node: `ros2 launch embodied_mem_ros memory.launch.py store:=home.mem`."""

from embodied_mem_ros.launching import launched
from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Return the node and its arguments."""
    return launched(
        executable="memory_node",
        name="embodied_mem",
        params="memory.yaml",
        texts={"store": "Folder of the memory."},
    )
