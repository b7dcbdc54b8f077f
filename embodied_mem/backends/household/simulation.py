"""The state that actions change: a world, the agent's camera, extra cameras, the clock."""

import logging
from dataclasses import dataclass

import msgspec
import numpy as np

from embodied_mem.backends.household.catalog import AssetDatabase
from embodied_mem.backends.household.parts import Vector
from embodied_mem.backends.household.render import Image, Renderer, View
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.household.sim_object import SimObject
from embodied_mem.backends.household.visibility import Sight, see
from embodied_mem.backends.household.world import AgentPose, World
from embodied_mem.config import Config

logger = logging.getLogger(__name__)

MOST_PICTURES = 16
"""Pictures of extra cameras that are kept until something changes."""


class EngineConfig(Config, frozen=True):
    """How the simulator looks, moves and counts time; defaults are those of AI2-THOR's client."""

    width: int = 300
    """Image width [px]."""
    height: int = 300
    """Image height [px]."""
    field_of_view: float = 90.0
    """Vertical angle of the camera [degrees]."""
    grid_size: float = 0.25
    """Length of a step [m]."""
    visibility_distance: float = 1.5
    """Horizontal distance up to which an object counts as visible [m]."""
    rotate_step_degrees: float = 90.0
    """Angle of a turn [degrees]."""
    snap_to_grid: bool = True
    """Whether steps end on the grid through the place where the agent was put."""
    render_depth: bool = True
    render_instances: bool = True
    seed: int = 0
    seconds_per_action: float = 0.2
    """Simulated time that an action takes [s]."""
    seconds_until_room_temperature: float = 120.0
    """Time after which a hot or cold object is at room temperature again [s]. (Ours; AI2-THOR's
    default, 10 s of game time, has no counterpart here, where time passes by actions.)"""


@dataclass(slots=True, kw_only=True)
class ExtraCamera:
    """A camera that the agent does not carry."""

    position: Vector
    yaw: float
    """Degrees, clockwise from above."""
    pitch: float
    """Degrees, positive downward."""
    field_of_view: float = 90.0
    """Vertical angle [degrees]."""
    orthographic_size: float | None = None
    """Half of the height that a parallel projection shows [m]; None for perspective."""


class Simulation:
    """Everything that an action may read or change.

    Args:
        config: Settings, as `Initialize` may change them.
        assets: Sizes and types by asset id, for every house that is loaded.
    """

    def __init__(self, config: EngineConfig, *, assets: AssetDatabase | None = None) -> None:
        self.config = config
        self.assets = assets
        self.random = np.random.default_rng(config.seed)
        self.scene_name = "Procedural"
        self.time = 0.0
        self.cameras: list[ExtraCamera] = []
        self.agent = AgentPose(x=0.0, z=0.0)
        self.grid_origin = (0.0, 0.0)
        self.collided: tuple[str, ...] = ()
        self._world: World | None = None
        self._renderer: Renderer | None = None
        self._held: str | None = None
        self._sight: tuple[object, Sight] | None = None
        self._pictures: dict[object, tuple[int, Image]] = {}

    @property
    def loaded(self) -> bool:
        """Whether there is a house."""
        return self._world is not None

    @property
    def world(self) -> World:
        """The loaded house. An engine always has one before any action runs."""
        assert self._world is not None
        return self._world

    @property
    def renderer(self) -> Renderer:
        """Draws the loaded house."""
        assert self._renderer is not None
        return self._renderer

    @property
    def held(self) -> SimObject | None:
        """What is in the agent's hand."""
        return None if self._held is None else self.world.objects[self._held]

    def load(self, house: House, *, scene_name: str = "Procedural") -> None:
        """Start again in a house: the agent at its start, the clock at zero, no extra cameras."""
        world = World(house, assets=self.assets)
        pose = world.start_pose(self.config.grid_size)
        self._world, self._renderer = world, Renderer(world.shell)
        self._held, self._sight = None, None
        self._pictures = {}
        self.scene_name = scene_name
        self.random = np.random.default_rng(self.config.seed)
        self.time = 0.0
        self.cameras = []
        self.collided = ()
        self.agent = pose
        self.grid_origin = (self.agent.x, self.agent.z)

    def configure(self, **changes: bool | float) -> None:
        """Change settings by name; they must be fields of `EngineConfig`."""
        self.config = msgspec.structs.replace(self.config, **changes)

    def hold(self, item: SimObject | None) -> None:
        """Put an object into the hand, or take it from there, without moving it elsewhere."""
        if (old := self.held) is not None:
            old.held = False
            self.world.touch(old)
        self._held = None if item is None else item.object_id
        if item is not None:
            self.world.attach(item, None)
            item.held = True
            self.carry()

    def carry(self) -> None:
        """Bring what is in the hand before the camera, low in view."""
        item = self.held
        if item is None:
            return
        position = self._hand_position(item)
        if position != item.position or item.yaw != self.agent.yaw % 360:
            self.world.move(item, position, self.agent.yaw)

    def _hand_position(self, item: SimObject) -> Vector:
        """Ahead of the camera, with the object's top a good way below the middle of the image."""
        ahead = 0.35 + max(item.size[0], item.size[2]) / 2
        drop = 0.5 * ahead * np.tan(np.radians(self.config.field_of_view / 2)) + item.size[1] / 2
        yaw, pitch = np.radians(self.agent.yaw), np.radians(self.agent.horizon)
        level = ahead * np.cos(pitch) - drop * np.sin(pitch)
        x, y, z = self.agent.camera
        return (
            float(x + level * np.sin(yaw)),
            float(max(y - ahead * np.sin(pitch) - drop * np.cos(pitch), item.size[1] / 2)),
            float(z + level * np.cos(yaw)),
        )

    def view(self) -> View:
        """The agent's camera."""
        config = self.config
        return View(
            position=self.agent.camera,
            yaw=self.agent.yaw,
            horizon=self.agent.horizon,
            width=config.width,
            height=config.height,
            field_of_view=config.field_of_view,
        )

    def look(self) -> Sight:
        """Draw what the agent sees now; drawn again only when something changed."""
        self.carry()
        config = self.config
        size = (config.width, config.height, config.field_of_view, config.visibility_distance)
        key = (self.agent.key, self.world.version, size)
        if self._sight is None or self._sight[0] != key:
            image = self.renderer.draw(self.world.draw_items(), self.view())
            sight = see(self.world, self.renderer, image, self.view(), config.visibility_distance)
            self._sight = (key, sight)
        return self._sight[1]

    def look_from(
        self, camera: ExtraCamera, *, width: int | None = None, height: int | None = None
    ) -> Image:
        """Draw what an extra camera sees.

        Ceilings are left out for parallel projections and for cameras above them.

        Args:
            camera: Its pose and projection.
            width: Of the image [px]; the agent's by default.
            height: Of the image [px]; the agent's by default.
        """
        top = float(self.world.shell.bounds[1][1])
        view = View(
            position=camera.position,
            yaw=camera.yaw,
            horizon=camera.pitch,
            width=self.config.width if width is None else width,
            height=self.config.height if height is None else height,
            field_of_view=camera.field_of_view,
            orthographic_size=camera.orthographic_size,
            skip_ceiling=camera.orthographic_size is not None or camera.position[1] >= top - 0.1,
        )
        self.carry()
        drawn = self._pictures.get(view)
        if drawn is None or drawn[0] != self.world.version:
            if len(self._pictures) > MOST_PICTURES:
                self._pictures.clear()
            image = self.renderer.draw(self.world.draw_items(), view)
            drawn = self._pictures[view] = (self.world.version, image)
        return drawn[1]
