"""Two workers of a Ray cluster against one: how much faster, and whether the memories are equal.

    python benchmarks/video_ray.py --minutes 30

Films a generated video of some length, has it taken in by a cluster with one worker and by one with
two, each worker and the one who writes on one thread, and by this process alone. The cluster is two
nodes on the loopback. Prints the times and the ratio, and compares the three memories row by row
and picture by picture.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from embodied_mem.app.cli import execute
from embodied_mem.app.video_commands import Video, VideoRemember
from embodied_mem.video.scripted import draw_script, write_film

ROOT = Path(__file__).parents[1]
STORE = 300 * 2**20
"""What Ray may take for the objects of a node [bytes]."""


def main() -> None:
    """Film, take in three times, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--chunk", type=float, default=300, help="length of a chunk [s]")
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--video", help="take in this video instead of a generated one")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    os.environ["PYTHONPATH"] = f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from films import content

    folder = Path(tempfile.mkdtemp(prefix="video-ray-"))
    try:
        film = arguments.video or str(_film(folder / "film.mp4", 60 * arguments.minutes))
        config = folder / "chunks.yaml"
        config.write_text(f"chunks:\n  seconds: {arguments.chunk}\n")
        task = VideoRemember(
            sources=(film,), store=str(folder / "here"), config=str(config), rate=arguments.rate
        )
        seconds = {"here": _timed(task)}
        for workers in (1, 2):
            seconds[f"{workers} workers"] = _on_cluster(task, folder, workers)
        rows = {path: content(folder / path) for path in ("here", "1", "2")}
        for name, took in seconds.items():
            print(f"{name}: {took:.1f} s")
        print(f"two workers against one: {seconds['1 workers'] / seconds['2 workers']:.2f}")
        print(f"equal: {rows['here'] == rows['1'] == rows['2']}")
    finally:
        shutil.rmtree(folder)


def _film(path: Path, seconds: float) -> Path:
    script = draw_script(seconds, every=20.0, shown=4.0)
    write_film(path, script, rate=10, width=640, height=480)
    return path


def _on_cluster(task: VideoRemember, folder: Path, workers: int) -> float:
    """Return how long a cluster with so many workers takes, once they are there [s]."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    for number in range(workers):
        cluster.add_node(
            num_cpus=1,
            object_store_memory=STORE,
            node_ip_address=f"127.0.0.{number + 2}",
            include_dashboard=False,
        )
    try:
        values = {name: getattr(task, name) for name in task.__struct_fields__}
        values |= {"store": str(folder / str(workers)), "ray": cluster.address}
        return _timed(VideoRemember(**values))
    finally:
        cluster.shutdown()


def _timed(task: VideoRemember) -> float:
    began = time.monotonic()
    if execute(Video(task=task)) != 0:
        raise SystemExit("the video could not be taken in")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
