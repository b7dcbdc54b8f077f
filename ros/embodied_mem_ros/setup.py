"""Installs the nodes beside their launch files; they come with the pip package embodied-mem."""

from glob import glob

from setuptools import setup

NAME = "embodied_mem_ros"

setup(
    name=NAME,
    version="0.1.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", sorted(glob("launch/*.launch.py"))),  # noqa: PTH207
        (f"share/{NAME}/config", sorted(glob("config/*"))),  # noqa: PTH207
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="embodied-mem contributors",
    maintainer_email="embodied-mem@users.noreply.github.com",
    description="The nodes of embodied-mem as ROS 2 lifecycle nodes.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "memory_node = ros_nodes.rclpy_nodes:memory",
            "planner_node = ros_nodes.rclpy_nodes:planner",
            "policy_node = ros_nodes.rclpy_nodes:policy",
            "sim_node = ros_nodes.rclpy_nodes:sim",
            "tracker_node = ros_nodes.rclpy_nodes:tracker",
        ]
    },
)
