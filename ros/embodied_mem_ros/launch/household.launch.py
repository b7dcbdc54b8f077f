"""A simulated robot, memory and planner: `ros2 launch embodied_mem_ros household.launch.py`.

Then `ros2 action send_goal -f /planner/pursue embodied_mem_msgs/action/Pursue
"{goal: put a book on the bed}"`.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue

_NAVIGATE = "/navigate_to_pose"


def generate_launch_description() -> LaunchDescription:
    """Return the three nodes and their arguments."""
    store = ParameterValue(LaunchConfiguration("store"), value_type=str)
    arguments = [
        DeclareLaunchArgument("store", default_value="household.mem", description="Folder."),
        DeclareLaunchArgument("sim", default_value="", description="YAML file of the simulator."),
    ]
    sim = ParameterValue(LaunchConfiguration("sim"), value_type=str)
    seen = {"view": True, "topics.masks": "/camera/instances", "topics.reliable": True}
    return LaunchDescription(
        [
            *arguments,
            _node("sim", "sim_node", {"sim": sim, "navigate": _NAVIGATE}),
            _node("embodied_mem", "memory_node", {"store": store, **seen}),
            _node("planner", "planner_node", {"store": store, "navigate": _NAVIGATE}, clock=True),
        ]
    )


def _node(
    name: str, executable: str, parameters: dict[str, object], *, clock: bool = False
) -> LifecycleNode:
    return LifecycleNode(
        package="embodied_mem_ros",
        executable=executable,
        name=name,
        namespace="",
        output="screen",
        parameters=[{**parameters, "autostart": True, "use_sim_time": clock}],
    )
