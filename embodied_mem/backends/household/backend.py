"""The embedded household simulator as a backend and a judge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.backends.agent_body import AgentBodyConfig
from embodied_mem.backends.depth_sensor import DepthSensor, DepthSensorConfig
from embodied_mem.backends.event_step import step_from_event
from embodied_mem.backends.household.catalog import AssetDatabase
from embodied_mem.backends.household.engine import Engine, Result
from embodied_mem.backends.household.house_source import HouseSource, load_house
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.household.simulation import EngineConfig, ExtraCamera
from embodied_mem.backends.tasks import judge_goal
from embodied_mem.backends.thor_frames import thor_agent, world_from_thor
from embodied_mem.errors import BackendError
from embodied_mem.goals import Goal, Progress
from embodied_mem.interfaces import Step
from embodied_mem.types import Action

_MAP_MARGIN = 0.3
"""Free way around the house in pictures from above [m]."""


class HouseholdSimConfig(AgentBodyConfig, frozen=True):
    """A house to act in, and the agent's camera and steps."""

    house: HouseSource = HouseSource()
    """Which house."""
    seed: int = 0
    """Seed of the simulator's own chance (e.g. `InitialRandomSpawn`)."""
    sensor: DepthSensorConfig | None = None
    """The depth camera; true depth when null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopDown:
    """The house from above, without its ceiling."""

    rgb: UInt8[np.ndarray, "h w 3"]
    """North is up: the world's x axis points up in the picture and y to the left."""
    center: Float[np.ndarray, "2"]
    """World x, y at the middle of the picture [m]."""
    metres_per_pixel: float
    """Scale of the picture [m/px]."""

    def pixel(self, points: Float[np.ndarray, "p 2"]) -> Float[np.ndarray, "p 2"]:
        """Find world points x, y [m] in the picture: column and row [px], corner-based."""
        height, width = self.rgb.shape[:2]
        offset = (points - self.center) / self.metres_per_pixel
        return np.stack((width / 2 - offset[:, 1], height / 2 - offset[:, 0]), axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocation:
    """An outside hand's move of one object."""

    object_id: str
    receptacle_id: str


class HouseholdSim:
    """Drives the simulator in this process: a backend, a judge, and an outside hand.

    Use it as a context manager, or call `close`.
    """

    def __init__(
        self, config: HouseholdSimConfig | None = None, *, house: House | None = None
    ) -> None:
        """Build the house.

        Args:
            config: House, camera and steps.
            house: Used instead of the config's, where given.

        Raises:
            HouseError: The house or the asset database cannot be read.
        """
        self.config = HouseholdSimConfig() if config is None else config
        self.house = load_house(self.config.house) if house is None else house
        database = self.config.asset_database
        assets = None if database is None else AssetDatabase.load(database)
        self._engine: Engine | None = Engine(engine_config(self.config), assets=assets)
        self._result: Result | None = None
        self._sensor = None if self.config.sensor is None else DepthSensor(self.config.sensor)

    def __enter__(self) -> "HouseholdSim":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def engine(self) -> Engine:
        """The simulator itself, in AI2-THOR's axes.

        Raises:
            BackendError: The backend was closed.
        """
        if self._engine is None:
            raise BackendError("this simulator was closed; build a new one.")
        return self._engine

    @property
    def metadata(self) -> dict[str, Any]:
        """The last event's metadata, as AI2-THOR gives it.

        Raises:
            BackendError: `reset` was not called yet.
        """
        if self._result is None:
            raise BackendError("no episode has begun: call `reset` first.")
        return self._result.metadata

    def reset(self) -> Step:
        """Start an episode in the house as it was in the beginning."""
        self._result = self.engine.create_house(self.house)
        if self._sensor is not None:
            self._sensor.reset()
        return self._step()

    def step(self, action: Action) -> Step:
        """Carry out one action of AI2-THOR."""
        self.metadata  # noqa: B018 - Raises before the first reset.
        self._result = self.engine.step({"action": action.name, **action.arguments})
        return self._step()

    def fast_forward(self, script: Sequence["Action | Relocation"]) -> Step:
        """Start anew and repeat what was done before, without drawing what came of each action."""
        self.engine.create_house(self.house)
        for event in script:
            if isinstance(event, Action):
                self.engine.skip({"action": event.name, **event.arguments})
            else:
                self.engine.relocate(event.object_id, event.receptacle_id)
        self._result = self.engine.look()
        return self._step()

    def judge(self, goal: Goal) -> Progress:
        """Score a goal on the present state of the world."""
        return judge_goal(goal, self.metadata["objects"])

    def relocate(self, object_id: str, receptacle_id: str) -> bool:
        """Let an outside hand move an object on or into a receptacle, unseen by the agent.

        Args:
            object_id: What to move; it must not be in the agent's hand.
            receptacle_id: Where to.

        Returns:
            Whether there was room.

        Raises:
            BackendError: There is no such object.
        """
        moved = self.engine.relocate(object_id, receptacle_id)
        if moved and self._result is not None:
            self._result = self.engine.look()  # What judges read is the present.
        return moved

    def stand(self, x: float, y: float, yaw: float, horizon: float = 0.0) -> Step:
        """Stand the body somewhere, without a way there.

        Args:
            x: World position [m].
            y: World position [m].
            yaw: Direction of the body, anticlockwise from the x axis [rad].
            horizon: Pitch of the camera, down is positive [rad].

        Returns:
            What is seen from there; without success where the body has no room.
        """
        pose = RigidTransform.from_components([x, y, 0.0], Rotation.from_euler("z", yaw))
        position, degrees = thor_agent(pose)
        self._result = self.engine.step(
            {
                "action": "TeleportFull",
                "position": position,
                "rotation": {"x": 0.0, "y": degrees, "z": 0.0},
                "horizon": float(np.degrees(horizon)),
                "standing": True,
            }
        )
        return self._step()

    def top_down(self, width: int = 800, height: int = 800) -> TopDown:
        """Draw the whole house from above, as it is now."""
        low, high = np.asarray(self.engine.world.shell.bounds, dtype=np.float64)
        middle, size = (low + high) / 2, high - low
        # Looking down with yaw 0, thor's x points right and its z up in the picture.
        half = float(max(size[2], size[0] * height / width) / 2 + _MAP_MARGIN)
        camera = ExtraCamera(
            position=(float(middle[0]), float(high[1]) + _MAP_MARGIN, float(middle[2])),
            yaw=0.0,
            pitch=90.0,
            orthographic_size=half,
        )
        image = self.engine.simulation.look_from(camera, width=width, height=height)
        return TopDown(
            rgb=image.rgb,
            center=world_from_thor(middle)[:2],
            metres_per_pixel=2 * half / height,
        )

    def close(self) -> None:
        """Release the simulator. May be called twice."""
        self._engine = None
        self._result = None

    def _step(self) -> Step:
        result = self._result
        assert result is not None
        step = step_from_event(
            result.metadata,
            rgb=result.rgb,
            depth=result.depth,
            numbers=result.numbers,
            object_ids=result.object_ids,
        )
        if self._sensor is None:
            return step
        return replace(step, frame=self._sensor(step.frame))


def engine_config(config: HouseholdSimConfig) -> EngineConfig:
    """Translate the backend's config to the engine's."""
    return EngineConfig(
        width=config.width,
        height=config.height,
        field_of_view=config.field_of_view,
        grid_size=config.grid_size,
        rotate_step_degrees=config.rotate_step,
        visibility_distance=config.visibility_distance,
        snap_to_grid=config.snap_to_grid,
        seed=config.seed,
    )
