"""A real HTTP server on the loopback that serves one file, well or badly."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does with the next requests."""

    content: bytes
    stop_after: int | None = None
    """Bytes of the file that are sent before the connection is closed."""
    stall_after: int | None = None
    """Bytes of the file that are sent before the server falls silent."""
    ranges: bool = True
    """Whether a part can be asked for."""
    status: int = 200
    redirect: str | None = None
    asked: list[str | None] = field(default_factory=list)
    """The range of each request."""
    resume: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve_file(behaviour: Behaviour) -> Iterator[str]:
    """Serve the file at the URL that is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, behaviour)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tiny.pth"
    finally:
        behaviour.resume.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, behaviour: Behaviour) -> None:
    wanted = handler.headers.get("Range")
    behaviour.asked.append(wanted)
    if behaviour.redirect is not None:
        handler.send_response(302)
        handler.send_header("Location", behaviour.redirect)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    if behaviour.status != 200:
        handler.send_error(behaviour.status)
        return
    start = 0
    if behaviour.ranges and wanted is not None:
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # pyright: ignore[reportOptionalSubscript]
        if start >= len(behaviour.content):
            handler.send_error(416)
            return
    body = behaviour.content[start:]
    handler.send_response(206 if start else 200)
    if start:
        end = len(behaviour.content)
        handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    stop = min(filter(None, (behaviour.stop_after, behaviour.stall_after, len(body))))
    handler.wfile.write(body[:stop])
    handler.wfile.flush()
    if behaviour.stall_after is not None:
        behaviour.resume.wait(20)
    handler.close_connection = True
