"""A real writer is killed 50 times in the middle of its work; nothing acknowledged is lost."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from embodied_mem.memory import Memory
from embodied_mem.memory.tensors import segment_name

KILLS = 50


def test_nothing_acknowledged_is_lost_to_fifty_kills(tmp_path: Path):
    folder = tmp_path / "memory"
    rng = np.random.default_rng(0)
    script = Path(__file__).with_name("killed_writer.py")
    server = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    total = 0
    with server:
        for _ in range(KILLS):
            total = killed_once(server, folder, float(rng.uniform(0.0, 0.12)), total)
            with Memory.open(folder) as memory:
                check(memory, folder, total)
                total = memory.frame
        assert server.stdin is not None
        server.stdin.close()
    assert total > KILLS  # It did write between the kills.


def killed_once(server: subprocess.Popen[str], folder: Path, delay: float, before: int) -> int:
    """Let a writer run, kill it `delay` seconds after its first write; return the last it told."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{folder}\n")
    server.stdin.flush()
    acknowledged, timer = before, None
    for line in server.stdout:
        if line.startswith("pid"):
            pid = int(line.split()[1])
            timer = threading.Timer(0.02 + delay, os.kill, (pid, signal.SIGKILL))
            timer.start()
        elif line.startswith("dead"):
            break
        else:
            acknowledged = int(line)
    assert timer is not None
    timer.join()
    return acknowledged


def check(memory: Memory, folder: Path, acknowledged: int) -> None:
    """The memory is that after some write, at most one beyond the last acknowledged."""
    assert acknowledged <= memory.frame <= acknowledged + 1
    if memory.frame:
        assert sorted(memory.objects.entries) == ["mug_1", "mug_2", "mug_3"]
        for known in memory.known():
            assert known.sightings == memory.frame
            assert known.attributes == {"filled": memory.frame % 2 == 0}
            assert memory.where(known.object_id).frame == memory.frame
            assert len(memory.objects[known.object_id].keys) > 0
    store = memory._store
    assert store is not None
    rows = store._database.execute("SELECT number FROM segments WHERE data IS NULL").fetchall()
    files = {path.name for path in (folder / "tensors").iterdir()}
    assert files == {segment_name(number) for (number,) in rows}
