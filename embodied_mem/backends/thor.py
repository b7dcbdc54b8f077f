"""AI2-THOR's own client, driving our simulator, or Unity where that is installed."""

import contextlib
import queue
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from jaxtyping import Int32

from embodied_mem.backends.agent_body import AgentBodyConfig
from embodied_mem.backends.event_step import step_from_event
from embodied_mem.backends.household.catalog import AssetDatabase
from embodied_mem.backends.household.house import dump_house
from embodied_mem.backends.household.house_source import HouseSource, load_house
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.household.server.launcher import write_launcher
from embodied_mem.backends.tasks import judge_goal
from embodied_mem.errors import BackendError, MissingExtraError
from embodied_mem.goals import Goal, Progress
from embodied_mem.interfaces import Step
from embodied_mem.types import Action

try:
    from ai2thor.controller import Controller
    from ai2thor.exceptions import RestartError, UnityCrashException
    from ai2thor.fifo_server import FifoServer
    from ai2thor.server import Event
    from ai2thor.wsgi_server import WsgiServer
except ImportError as error:
    raise MissingExtraError("the AI2-THOR backend", "thor") from error


class ThorConfig(AgentBodyConfig, frozen=True):
    """AI2-THOR through its own client."""

    house: HouseSource = HouseSource()
    """The house to build, unless `scene` names one of AI2-THOR's."""
    scene: str | None = None
    """A scene of AI2-THOR, e.g. `FloorPlan1`."""
    player: Literal["household", "unity"] = "household"
    """Who simulates: our server, or AI2-THOR's Unity build."""
    executable: str | None = None
    """Path of the Unity build; None lets the client find or download its own."""
    x_display: str = ":0.0"
    """X display of Unity. Our server needs none, but the client insists on a name."""
    transport: Literal["FIFO", "WSGI"] = "FIFO"
    """How client and player talk."""
    server_timeout: float = 30.0
    """Longest wait for one action [s]."""
    start_timeout: float = 120.0
    """Longest wait for the player to start [s]."""


