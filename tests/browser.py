"""A headless Chromium, driven over its DevTools protocol; nothing is downloaded."""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PATIENCE = 60.0
"""Longest wait for anything [s]."""


def find_browser() -> str | None:
    """Return the path of a browser of this machine; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a browser; use it in a `with`."""

    def __init__(self, executable: str, *, width: int = 1200, height: int = 900):
        """Remember what to start.

        Args:
            executable: The browser.
            width: Of its window [px].
            height: Of its window [px].
        """
        self._command = [
            executable, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-dev-shm-usage", "--disable-background-networking", "--mute-audio",
            "--remote-debugging-port=0", f"--window-size={width},{height}", "about:blank",
        ]  # fmt: skip
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        """Errors that the page caused, and what it asked of a network."""

    def __enter__(self) -> "Browser":
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [*self._command, f"--user-data-dir={self._home.name}"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
        self._socket = self._attach()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        self._home.cleanup()

    def open(self, page: Path) -> None:
        """Load a file and wait until it is there."""
        self._ask("Page.navigate", url=page.resolve().as_uri())
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Return what an expression is in the page, as JSON knows it."""
        reply = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true in the page."""
        until = time.monotonic() + _PATIENCE
        while not self.run(condition):
            assert time.monotonic() < until, f"never became true: {condition}"
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Press and let go the mouse in the middle of an element."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect(); "
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask(
                "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left",
                clickCount=1,
            )  # fmt: skip

    def write(self, selector: str, text: str) -> None:
        """Write into a field, as with a keyboard."""
        self.click(selector)
        self._ask("Input.insertText", text=text)

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))

    def _attach(self) -> ClientConnection:
        """Return a connection to the one page."""
        note = Path(self._home.name) / "DevToolsActivePort"
        until = time.monotonic() + _PATIENCE
        while not (note.is_file() and note.read_text().count("\n")):
            assert self._process.poll() is None, "the browser ended"
            assert time.monotonic() < until, "the browser does not listen"
            time.sleep(0.05)
        port, path = note.read_text().split()
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as whole:
            whole.send(json.dumps({"id": 0, "method": "Target.getTargets"}))
            targets = json.loads(whole.recv(_PATIENCE))["result"]["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        return connect(f"ws://127.0.0.1:{port}/devtools/page/{page}", max_size=None)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; note what the page complains of meanwhile."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv(_PATIENCE))
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        what = told.get("params", {})
        match told.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(str(what["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if what["type"] in {"error", "warning", "assert"}:
                self.complaints.append(str(what["args"]))
            case "Log.entryAdded" if what["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(what["entry"]["text"])
            case "Network.requestWillBeSent":
                url = what["request"]["url"]
                if not url.startswith(("file:", "data:", "about:")):
                    self.complaints.append(f"asked for {url}")
            case _:
                pass
