"""The simulator as one object: actions in, images and metadata out. Axes are AI2-THOR's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from embodied_mem.backends.household.action_error import ActionError, ErrorCode
from embodied_mem.backends.household.actions import dispatch
from embodied_mem.backends.household.catalog import AssetDatabase, can_hold
from embodied_mem.backends.household.metadata import MetadataWriter
from embodied_mem.backends.household.placement import find_spot, put
from embodied_mem.backends.household.render import Image
from embodied_mem.backends.household.scenes import PROCEDURAL, load_scene
from embodied_mem.backends.household.schema import House
from embodied_mem.backends.household.simulation import EngineConfig, ExtraCamera, Simulation
from embodied_mem.backends.household.states import apply_rules
from embodied_mem.backends.household.world import World
from embodied_mem.errors import BackendError, HouseError


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one action led to. Images may be shared with later results: copy before writing."""

    metadata: dict[str, Any]
    """AI2-THOR's event metadata of the agent, in plain Python types."""
    rgb: UInt8[np.ndarray, "h w 3"]
    """What the agent sees, top row first."""
    depth: Float32[np.ndarray, "h w"] | None
    """Distance along the optical axis [m]; None where it is switched off."""
    numbers: Int32[np.ndarray, "h w"]
    """Instance number of what each pixel shows; 0 for the building."""
    normals: Float32[np.ndarray, "h w 3"]
    """Surface normals in the world."""
    colors: Mapping[str, tuple[int, int, int]]
    """Each object's colour in instance images."""
    object_ids: Mapping[int, str]
    """Object id of each instance number."""
    third_party: tuple[Image, ...]
    """What the extra cameras see."""
    success: bool
    error: str
    """Why the action failed; "" when it did not."""
    error_code: ErrorCode


class Engine:
    """A household simulator.

    A failed action is a `Result` with `success=False`; only bugs raise.

    Args:
        config: Camera, steps and time.
        house: What to load; without it a small generated house, until `create_house`.
        assets: Sizes and types by asset id.

    Raises:
        HouseError: The house cannot be built.
    """

    def __init__(
        self,
        config: EngineConfig | None = None,
        *,
        house: House | None = None,
        assets: AssetDatabase | None = None,
    ) -> None:
        self.simulation = Simulation(EngineConfig() if config is None else config, assets=assets)
        self._house = house
        self._writer: tuple[World, MetadataWriter] | None = None
        self._object_ids: dict[int, str] = {}

    @property
    def world(self) -> World:
        """The house as it is now."""
        self._ensure_loaded()
        return self.simulation.world

    def _ensure_loaded(self) -> None:
        """Load the first house only when it is needed: most clients create another one at once."""
        if not self.simulation.loaded:
            if self._house is None:
                load_scene(self.simulation, PROCEDURAL)
            else:
                self.simulation.load(self._house)
            apply_rules(self.simulation)

    def create_house(self, house: House) -> Result:
        """Load a house and look around; settings stay.

        Raises:
            HouseError: The house cannot be built.
        """
        self.simulation.load(house)
        apply_rules(self.simulation)
        return self._result("CreateHouse", value=None)

    def look(self) -> Result:
        """Give what the agent sees now, as after `Pass`, without any time going by."""
        self._ensure_loaded()
        return self._result("Pass", value=None)

    def step(self, action: Mapping[str, object]) -> Result:
        """Carry out one action.

        Args:
            action: Its name under `action`, and its arguments, in AI2-THOR's spelling.

        Returns:
            What followed. A failed action changes nothing but the clock.
        """
        value, failure = self._carry_out(action)
        return self._result(str(action.get("action")), value=value, failure=failure)

    def skip(self, action: Mapping[str, object]) -> None:
        """Carry out one action without drawing what follows; `look` shows it."""
        self._carry_out(action)
        self.simulation.carry()

    def _carry_out(self, action: Mapping[str, object]) -> tuple[object, ActionError | None]:
        self._ensure_loaded()
        sim = self.simulation
        sim.collided = ()
        value: object = None
        failure: ActionError | None = None
        try:
            value = dispatch(sim, action)
        except ActionError as error:
            failure = error
        except HouseError as error:
            failure = ActionError(str(error))
        sim.time += sim.config.seconds_per_action
        apply_rules(sim)
        return value, failure

    def relocate(self, object_id: str, receptacle_id: str) -> bool:
        """Let an outside hand move an object on or into a receptacle.

        Args:
            object_id: What to move; not what the agent holds.
            receptacle_id: Where to; a closed one is no hindrance.

        Returns:
            Whether it was moved: False where it does not belong, or there is no room.

        Raises:
            BackendError: One of them does not exist, or cannot be moved or hold things.
        """
        objects = self.world.objects
        for name in (object_id, receptacle_id):
            if name not in objects:
                raise BackendError(f"there is no object {name} in the house.")
        item, receptacle = objects[object_id], objects[receptacle_id]
        if item.kind.primary == "Static" or item.held or item.removed:
            raise BackendError(f"{object_id} cannot be moved: it is fixed, held, or sliced.")
        if not receptacle.body.surfaces or not receptacle.has("receptacle"):
            raise BackendError(f"{receptacle_id} is not a receptacle.")
        if not can_hold(receptacle.type_name, item.type_name):
            return False
        near = receptacle.position
        spot = find_spot(self.world, item, receptacle, near=near, inside_closed=True)
        if spot is None:
            return False
        put(self.world, item, receptacle, spot)
        return True

    def render_top_down(self, *, width: int = 600, height: int = 600) -> Image:
        """Draw the house from above, without ceilings; the picture's top is +z.

        Args:
            width: Of the picture [px].
            height: Of the picture [px].
        """
        low, high = self.world.shell.bounds
        middle, size = (low + high) / 2, high - low
        camera = ExtraCamera(
            position=(float(middle[0]), float(high[1]) + 2.0, float(middle[2])),
            yaw=0.0,
            pitch=90.0,
            orthographic_size=float(max(size[2], size[0] * height / width) / 2 + 0.2),
        )
        return self.simulation.look_from(camera, width=width, height=height)

    def _result(self, action: str, *, value: object, failure: ActionError | None = None) -> Result:
        sim = self.simulation
        sight = sim.look()
        writer = self._metadata_writer()
        colors = writer.colors()
        metadata = writer.agent_metadata(sim, sight)
        metadata |= {
            "lastAction": action,
            "lastActionSuccess": failure is None,
            "errorMessage": "" if failure is None else str(failure),
            "errorCode": "" if failure is None else failure.code,
            "actionReturn": value,
        }
        if len(self._object_ids) != len(sim.world.objects):
            self._object_ids = {i.number: i.object_id for i in sim.world.objects.values()}
        return Result(
            metadata=metadata,
            rgb=sight.image.rgb,
            depth=sight.image.depth if sim.config.render_depth else None,
            numbers=sight.image.ids,
            normals=sight.image.normals,
            colors=colors,
            object_ids=self._object_ids,
            third_party=tuple(sim.look_from(camera) for camera in sim.cameras),
            success=failure is None,
            error="" if failure is None else str(failure),
            error_code="" if failure is None else failure.code,
        )

    def _metadata_writer(self) -> MetadataWriter:
        world = self.simulation.world
        if self._writer is None or self._writer[0] is not world:
            self._writer = (world, MetadataWriter(world))
            self._object_ids = {}
        return self._writer[1]