class ThorBackend:
    """Drives AI2-THOR's `Controller`: a backend and a judge."""

    def __init__(self, config: ThorConfig | None = None, *, house: House | None = None) -> None:
        """Read the house; the player starts with the first `reset`.

        Args:
            config: House or scene, player, camera and steps.
            house: Used instead of the config's house or scene, where given.

        Raises:
            HouseError: The house cannot be read.
        """
        self.config = ThorConfig() if config is None else config
        self._scene: str | dict[str, Any] = self.config.scene or ""
        self._start: Mapping[str, Any] | None = None
        if house is not None or self.config.scene is None:
            wanted = load_house(self.config.house) if house is None else house
            decoded = msgspec.json.decode(dump_house(wanted))
            self._scene, self._start = decoded, decoded["metadata"].get("agent")
        self._controller: Controller | None = None
        self._files: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> "ThorBackend":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def controller(self) -> Controller:
        """AI2-THOR's client, for what the contract does not cover.

        Raises:
            BackendError: `reset` was not called yet, or `close` was.
        """
        if self._controller is None:
            raise BackendError("no AI2-THOR player is running: call `reset` first.")
        return self._controller

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The last event's metadata, as AI2-THOR gives it.

        Raises:
            BackendError: No episode has begun.
        """
        return self._event().metadata

    def reset(self) -> Step:
        """Start an episode in the house as it was in the beginning.

        Raises:
            BackendError: The player does not start, or HOME cannot hold the client's log.
            HouseError: The asset database cannot be read.
        """
        if self._controller is None:
            self._controller = self._launch()
        else:
            try:
                self._controller.reset(scene=self._scene)
            except _FAILURES as error:
                raise self._lost("Reset") from error
        if self._start is not None and self.config.player == "unity":  # Ours starts there.
            self._send({"action": "TeleportFull", "forceAction": True, **self._start})
        return self._step()

    def step(self, action: Action) -> Step:
        """Carry out one action.

        Raises:
            BackendError: The player died or does not answer.
        """
        self._send({"action": action.name, **action.arguments})
        return self._step()

    def judge(self, goal: Goal) -> Progress:
        """Score a goal on the present state of the world."""
        return judge_goal(goal, self.metadata["objects"])

    def close(self) -> None:
        """Stop the player. May be called twice."""
        controller, self._controller = self._controller, None
        if controller is not None:
            _stop(controller)
        files, self._files = self._files, None
        if files is not None:
            files.cleanup()

    def _launch(self) -> Controller:
        _check_log_folder()
        config = self.config
        path = config.executable
        if config.player == "household":
            self._files = tempfile.TemporaryDirectory(prefix="embodied-mem-thor-")
            if config.asset_database is not None:
                AssetDatabase.load(config.asset_database)  # To fail here, not in the player.
            path = str(write_launcher(Path(self._files.name) / "thor-server", self._flags()))
        try:
            return Controller(
                local_executable_path=path,
                server_class=FifoServer if config.transport == "FIFO" else WsgiServer,
                x_display=config.x_display,
                scene=self._scene,
                width=config.width,
                height=config.height,
                fieldOfView=config.field_of_view,
                gridSize=config.grid_size,
                rotateStepDegrees=config.rotate_step,
                visibilityDistance=config.visibility_distance,
                snapToGrid=config.snap_to_grid,
                renderDepthImage=True,
                renderInstanceSegmentation=True,
                server_timeout=config.server_timeout,
                server_start_timeout=config.start_timeout,
            )
        except _FAILURES as error:
            self.close()
            raise BackendError(
                f"AI2-THOR's player did not start: {error} Its log is {_log_folder()}/unity.log."
            ) from error

    def _flags(self) -> list[str]:
        database = self.config.asset_database
        return [] if database is None else ["--asset-database", str(Path(database).absolute())]

    def _send(self, action: dict[str, Any]) -> None:
        controller = self.controller
        try:
            controller.step(action)
        except ValueError:
            return  # A senseless action: the client raises, the event holds the reason.
        except _FAILURES as error:
            raise self._lost(str(action["action"])) from error

    def _lost(self, action: str) -> BackendError:
        self.close()
        return BackendError(
            f"AI2-THOR's player died or did not answer {action} within "
            f"{self.config.server_timeout} s. Its log is {_log_folder()}/unity.log; `reset` starts "
            "a new one."
        )

    def _event(self) -> Event:
        event = self.controller.last_event
        assert isinstance(event, Event)  # One agent, so never a MultiAgentEvent.
        return event

    def _step(self) -> Step:
        event = self._event()
        if event.frame is None:
            raise BackendError("AI2-THOR's player sent no image: it must not run headless.")
        numbers, object_ids = instance_numbers(event)
        return step_from_event(
            event.metadata,
            rgb=np.ascontiguousarray(event.frame),
            depth=event.depth_frame,
            numbers=numbers,
            object_ids=object_ids,
        )


_FAILURES = (RuntimeError, TimeoutError, OSError, RestartError, UnityCrashException)
"""What the client raises when its player is gone."""


def instance_numbers(event: Event) -> tuple[Int32[np.ndarray, "h w"] | None, dict[int, str]]:
    """Number the objects of an event by its instance colours; 0 is a colour without a name.

    Returns:
        The number of each pixel, or None without an instance image, and the id of each number.
    """
    image = event.instance_segmentation_frame
    if image is None:
        return None, {}
    weights = np.array([1, 1 << 8, 1 << 16], dtype=np.int32)
    named = [(np.dot(c, weights), name) for c, name in event.color_to_object_id.items()]
    named = sorted((int(colour), name) for colour, name in named if "|" in name)
    colours = np.array([-1, *(colour for colour, _ in named)], dtype=np.int32)
    pixels = image.astype(np.int32) @ weights
    numbers = np.searchsorted(colours, pixels).clip(max=len(colours) - 1)
    numbers = np.where(colours[numbers] == pixels, numbers, 0).astype(np.int32)
    return numbers, {number: name for number, (_, name) in enumerate(named, start=1)}


def _stop(controller: Controller) -> None:
    """Stop the client and kill its player, which it leaves unreaped when that died by itself."""
    server = controller.server
    with contextlib.suppress(OSError, queue.Full, AssertionError):  # What it owes a dead player.
        controller.stop()
    process = None if server is None else server.unity_proc
    if process is not None:
        process.wait()
    if isinstance(server, WsgiServer):
        server.wsgi_server.shutdown()
        server.wsgi_server.server_close()


def _log_folder() -> Path:
    return Path.home() / ".ai2thor" / "log"


def _check_log_folder() -> None:
    """Make sure that the client can write its log, which it does not survive otherwise."""
    folder = _log_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BackendError(
            f"AI2-THOR's client writes its log to {folder}, which is not possible "
            f"({error.strerror}). Set HOME to a folder that can be written."
        ) from error
