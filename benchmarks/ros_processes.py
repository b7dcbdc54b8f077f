"""Nodes as processes of their own, on the loopback."""

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from embodied_mem.config import Config, dump_config

_END = 60.0
"""Longest time for a node to end in order [s]."""


class NodeProcess:
    """`embodied-mem ros COMMAND`, which can be killed and started again. A context manager."""

    def __init__(self, command: str, config: Config, *, domain: int, folder: Path):
        """Start nothing yet.

        Args:
            command: `sim`, `join` or `plan`.
            config: The node's parameters.
            domain: DDS domain, on the loopback.
            folder: Where parameters and what it prints are kept.
        """
        params = folder / f"{command}.yaml"
        params.write_text(dump_config(config))
        self.command = command
        self._log = folder / f"{command}.log"
        self._words = [
            *(sys.executable, "-m", "embodied_mem", "ros", command, "--domain", str(domain)),
            *("--interface", "lo", "--params", str(params)),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        """How often it was started."""

    def __enter__(self) -> "NodeProcess":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Of the process.

        Raises:
            RuntimeError: It was not started.
        """
        if self._process is None:
            raise RuntimeError(f"{self.command} was not started")
        return self._process.pid

    @property
    def printed(self) -> str:
        """What it printed so far."""
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        """Start it; what it prints is appended to its log."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log)
        self.starts += 1

    def is_running(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def end(self) -> int:
        """Ask it to end in order and return its exit status; kill it where it does not."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
