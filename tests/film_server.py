"""Films taken in by a process of its own, which may be killed meanwhile."""

import os
import signal
import subprocess
import sys
from pathlib import Path


def server(*arguments: str) -> subprocess.Popen[str]:
    """Return a process that takes films in, in children of its own."""
    script = Path(__file__).parent / "perception" / "killed_intake.py"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )


def run(process: subprocess.Popen[str], film: Path, folder: Path, kill_at: float | None) -> int:
    """Have a film taken in; kill the process when it is so far [s]. Returns how it ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{film} {folder}\n")
    process.stdin.flush()
    pid = 0
    for line in process.stdout:
        word, number = line.split()
        if word == "pid":
            pid = int(number)
        elif word == "at" and kill_at is not None and float(number) >= kill_at:
            os.kill(pid, signal.SIGKILL)
            kill_at = None
        elif word == "dead":
            return int(number)
    raise AssertionError("the server ended")
