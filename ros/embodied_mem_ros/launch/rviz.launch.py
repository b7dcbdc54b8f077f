"""Show what memory knows: `ros2 launch embodied_mem_ros rviz.launch.py`."""

from launch import LaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Return RViz with our view."""
    view = PathJoinSubstitution([FindPackageShare("embodied_mem_ros"), "config", "memory.rviz"])
    return LaunchDescription(
        [Node(package="rviz2", executable="rviz2", arguments=["-d", view], output="screen")]
    )
