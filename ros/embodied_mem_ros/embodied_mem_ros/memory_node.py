"""`ros2 run embodied_mem_ros memory_node`."""

from ros_nodes.rclpy_transport import main

if __name__ == "__main__":
    main()
