"""ROS 2's wire protocol over Cyclone DDS, without ROS."""
