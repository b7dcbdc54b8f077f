"""A chat-completions server on the loopback, for tests: it says what it is told to say."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes over the wire."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drip: float = 0.0
    """Pause between the bytes of the body [s]."""
    header_drip: float = 0.0
    """Pause between the bytes of the status line and headers [s]."""
    delay: float = 0.0
    """Pause before anything is sent [s]."""
    promised: int | None = None
    """Content-Length, where it is not the body's length."""


def completion(text: str | None, **more: Any) -> bytes:
    """Return the JSON of a chat completion."""
    usage = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    choice["message"] = {"role": "assistant", "content": text}
    return json.dumps({"id": "1", "choices": [choice], "usage": usage, **more}).encode()


def said(text: str) -> Reply:
    """Return a reply that holds a model's words."""
    return Reply(headers={"Content-Type": "application/json"}, body=completion(text))


@dataclass(frozen=True, slots=True)
class Request:
    """What came in."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        """What the user's turns say."""
        turns = (turn for turn in self.body["messages"] if turn["role"] == "user")
        return "\n\n".join(turn["content"] for turn in turns)


Script = Callable[[Request], Reply | str]


class LlmServer:
    """Answers each request with the next reply of a list (the last one again and again), or by a
    function; use it in a `with`."""

    def __init__(self, script: Script | Sequence[Reply | str]):
        self._script = script
        self.requests: list[Request] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                owner.answer(self, Request(self.path, dict(self.headers), body))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """The `base_url` of a client."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "LlmServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        """Send the next reply."""
        self.requests.append(request)
        if callable(self._script):
            reply = self._script(request)
        else:
            reply = self._script[min(len(self.requests), len(self._script)) - 1]
        reply = said(reply) if isinstance(reply, str) else reply
        with contextlib.suppress(OSError):  # The client may have hung up.
            self._send(handler, reply)

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        self.stopped.wait(reply.delay)
        length = len(reply.body) if reply.promised is None else reply.promised
        headers = {"Content-Length": str(length), "Connection": "close", **reply.headers}
        head = f"HTTP/1.1 {reply.status} Status\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        handler.close_connection = True
        self._trickle(handler, head.encode(), reply.header_drip)
        self._trickle(handler, reply.body, reply.drip)

    def _trickle(self, handler: BaseHTTPRequestHandler, data: bytes, pause: float) -> None:
        if not pause:
            handler.wfile.write(data)
            return
        for i in range(len(data)):
            if self.stopped.is_set():
                return
            handler.wfile.write(data[i : i + 1])
            handler.wfile.flush()
            time.sleep(pause)
