"""A run's learning curve in trackio's local store, as it grows. Nothing leaves the machine.

trackio lives in a process of its own: there it is offline, whatever the environment says, and
training goes on without it if it fails.
"""

import io
import json
import logging
import os
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from embodied_mem.errors import BackendError, MissingExtraError
from embodied_mem.runtime.remote import Remote

PROJECT = "embodied-mem"
"""What trackio files runs under."""

_LEADS_AWAY = ("SPACE_ID", "SERVER_URL", "BUCKET_ID", "DATASET_ID", "WEBHOOK_URL")
"""Variables of trackio's by which it would send what it is told."""

_log = logging.getLogger(__name__)


class TrackedCurve:
    """Passes on every line of a learning curve.

    Args:
        curve: File of JSON lines, each with its `step`; may be there already.
        name: Of the run.

    Raises:
        BackendError: trackio is not installed, or does not start.
    """

    def __init__(self, curve: Path, name: str) -> None:
        self._curve, self._read = curve, 0
        self._remote: Remote | None = Remote(partial(LocalRun, name), "trackio")
        try:
            self._ask("log", [])
        except BackendError:
            self._remote.close()
            raise

    def follow(self) -> None:
        """Pass on the lines that are new; without trackio, warn once and go on."""
        with self._curve.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        try:
            self._ask("log", [json.loads(line) for line in whole.splitlines()])
        except BackendError as error:
            _log.warning("the run is no longer tracked: %s", error)
            self._end()

    def close(self) -> None:
        """Pass on what is left, and end the run."""
        self.follow()
        try:
            self._ask("finish")
        except BackendError as error:
            _log.warning("the run was not tracked to its end: %s", error)
        self._end()

    def _ask(self, method: str, *arguments: object) -> None:
        if self._remote is not None:
            self._remote.ask(method, *arguments)
            self._remote.answer()

    def _end(self) -> None:
        if self._remote is not None:
            self._remote.close()
            self._remote = None


class LocalRun:
    """A run in trackio's store on this machine; to be built in a process of its own."""

    def __init__(self, name: str) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"  # Or it would ask whose account this is.
        for variable in _LEADS_AWAY:
            os.environ.pop(f"TRACKIO_{variable}", None)
        try:
            import trackio  # noqa: PLC0415 # pyright: ignore[reportMissingImports] - an extra.
        except ImportError as error:
            raise MissingExtraError("tracking a run with trackio", "train") from error
        with redirect_stdout(io.StringIO()):
            self._run: Any = trackio.init(
                project=PROJECT, name=name, embed=False, auto_log_gpu=False, auto_log_cpu=False
            )

    def log(self, rows: list[dict[str, float]]) -> None:
        """Take in lines of a curve."""
        for row in rows:
            numbers = {name: number for name, number in row.items() if name != "step"}
            self._run.log(numbers, step=int(row["step"]))

    def finish(self) -> None:
        """Write what is still held."""
        with redirect_stdout(io.StringIO()):
            self._run.finish()
