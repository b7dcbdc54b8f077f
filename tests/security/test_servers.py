"""What talks to the network: the loopback unless told otherwise, and no door is opened."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

from embodied_mem.backends.household.server.serve import _link, _parser
from embodied_mem.backends.household.server.wsgi import WsgiLink
from planners.language_config import EndpointConfig


def test_the_thor_server_looks_for_its_client_on_the_loopback():
    link = _link(_parser().parse_args([]), {})
    assert isinstance(link, WsgiLink)
    assert link._connection.host == "127.0.0.1"


def test_the_thor_server_opens_no_port():
    """Its client listens, as with AI2-THOR's own player; it connects to it, and accepts nobody."""
    with socket.socket() as client:
        client.bind(("127.0.0.1", 0))
        client.listen()
        client.settimeout(60)
        port = client.getsockname()[1]
        words = [sys.executable, "-m", "embodied_mem", "thor-server", "--port", str(port)]
        server = subprocess.Popen([*words, "-screen-width", "64", "-screen-height", "64"])
        try:
            connection, address = client.accept()
            assert address[0] == "127.0.0.1"
            assert not listening(server.pid)
            connection.close()
        finally:
            server.kill()
            server.wait()


def listening(pid: int) -> list[str]:
    """Return the listening TCP sockets of a process, as Linux tells of them."""
    own = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # Closed meanwhile.
            own.add(str(link.readlink()))
    rows = []
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = row.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in own:
                rows.append(words[1])
    return rows


def test_the_watcher_of_ports_sees_an_open_one():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        assert listening(os.getpid())


def test_a_language_model_is_sought_on_the_loopback_without_a_key():
    config = EndpointConfig(model="m")
    assert config.base_url.startswith("http://127.0.0.1")
    assert config.key_env is None
