"""Start the simulated robot: `ros2 launch embodied_mem_ros sim.launch.py`."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Return the node and its arguments."""
    package = FindPackageShare("embodied_mem_ros")
    arguments = [
        DeclareLaunchArgument("namespace", default_value="", description="Of the robot."),
        DeclareLaunchArgument(
            "params",
            default_value=PathJoinSubstitution([package, "config", "sim.yaml"]),
            description="YAML file of parameters.",
        ),
        DeclareLaunchArgument("sim", default_value="", description="YAML file of the simulator."),
        DeclareLaunchArgument(
            "autostart", default_value="true", description="Whether to configure and activate."
        ),
        DeclareLaunchArgument("use_sim_time", default_value="false", description="Use /clock."),
    ]
    node = LifecycleNode(
        package="embodied_mem_ros",
        executable="sim_node",
        name="sim",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[
            LaunchConfiguration("params"),
            {
                "sim": ParameterValue(LaunchConfiguration("sim"), value_type=str),
                "autostart": ParameterValue(LaunchConfiguration("autostart"), value_type=bool),
                "use_sim_time": ParameterValue(
                    LaunchConfiguration("use_sim_time"), value_type=bool
                ),
            },
        ],
    )
    return LaunchDescription([*arguments, node])
