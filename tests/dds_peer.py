"""Another node, in a process of its own: `python dds_peer.py DOMAIN NAME`.

It latches a state, answers `/peer/echo`, and streams RGB-D when told to on stdin.
"""

import os
import sys
import threading
import time
from queue import Empty, SimpleQueue

import numpy as np

from ros_nodes.actions import Act, Pursued
from ros_nodes.dds.transport import DdsTransport
from ros_nodes.stamps import header_values
from ros_nodes.transport import EVENTS, STATE, Qos

IMAGE = "sensor_msgs/msg/Image"
COLOR, DEPTH = "/peer/color", "/peer/depth"
IMAGES = Qos(depth=100)


def main() -> None:
    """Run until stdin ends."""
    peer = DdsTransport(sys.argv[2], domain=int(sys.argv[1]), interface="lo")
    state = peer.advertise("~/state", "std_msgs/msg/String", STATE)
    state({"data": "old"})
    state({"data": f"pid {os.getpid()}"})
    peer.serve("~/echo", "std_srvs/srv/SetBool", lambda request: {"success": request.data})
    shy = peer.advertise("~/best_effort", "std_msgs/msg/String", Qos(reliable=False))
    text = peer.advertise("~/text", "std_msgs/msg/String", EVENTS)
    color = peer.advertise(COLOR, IMAGE, IMAGES)
    depth = peer.advertise(DEPTH, IMAGE, IMAGES)
    goals: list[Pursued] = []
    act = Act(
        accept=lambda request: request.text != "no",
        begin=goals.append,
        cancel=lambda goal: goal.canceled({"message": "given up"}) or True,
    )
    peer.serve_action("~/ask", "embodied_mem_msgs/action/Ask", act)
    peer.every(0.05, lambda: advance(goals))
    print("ready", flush=True)
    orders: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=lambda: [orders.put(line) for line in sys.stdin], daemon=True).start()
    while True:
        peer.spin_once(0.02)
        try:
            order = orders.get_nowait().split()
        except Empty:
            continue
        match order:
            case ["images", count]:
                stream(peer, color, depth, int(count))
            case ["text", word]:
                text({"data": word})
                shy({"data": word})
            case ["garbage"]:
                peer._writers[2].write(b"\x00\x01\x00\x00\xff\xff\xff\x7fab")
            case ["exit"]:
                os._exit(0)


def advance(goals: list[Pursued]) -> None:
    """Tell of goals, and end those that are to end."""
    for goal in tuple(goals):
        goal.feedback({"partial": goal.request.text})
        if goal.request.text != "wait" or goal.is_cancelling:
            goals.remove(goal)
            goal.succeed({"message": f"heard {goal.request.text}"})


def stream(peer: DdsTransport, color, depth, count: int) -> None:
    """Publish RGB-D, 640x480 at 30 Hz, stamped with the wall clock."""
    rgb = {"height": 480, "width": 640, "encoding": "rgb8", "step": 1920}
    rgb["data"] = np.zeros(640 * 480 * 3, np.uint8)
    metres = {"height": 480, "width": 640, "encoding": "16UC1", "step": 1280}
    metres["data"] = np.zeros(640 * 480 * 2, np.uint8)
    begin = time.monotonic()
    for number in range(count):
        while time.monotonic() < begin + number / 30:
            peer.spin_once(0.002)
        header = header_values(time.time_ns(), str(number))
        color({**rgb, "header": header})
        depth({**metres, "header": header})
    print(f"sent {count}", flush=True)


if __name__ == "__main__":
    main()
