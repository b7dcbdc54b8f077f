# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
"""The server as a process: how it starts, what it survives, and when it ends."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from embodied_mem.backends.household.server.fifo import FifoLink
from embodied_mem.backends.household.server.launcher import MODULE, write_launcher
from embodied_mem.backends.household.server.player import Player, PlayerConfig
from embodied_mem.backends.household.server.serve import serve
from embodied_mem.backends.household.server.wire import Field, FieldReader, Reply
from embodied_mem.errors import BackendError

Start = Callable[..., subprocess.Popen[bytes]]

CLIENT = """
import sys, time
from ai2thor.controller import Controller
from ai2thor.fifo_server import FifoServer
from ai2thor.wsgi_server import WsgiServer
controller = Controller(
    local_executable_path=sys.argv[1], x_display="0.0", scene="FloorPlan1", width=32, height=32,
    server_class=FifoServer if sys.argv[2] == "FIFO" else WsgiServer, server_start_timeout=60.0,
)
controller.step("RotateRight")
print(controller.server.unity_proc.pid, flush=True)
time.sleep(100)
"""


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(*command: str, **environ: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            env=os.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int, seconds: float) -> float:
    begin = time.monotonic()
    while is_running(pid) and time.monotonic() - begin < seconds:
        time.sleep(0.05)
    return time.monotonic() - begin


@pytest.mark.parametrize("transport", ["FIFO", "WSGI"])
def test_server_ends_when_its_client_is_killed(start: Start, tmp_path: Path, transport: str):
    pytest.importorskip("ai2thor", reason="the real client is an extra")
    launcher = write_launcher(tmp_path / "thor-server")
    client = start(sys.executable, "-c", CLIENT, str(launcher), transport)
    assert client.stdout is not None
    line = client.stdout.readline()
    assert line, client.communicate()[1].decode()[-2000:]
    server = int(line)
    assert is_running(server)
    client.send_signal(signal.SIGKILL)
    assert wait_until_gone(server, 10.0) < 5.0


def test_client_can_wait_for_a_player_started_by_hand(start: Start, unused_port: int):
    pytest.importorskip("ai2thor", reason="the real client is an extra")
    from ai2thor.controller import Controller  # noqa: PLC0415
    from ai2thor.wsgi_server import WsgiServer  # noqa: PLC0415

    server = start(
        sys.executable, "-m", MODULE, "--server-type", "WSGI", "--host", "127.0.0.1",
        "--port", str(unused_port), "--width", "200", "--height", "150",
    )  # fmt: skip
    controller = Controller(
        start_unity=False,
        port=unused_port,
        server_class=WsgiServer,
        scene="FloorPlan2",
        server_timeout=20.0,
        server_start_timeout=60.0,
    )
    assert controller.step("RotateRight").frame.shape == (150, 200, 3)
    controller.stop()
    assert server.wait(timeout=10) == 0


def test_headless_client_gets_metadata_alone(tmp_path: Path):
    """With the settings that programs for AI2-THOR pass on, whether they mean something or not."""
    pytest.importorskip("ai2thor", reason="the real client is an extra")
    from ai2thor.controller import Controller  # noqa: PLC0415

    controller = Controller(
        local_executable_path=str(write_launcher(tmp_path / "thor-server")),
        x_display="0.0",
        scene="FloorPlan1",
        headless=True,
        fastActionEmit=True,
        agentMode="default",
        massThreshold=None,
        server_timeout=20.0,
        server_start_timeout=60.0,
    )
    event = controller.step("RotateRight")
    assert event.frame is None
    assert event.metadata["lastActionSuccess"]
    controller.stop()


class Pipes:
    """A client that writes what it likes."""

    def __init__(self, folder: Path, start: Start) -> None:
        self.paths = [folder / "server.pipe", folder / "client.pipe"]
        for path in self.paths:
            os.mkfifo(path)
        self.server = start(
            sys.executable, "-m", MODULE, "-screen-width", "20", "-screen-height", "10",
            AI2THOR_SERVER_TYPE="FIFO",
            AI2THOR_FIFO_SERVER_PIPE_PATH=str(self.paths[0]),
            AI2THOR_FIFO_CLIENT_PIPE_PATH=str(self.paths[1]),
        )  # fmt: skip
        self.input = self.paths[0].open("rb", buffering=0)
        self.reader = FieldReader()

    def receive(self) -> dict[Field, bytes]:
        while data := self.input.read(1 << 16):
            for message in self.reader.feed(data):
                return message
        raise EOFError

    def send(self, text: bytes, kind: int = 2) -> None:
        with self.paths[1].open("wb", buffering=0) as output:
            output.write(struct.pack("!BI", kind, len(text)) + text + b"\xff\0\0\0\0")
            self.server.wait(timeout=10)


@pytest.fixture
def pipes(tmp_path: Path, start: Start) -> Iterator[Pipes]:
    made = Pipes(tmp_path, start)
    yield made
    made.input.close()


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (b'{"action": ', 2, "not JSON"),
        (b"{}", 77, "does not speak AI2-THOR's FIFO protocol"),
    ],
)
def test_nonsense_ends_the_server_with_one_sentence(
    pipes: Pipes, text: bytes, kind: int, reason: str
):
    hello = msgspec.msgpack.decode(pipes.receive()[Field.METADATA])
    assert hello["sequenceId"] == 0
    assert hello["agents"][0]["screenWidth"] == 20
    pipes.send(text, kind)
    assert pipes.server.returncode == 2
    complaint = pipes.server.communicate()[1].decode().splitlines()
    assert len(complaint) == 1, complaint
    assert reason in complaint[0]


def test_sequence_that_is_no_number_is_refused():
    with pytest.raises(BackendError, match="sequenceId must be a whole number"):
        Player(PlayerConfig(width=8, height=8)).answer({"action": "Pass", "sequenceId": "x"})


def test_link_gives_up_when_its_client_never_opens_the_pipes(tmp_path: Path):
    paths = [tmp_path / "server.pipe", tmp_path / "client.pipe"]
    for path in paths:
        os.mkfifo(path)
    alive = iter([True, True, False])
    link = FifoLink(*paths, is_wanted=lambda: next(alive))
    assert link.exchange(Reply(metadata={})) is None
    link.close()
    link.close()


def test_pipes_that_do_not_exist_are_told(tmp_path: Path):
    link = FifoLink(tmp_path / "a", tmp_path / "b", is_wanted=lambda: True)
    with pytest.raises(BackendError, match="cannot open the client's pipe"):
        link.exchange(Reply(metadata={}))


@pytest.mark.parametrize(
    ("flags", "environ", "reason"),
    [
        (["--server-type", "SMTP"], {}, "must be FIFO or WSGI, got 'SMTP'"),
        ([], {"AI2THOR_SERVER_TYPE": "FIFO"}, "FIFO needs the pipes"),
        (["--port", "banana"], {}, "port must lie in 1..65535, got 'banana'"),
        (["--port", "1", "--patience", "0"], {}, "no AI2-THOR client listens at 127.0.0.1:1"),
        (["--host", "no such host", "--port", "1"], {}, "is not the name of a host"),
        (["--asset-database", "/nowhere.json"], {}, "/nowhere.json"),
        (["-screen-width", "0"], {}, "at least 1x1 px"),
    ],
)
def test_start_that_cannot_work_is_one_sentence(
    capsys: pytest.CaptureFixture[str], flags: list[str], environ: dict[str, str], reason: str
):
    assert serve(flags, environ) == 2
    complaint = capsys.readouterr().err.splitlines()
    assert len(complaint) == 1
    assert reason in complaint[0]


def test_launcher_passes_flags_on(tmp_path: Path):
    path = write_launcher(tmp_path / "thor-server", ["--asset-database", "a file.json"])
    assert os.access(path, os.X_OK)
    assert "'a file.json' \"$@\"" in path.read_text()
    assert json.dumps(str(path)) == f'"{path}"'  # A plain path: the client splits it like a shell.
