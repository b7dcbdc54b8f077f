"""A process that, for each line on its input, forks a writer that writes until it is killed.

A line is `FOLDER`. The answer is the writer's pid, then the number of each acknowledged write.
"""

import os
import sys
from pathlib import Path

import numpy as np

from embodied_mem.memory import Memory
from embodied_mem.memory.memory import MemoryConfig
from embodied_mem.memory.store import StoreConfig
from embodied_mem.types import Camera, Frame, Percept

SEEN = 3


def percept(number: int) -> Percept:
    """Return a view of three mugs whose places follow from the number."""
    centers = np.array([[2.0, k, 0.5] for k in range(SEEN)])
    steps = np.linspace(-0.05, 0.05, 5)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    points = tuple((center + cube).astype(np.float32) for center in centers)
    masks = np.zeros((SEEN, 20, 20), bool)
    masks[:, 5:12, 5:12] = True
    return Percept(
        frame=Frame(
            stamp=float(number),
            rgb=np.zeros((20, 20, 3), np.uint8),
            camera=Camera.from_fov(20, 20, 1.5),
        ),
        masks=masks,
        labels=("Mug",) * SEEN,
        scores=np.full(SEEN, 0.9),
        features=np.ones((SEEN, 1), np.float32),
        points=points,
        boxes=np.array([[p.min(axis=0), p.max(axis=0)] for p in points]),
        attributes=({"filled": number % 2 == 0},) * SEEN,
    )


def write_until_killed(folder: Path) -> None:
    config = MemoryConfig(store=StoreConfig(pack_after=4))
    with Memory.open(folder, config) as memory:
        while True:
            memory.write(percept(memory.frame + 1))
            os.write(1, b"%d\n" % memory.frame)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            write_until_killed(Path(line.strip()))
        os.write(1, b"pid %d\n" % child)
        os.waitpid(child, 0)
        os.write(1, b"dead\n")


if __name__ == "__main__":
    main()
