"""A small kitchen with one of everything, and ways to get at things in it."""

from typing import Any

from embodied_mem.backends.household.catalog import object_type
from embodied_mem.backends.household.engine import Engine, EngineConfig, Result
from embodied_mem.backends.household.house import house_from_json
from embodied_mem.backends.household.schema import House

WIDTH, DEPTH, HEIGHT = 7.0, 6.0, 2.6

_FURNITURE = {
    # name: (x, z, yaw, what is on or in it)
    "Fridge": (0.65, 5.55, 180, ("Apple", "Lettuce")),
    "CounterTop": (2.3, 5.6, 180, ("Bread", "Knife", "Egg", "Microwave", "Toaster")),
    "Sink": (4.2, 5.7, 180, ()),
    "DiningTable": (3.5, 2.8, 0, ("Mug", "Plate", "Bowl", "Potato", "Laptop", "Book", "Tomato")),
    "SideTable": (0.4, 2.5, 90, ("CoffeeMachine",)),
    "Desk": (6.6, 4.0, 270, ("Pan", "Pot", "CellPhone", "SoapBottle", "Candle")),
    "Sofa": (6.4, 1.5, 270, ("Pillow", "TeddyBear")),
    "ShelvingUnit": (0.3, 0.8, 90, ("Vase", "Cup")),
    "Chair": (3.5, 1.6, 0, ()),
    "GarbageCan": (5.2, 5.6, 180, ()),
    "FloorLamp": (6.6, 5.6, 180, ()),
    "Box": (2.0, 0.5, 0, ()),
}
_FLOATING = {
    # name: (x, height of the centre, z, yaw)
    "StoveBurner": (3.45, 0.94, 5.6, 180),
    "StoveKnob": (3.45, 0.8, 5.3, 180),
    "Faucet": (4.2, 1.05, 5.9, 180),
    "LightSwitch": (4.5, 1.3, 0.02, 0),
    "Painting": (5.5, 1.6, 0.03, 0),
    "Drawer": (4.9, 0.5, 0.23, 0),
    "Cabinet": (5.0, 1.75, 5.8, 180),
}


def kitchen() -> House:
    """Build the house: one room with a door to the outside and a window."""
    return house_from_json(kitchen_json())


def kitchen_json() -> dict[str, Any]:
    """Write the house in ProcTHOR's schema."""
    corners = [(0.0, 0.0), (0.0, DEPTH), (WIDTH, DEPTH), (WIDTH, 0.0)]
    objects = [
        _entry(name, x, object_type(name).size[1] / 2, z, yaw, children)
        for name, (x, z, yaw, children) in _FURNITURE.items()
    ]
    objects += [_entry(name, x, y, z, yaw, ()) for name, (x, y, z, yaw) in _FLOATING.items()]
    return {
        "rooms": [
            {
                "id": "room|2",
                "roomType": "Kitchen",
                "floorPolygon": [{"x": x, "y": 0.0, "z": z} for x, z in corners],
                "floorMaterial": {"name": "WoodFloorsCross"},
            }
        ],
        "walls": [
            _wall(start, end) for start, end in zip(corners, corners[1:] + corners[:1], strict=True)
        ],
        "doors": [],
        "windows": [],
        "objects": objects,
        "metadata": {
            "agent": {
                "position": {"x": 3.5, "y": 0.9, "z": 4.0},
                "rotation": {"x": 0, "y": 0, "z": 0},
                "horizon": 0,
                "standing": True,
            },
            "schema": "1.0.0",
        },
        "proceduralParameters": {},
    }


def _wall(start: tuple[float, float], end: tuple[float, float]) -> dict[str, Any]:
    names = "|".join(f"{v:g}" for v in (*start, *end))
    points = ((start, 0.0), (end, 0.0), (end, HEIGHT), (start, HEIGHT))
    return {
        "id": f"wall|2|{names}",
        "roomId": "room|2",
        "polygon": [{"x": x, "y": y, "z": z} for (x, z), y in points],
        "material": {"name": "PureWhite"},
    }


def _entry(
    name: str, x: float, y: float, z: float, yaw: float, children: tuple[str, ...]
) -> dict[str, Any]:
    inside = []
    for index, child in enumerate(children):
        offset = 0.35 * (index - (len(children) - 1) / 2)
        along = (x + offset, z) if yaw in (0, 180) else (x, z + offset)
        inside.append(_entry(child, along[0], 1.0, along[1], yaw, ()))
    return {
        "id": f"{name}|1",
        "assetId": f"{name}_1",
        "objectType": name,
        "position": {"x": x, "y": y, "z": z},
        "rotation": {"x": 0, "y": yaw, "z": 0},
        "kinematic": True,
        "children": inside,
    }


def kitchen_engine(size: int = 160, **settings: Any) -> Engine:
    """Start the simulator in the kitchen."""
    return Engine(EngineConfig(width=size, height=size, **settings), house=kitchen())


def act(engine: Engine, action: str, **arguments: Any) -> Result:
    """Carry out an action that must succeed."""
    result = engine.step({"action": action, **arguments})
    assert result.success, f"{action}({arguments}): {result.error}"
    return result


def fail(engine: Engine, action: str, **arguments: Any) -> Result:
    """Carry out an action that must fail."""
    result = engine.step({"action": action, **arguments})
    assert not result.success, f"{action}({arguments}) succeeded"
    assert result.error
    return result


def entry(engine: Engine, object_id: str) -> dict[str, Any]:
    """Give an object's metadata, as it is now."""
    return next(o for o in engine.look().metadata["objects"] if o["objectId"] == object_id)


def go_to(engine: Engine, object_id: str) -> Result:
    """Teleport to the nearest pose from which an object can be reached."""
    for pose in act(engine, "GetInteractablePoses", objectId=object_id).metadata["actionReturn"]:
        place = {key: pose.pop(key) for key in ("x", "y", "z")}
        result = act(engine, "TeleportFull", position=place, **pose)
        found = next(o for o in result.metadata["objects"] if o["objectId"] == object_id)
        if found["isInteractable"]:
            return result
    raise AssertionError(f"{object_id} cannot be reached")


def do_at(engine: Engine, action: str, object_id: str, **arguments: Any) -> Result:
    """Carry out an action on an object from the first pose that lets it succeed."""
    poses = act(engine, "GetInteractablePoses", objectId=object_id).metadata["actionReturn"]
    error = "no pose"
    for pose in poses:
        place = {key: pose.pop(key) for key in ("x", "y", "z")}
        act(engine, "TeleportFull", position=place, **pose)
        result = engine.step({"action": action, "objectId": object_id, **arguments})
        if result.success:
            return result
        error = result.error
    raise AssertionError(f"{action} {object_id} from {len(poses)} poses: {error}")


def pixel_of(engine: Engine, object_id: str) -> tuple[float, float]:
    """Give an image point that shows an object."""
    result = engine.look()
    number = engine.world.objects[object_id].number
    rows, columns = (result.numbers == number).nonzero()
    assert len(rows), f"{object_id} is not in the image"
    middle = len(rows) // 2
    height, width = result.numbers.shape
    return float((columns[middle] + 0.5) / width), float((rows[middle] + 0.5) / height)
