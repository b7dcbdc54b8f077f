"""The memory of embodied-mem as a ROS 2 node."""
