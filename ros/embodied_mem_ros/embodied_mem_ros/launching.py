"""What the launch files of single nodes share; they are read by people, and copied."""

from collections.abc import Mapping

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare


def launched(
    *, executable: str, name: str, params: str, texts: Mapping[str, str]
) -> LaunchDescription:
    """Return one node and its launch arguments.

    Args:
        executable: Of this package.
        name: Of the node.
        params: File of the folder `config`, unless the argument `params` names another.
        texts: Parameters that are launch arguments, too, with what they are. One that is not given
            leaves the value of the YAML file.
    """

    def node(context: LaunchContext) -> list[LifecycleNode]:
        values = {text: LaunchConfiguration(text).perform(context) for text in texts}
        given = {text: ParameterValue(v, value_type=str) for text, v in values.items() if v}
        flags = {flag: _flag(flag) for flag in ("autostart", "use_sim_time")}
        return [
            LifecycleNode(
                package="embodied_mem_ros",
                executable=executable,
                name=name,
                namespace=LaunchConfiguration("namespace"),
                output="screen",
                parameters=[LaunchConfiguration("params"), {**given, **flags}],
            )
        ]

    config = PathJoinSubstitution([FindPackageShare("embodied_mem_ros"), "config", params])
    arguments = [
        DeclareLaunchArgument("namespace", default_value="", description="Of the robot."),
        DeclareLaunchArgument(
            "params", default_value=config, description="YAML file of parameters."
        ),
        *(DeclareLaunchArgument(t, default_value="", description=d) for t, d in texts.items()),
        DeclareLaunchArgument(
            "autostart", default_value="true", description="Whether to configure and activate."
        ),
        DeclareLaunchArgument("use_sim_time", default_value="false", description="Use /clock."),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=node)])


def _flag(argument: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(argument), value_type=bool)
