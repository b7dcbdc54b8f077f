"""Times: ROS counts seconds and nanoseconds, memory seconds."""

from typing import Any

SECOND = 1_000_000_000
"""[ns]"""


def nanoseconds(time: Any) -> int:
    """Return a `builtin_interfaces/Time` as nanoseconds [ns]."""
    return int(time.sec) * SECOND + int(time.nanosec)


def seconds(time: Any) -> float:
    """Return a `builtin_interfaces/Time` as seconds [s]."""
    return nanoseconds(time) / SECOND


def to_nanoseconds(stamp: float) -> int:
    """Round seconds to nanoseconds."""
    return round(stamp * SECOND)


def time_values(stamp: float | int) -> dict[str, int]:
    """Return the fields of a `builtin_interfaces/Time`.

    Args:
        stamp: A float in seconds, or an int in nanoseconds.
    """
    count = stamp if isinstance(stamp, int) else to_nanoseconds(stamp)
    sec, nanosec = divmod(count, SECOND)
    return {"sec": sec, "nanosec": nanosec}


def header_values(stamp: float | int, frame_id: str) -> dict[str, Any]:
    """Return the fields of a `std_msgs/Header`."""
    return {"stamp": time_values(stamp), "frame_id": frame_id}
