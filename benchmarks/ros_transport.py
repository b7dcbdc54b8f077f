"""RGB-D at 30 Hz between two processes over DDS, and from a message to memory.

    python -m benchmarks.ros_transport images --seconds 60 --qos sensor
    python -m benchmarks.ros_transport memory --frames 200

`images` sends colour (rgb8) and depth (16UC1) of 640x480 on the loopback and tells what was lost,
how late messages came (their stamps are the wall clock), and the CPU time of each message on either
side. `memory` takes frames of the simulator, 640x480 with its instance masks, through the memory
node, and tells the time from a message's arrival to memory.
"""

import argparse
import secrets
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np

from ros_nodes.dds.transport import DdsTransport
from ros_nodes.stamps import header_values, nanoseconds
from ros_nodes.transport import EVENTS, SENSOR, Qos

WIDTH, HEIGHT, RATE = 640, 480, 30
IMAGE = "sensor_msgs/msg/Image"
PROFILES = {"sensor": SENSOR, "reliable": Qos(depth=10)}
LAYOUTS = {"color": ("rgb8", 3), "depth": ("16UC1", 2)}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["images", "memory", "publish"])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--qos", choices=sorted(PROFILES), default="sensor")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--domain", type=int, default=20 + secrets.randbelow(80))
    options = parser.parse_args()
    match options.what:
        case "images":
            receive(options.seconds, options.qos, options.domain)
        case "publish":
            publish(options.seconds, options.qos, options.domain)
        case _:
            to_memory(options.frames)


def publish(seconds: float, qos: str, domain: int) -> None:
    """Wait for a reader, send, and tell the CPU time."""
    node = DdsTransport("/camera", domain=domain, interface="lo")
    send = {name: node.advertise(f"/camera/{name}", IMAGE, PROFILES[qos]) for name in LAYOUTS}
    ready = []
    node.subscribe("/go", "std_msgs/msg/Empty", ready.append, EVENTS)
    while not ready:
        node.spin_once(0.05)
    blank = {name: _blank(*layout) for name, layout in LAYOUTS.items()}
    count, begin, cpu = round(seconds * RATE), time.monotonic(), time.process_time()
    for number in range(count):
        time.sleep(max(begin + number / RATE - time.monotonic(), 0))
        header = header_values(time.time_ns(), str(number))
        for name, fields in blank.items():
            send[name]({**fields, "header": header})
    each = 1000 * (time.process_time() - cpu) / (2 * count)
    late = time.monotonic() - begin - (count - 1) / RATE
    print(f"sent {count} of each, the last {1000 * late:.0f} ms late; CPU {each:.2f} ms a message")
    time.sleep(1)


def receive(seconds: float, qos: str, domain: int) -> None:
    """Start the publisher, receive, and print the table."""
    words = ["publish", "--seconds", str(seconds), "--qos", qos, "--domain", str(domain)]
    peer = subprocess.Popen([sys.executable, "-m", "benchmarks.ros_transport", *words])
    node = DdsTransport("/listener", domain=domain, interface="lo")
    ages: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    for name, late in ages.items():
        node.subscribe(f"/camera/{name}", IMAGE, lambda m, late=late: _note(m, late), PROFILES[qos])
    go = node.advertise("/go", "std_msgs/msg/Empty", EVENTS)
    while not any(ages.values()):
        node.spin_once(0.1)
        if all(reader.matches() for reader, _, _ in node._readers):  # noqa: SLF001
            go({})
    cpu = time.process_time()
    while peer.poll() is None:
        node.spin_once(0.05)
    received = sum(map(len, ages.values()))
    each = 1000 * (time.process_time() - cpu) / max(received, 1)
    count = round(seconds * RATE)
    print("| topic | QoS | sent | received | late ms: median, 95 %, most |\n|---|---|---|---|---|")
    for name, late in ages.items():
        median, p95 = np.percentile(late, [50, 95])
        print(
            f"| {name} | {qos} | {count} | {len(late)} | {median:.1f}, {p95:.1f}, {max(late):.1f} |"
        )
    print(f"CPU {each:.2f} ms a message received")


def to_memory(count: int) -> None:
    """Take frames of a turning robot through the node."""
    from embodied_mem.app.build import AgentConfig
    from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
    from embodied_mem.backends.household.house_source import HouseSource
    from embodied_mem.memory import Memory
    from embodied_mem.types import Action
    from ros_nodes.bag import BagTransport
    from ros_nodes.memory_config import FramesConfig, MemoryNodeConfig, TopicsConfig
    from ros_nodes.messages import interfaces
    from ros_nodes.node_core import MemoryNode
    from ros_nodes.robot_messages import CLOCK_START, MASKS, frame_messages, static_messages
    from ros_nodes.worker import InlineWorker

    topics, frames, types = TopicsConfig(masks=MASKS), FramesConfig(), interfaces()
    transport = BagTransport()
    node = MemoryNode(
        MemoryNodeConfig(topics=topics, agent=AgentConfig()), transport, InlineWorker(), Memory()
    )
    node.activate()
    walls, cpus = [], []
    house = HouseSource(seed=3, rooms=3)
    with HouseholdSim(HouseholdSimConfig(house=house, width=WIDTH, height=HEIGHT)) as sim:
        step = sim.reset()
        still = static_messages(frames, CLOCK_START)
        transport.receive(
            still.topic, types.encode(types.make(still.typename, still.values), still.typename)
        )
        for number in range(count):
            frame = replace(step.frame, stamp=CLOCK_START + number / RATE)
            messages = [
                (m, types.encode(types.make(m.typename, m.values), m.typename))
                for m in frame_messages(frame, topics, frames)
            ]
            wall, cpu = time.perf_counter(), time.process_time()
            for message, data in messages:
                if message.topic != "/odom":  # Memory takes the pose from the transforms.
                    transport.receive(message.topic, data)
            walls.append(1000 * (time.perf_counter() - wall))
            cpus.append(1000 * (time.process_time() - cpu))
            step = sim.step(Action(name="MoveAhead" if number % 5 else "RotateRight"))
    print(f"{node.memory.frame} images to memory, {len(node.memory)} objects")
    for name, figures in (("wall", walls), ("CPU", cpus)):
        median, p95 = np.percentile(figures, [50, 95])
        print(
            f"{name}: median {median:.1f} ms, 95 % {p95:.1f} ms, decoding and publishing included"
        )


def _blank(encoding: str, size: int) -> dict[str, object]:
    data = np.zeros(WIDTH * HEIGHT * size, np.uint8)
    step = WIDTH * size
    return {"height": HEIGHT, "width": WIDTH, "encoding": encoding, "step": step, "data": data}


def _note(message: object, late: list[float]) -> None:
    late.append((time.time_ns() - nanoseconds(message.header.stamp)) / 1e6)  # pyright: ignore[reportAttributeAccessIssue]


if __name__ == "__main__":
    main()
