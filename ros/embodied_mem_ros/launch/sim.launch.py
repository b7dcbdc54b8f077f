"""Start the simulated robot: `ros2 launch embodied_mem_ros sim.launch.py`."""

from embodied_mem_ros.launching import launched
from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Return the node and its arguments."""
    return launched(
        executable="sim_node",
        name="sim",
        params="sim.yaml",
        texts={"sim": "YAML file of the simulator."},
    )
