"""What the memory node answers. Each answer says whether it succeeded, and if not, why."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import RLock
from typing import Any, Protocol, runtime_checkable

import numpy as np

from embodied_mem.errors import EmbodiedMemError, UnknownObjectError
from embodied_mem.memory import Memory
from embodied_mem.memory.records import Known
from ros_nodes.convert import pose_values
from ros_nodes.locate import place_before
from ros_nodes.messages import Message
from ros_nodes.outputs import (
    Fields,
    answer_values,
    is_placed,
    known_values,
    object_values,
    update_values,
)
from ros_nodes.stamps import header_values, nanoseconds, seconds

_LIMIT, MOST_ANSWERS = 10, 1000
_BEFORE = 0.8
"""How far from a thing to stand, if nothing is asked for [m]."""


@runtime_checkable
class Remembering(Protocol):
    """What the services need of the node."""

    memory: Memory
    lock: RLock
    sequence: int

    @property
    def map_frame(self) -> str:
        """Frame of all that memory knows."""
        ...

    def pause(self, paused: bool) -> None:  # noqa: FBT001 - As `std_srvs/SetBool` says it.
        """Stop or go on taking images in."""
        ...

    def take_memory(self, memory: Memory) -> None:
        """Go on with another memory."""
        ...

    def changed_outside(self) -> None:
        """Publish what a service changed."""
        ...

    def now(self) -> int:
        """Return the node's time [ns]."""
        ...


class MemoryServices:
    """The answers, by the service's private name."""

    def __init__(self, node: Remembering):
        self._node = node
        self.offered: Mapping[str, tuple[str, Callable[[Message], Fields]]] = {
            "query": ("embodied_mem_msgs/srv/Query", self.query),
            "get_object": ("embodied_mem_msgs/srv/GetObject", self.get_object),
            "locate": ("embodied_mem_msgs/srv/Locate", self.locate),
            "get_snapshot": ("embodied_mem_msgs/srv/GetSnapshot", self.get_snapshot),
            "save": ("embodied_mem_msgs/srv/Save", self.save),
            "load": ("embodied_mem_msgs/srv/Load", self.load),
            "forget": ("embodied_mem_msgs/srv/Forget", self.forget),
            "reset": ("std_srvs/srv/Trigger", self.reset),
            "pause": ("std_srvs/srv/SetBool", self.pause),
        }
        """Type and answer of each service."""

    def answer(self, name: str, request: Message) -> Fields:
        """Answer one request; what goes wrong is said in the response."""
        try:
            with self._node.lock:
                return {"success": True, **self.offered[name][1](request)}
        except EmbodiedMemError as error:
            return {"success": False, "message": str(error)}

    def query(self, request: Message) -> Fields:
        """Find things by words, by label, or near a place."""
        node, limit = self._node, min(int(request.limit) or _LIMIT, MOST_ANSWERS)
        if request.text:
            at = seconds(request.at) if nanoseconds(request.at) else None
            found = node.memory.search(request.text, limit, at=at)
            answers = [answer_values(one, node.map_frame) for one in found]
        elif request.label:
            known = node.memory.find(request.label)[:limit]
            answers = [known_values(one, node.map_frame) for one in known]
        else:
            point = request.center.point
            center = np.array([point.x, point.y, point.z])
            known = node.memory.near(center, float(request.radius))[:limit]
            answers = [known_values(one, node.map_frame) for one in known]
        return {"message": f"{len(answers)} answers", "answers": answers}

    def get_object(self, request: Message) -> Fields:
        """Tell all about one object."""
        known = self._node.memory.get(request.id)
        return {"header": self._header(), "object": object_values(known)}

    def locate(self, request: Message) -> Fields:
        """Tell where to drive to, to stand before a thing."""
        known = self._meant(request.target)
        if not is_placed(known):
            raise UnknownObjectError(f"{request.target} with a place", self._labels())
        memory = self._node.memory
        distance = float(request.distance) or _BEFORE
        pose = place_before(known.box, memory.occupancy, memory.T_world_body, distance)
        if pose is None:
            return {
                "success": False,
                "message": f"no free floor is known {distance:g} m before {known.object_id}.",
                "object": object_values(known),
            }
        return {
            "message": known.object_id,
            "pose": {"header": self._header(), "pose": pose_values(pose)},
            "object": object_values(known),
        }

    def get_snapshot(self, request: Message) -> Fields:  # noqa: ARG002 - An empty request.
        """Tell all about all objects."""
        node = self._node
        snapshot = update_values(
            node.memory.known(),
            (),
            sequence=node.sequence,
            full=True,
            stamp=node.now(),
            frame=node.map_frame,
        )
        return {"message": f"{len(node.memory)} objects", "snapshot": snapshot}

    def save(self, request: Message) -> Fields:
        """Write a copy of memory into a new folder."""
        self._node.memory.save(Path(request.path).expanduser())
        return {"message": f"saved to {request.path}"}

    def load(self, request: Message) -> Fields:
        """Go on with what another folder holds, in RAM."""
        path = Path(request.path).expanduser()
        self._node.take_memory(Memory.load(path, self._node.memory.config))
        return {"message": f"loaded {len(self._node.memory)} objects from {request.path}"}

    def forget(self, request: Message) -> Fields:
        """Forget one object."""
        self._node.memory.forget(request.id)
        self._node.changed_outside()
        return {"message": f"forgot {request.id}"}

    def reset(self, request: Message) -> Fields:  # noqa: ARG002 - An empty request.
        """Forget everything."""
        self._node.memory.clear()
        self._node.changed_outside()
        return {"message": "forgot everything"}

    def pause(self, request: Message) -> Fields:
        """Stop or go on taking images in."""
        self._node.pause(bool(request.data))
        return {"message": "paused" if request.data else "running"}

    def _meant(self, target: str) -> Known:
        """Return the object of an id, or the surest of a label."""
        memory = self._node.memory
        if target in memory.objects.entries or target in memory.objects.aliases:
            return memory.get(target)
        return memory.find(target)[0]

    def _labels(self) -> set[str]:
        return self._node.memory.objects.labels()

    def _header(self) -> dict[str, Any]:
        return header_values(self._node.now(), self._node.map_frame)
