"""A very long video through the tracker: is it bounded?

    python benchmarks/video_stream.py [--frames 100000] [--size 32] [--out FILE.jsonl]

Small frames of noise with two objects, one of which is taken away and given anew every 5,000
frames. After each thousand: resident size and CPU time per frame. The end compares the first tenth
after warming up with the last: both have to be flat.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from embodied_mem.memory.feature_config import FeatureStoreConfig
from perception.xmem.drawn_weights import drawn_weights
from perception.xmem.loading import build_network
from perception.xmem.network import XMem
from perception.xmem.tracker import ObjectTracker
from perception.xmem.tracker_config import TrackerConfig

_BLOCK = 1000
"""Frames between two lines."""
_WARM = 5
"""Blocks before the first tenth: the long-term memory fills."""
_FLAT = 0.02
"""Growth of the resident size that counts as flat."""


def resident() -> float:
    """Return the resident size of this process [MiB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def masks(size: int, *objects: int) -> np.ndarray:
    """Return an id mask with a stripe for each object."""
    ids = np.zeros((size, size), np.int64)
    for object_id in objects:
        ids[:, 10 * object_id : 10 * object_id + 6] = object_id
    return ids


def stream(frames: int, size: int, out: Path | None) -> list[dict[str, float]]:
    """Track, and return what was measured after each block."""
    shapes = {name: tensor.shape for name, tensor in XMem().state_dict().items()}
    network = build_network(drawn_weights(shapes)).prepare()
    memory = FeatureStoreConfig(max_long_term=2000, prototypes=16, max_work_frames=10)
    tracker = ObjectTracker(network, TrackerConfig(memory=memory))
    random, lines = np.random.default_rng(0), []
    began = time.process_time()
    for number in range(frames):
        image = random.integers(0, 256, (size, size, 3), dtype=np.uint8)
        given = masks(size, 1, 2) if number == 0 else None
        if number % 5000 == 2500:
            tracker.remove([2])
        if number % 5000 == 3000:
            given = masks(size, 2)
        tracker.step(image, given)
        if (number + 1) % _BLOCK == 0:
            spent = (time.process_time() - began) / _BLOCK
            began = time.process_time()
            line = {
                "frames": number + 1,
                "resident_mib": round(resident(), 1),
                "ms": round(1000 * spent, 2),
                "long_term": tracker.memory.long_size,
            }
            lines.append(line)
            print(line, flush=True)
            if out is not None:
                with out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    return lines


def verdict(lines: list[dict[str, float]]) -> bool:
    """Compare the first tenth with the last, and say so."""
    rest = lines[_WARM:]
    tenth = max(1, len(rest) // 10)
    first, last = rest[:tenth], rest[-tenth:]
    means = {
        name: [float(np.median([line[name] for line in part])) for part in (first, last)]
        for name in ("resident_mib", "ms")
    }
    for name, (before, after) in means.items():
        print(f"{name}: {before:.1f} at first, {after:.1f} at last, ratio {after / before:.3f}")
    before, after = means["resident_mib"]
    return after / before < 1 + _FLAT


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    flat = verdict(stream(arguments.frames, arguments.size, arguments.out))
    print("PASS" if flat else "FAIL")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
