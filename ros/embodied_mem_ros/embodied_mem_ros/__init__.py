"""The nodes of embodied-mem under ROS 2."""
