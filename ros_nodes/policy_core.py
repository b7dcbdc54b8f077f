"""A trained policy as a node: observations in, actions out at a rate, and a stop when it is late.

An action is published only if the observation that it was made of is fresh. Where there is none, or
the network did not answer in time, the stop action goes out instead, at the same rate.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from ros_nodes import images, outputs
from ros_nodes.drops import Reason, UnusableMessageError
from ros_nodes.messages import Message
from ros_nodes.stamps import SECOND, header_values, nanoseconds
from ros_nodes.tf_buffer import BACK
from ros_nodes.time_sync import TimeSync
from ros_nodes.transport import EVENTS, SENSOR, STATE, Qos, Transport
from ros_nodes.worker import Worker

_QUEUE = 10


class PolicyNodeConfig(Config, frozen=True):
    """A policy node."""

    name: str = "policy"
    namespace: str = "/"
    weights: str = ""
    """Of the policy."""
    instruction: str = ""
    """One of those that it was trained on."""
    device: str = "cpu"
    """Where the network runs."""
    executed: int = 1
    """Actions of a chunk that are done before the next is drawn."""
    image: str = "/camera/color/image_raw"
    """What is seen; brought to the size that the policy takes."""
    state: str = "/joint_states"
    """`sensor_msgs/JointState`: its positions are the robot's own state, the tool's pose and the
    joints, as demonstrations hold it."""
    reliable: bool = False
    """Whether images are asked for reliably."""
    sync_slop: float = 0.05
    """Most that the stamps of image and state may differ [s]."""
    rate: float = 5.0
    """Actions a second [Hz]."""
    late: float = 0.5
    """From an image's stamp to its action; what takes longer is a stop instead [s]."""
    stop: tuple[float, ...] = ()
    """The action that does nothing; zeros when empty."""
    diagnostics_period: float = 1.0
    """Time between two diagnostics [s]."""

    def __post_init__(self) -> None:
        if not (self.rate > 0 and self.late > 0):
            raise ConfigError(f"rate and late must be positive, got {self.rate} and {self.late}.")


@runtime_checkable
class Acting(Protocol):
    """`planners.diffusion.policy.DiffusionPolicy`, as far as a node needs it."""

    def act(
        self,
        images: UInt8[np.ndarray, "b h w 3"],
        proprio: Float32[np.ndarray, "b p"],
        instruction: str,
        *,
        steps: Float32[np.ndarray, "b"],
        begins: Bool[np.ndarray, "b"],
    ) -> Float32[np.ndarray, "b a"]:
        """Take in a frame, and say what to do."""
        ...


class PolicyNode:
    """Acts on what is seen, or stops."""

    def __init__(
        self,
        config: PolicyNodeConfig,
        transport: Transport,
        worker: Worker,
        policy: Acting,
        *,
        size: tuple[int, int, int, int],
    ):
        """Create topics and services; nothing is done before `activate`.

        Args:
            config: Parameters.
            transport: The connection.
            worker: Where the network runs.
            policy: The network.
            size: Height and width of its images [px], numbers of the state and of an action.

        Raises:
            ConfigError: The stop action is of another size.
        """
        self.config, self._transport, self._worker = config, transport, worker
        self._policy, (*self._size, self._felt, actions) = policy, size
        self._stop = tuple(config.stop) or (0.0,) * actions
        if len(self._stop) != actions:
            raise ConfigError(f"stop must hold {actions} numbers, got {len(self._stop)}.")
        self.drops = transport.drops
        self._sync = TimeSync(
            ("image", "state"),
            self.drops,
            slop=round(config.sync_slop * SECOND),
            capacity=_QUEUE,
        )
        self._seen: tuple[int, tuple[Any, ...]] | None = None
        self._pending = False
        self._newest = 0
        self._told = ""
        self._is_active = False
        self.step = 0
        """Actions since the episode began."""
        self.stops = 0
        """Stops that were sent since then."""
        offer, listen = transport.advertise, transport.subscribe
        self._action = offer("~/action", "std_msgs/msg/Float32MultiArray", EVENTS)
        self._state = offer("~/state", "std_msgs/msg/String", STATE)
        self._diagnostics = offer("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", EVENTS)
        sensor = Qos(reliable=config.reliable, depth=SENSOR.depth)
        listen(config.image, "sensor_msgs/msg/Image", lambda m: self._take("image", m), sensor)
        listen(config.state, "sensor_msgs/msg/JointState", lambda m: self._take("state", m), sensor)
        transport.serve("~/reset", "std_srvs/srv/Trigger", self._on_reset)
        transport.every(1 / config.rate, self.tick)
        transport.every(config.diagnostics_period, self._publish_diagnostics)

    def activate(self) -> None:
        """Begin an episode."""
        self._begin()
        self._is_active = True

    def deactivate(self) -> None:
        """Stop."""
        if self._is_active:
            self._halt("inactive")
        self._is_active = False

    def close(self) -> None:
        """Stop, and finish what was taken in. May be called twice."""
        self.deactivate()
        self._worker.close()

    def tick(self) -> None:
        """Have the next action made, or stop."""
        if not self._is_active:
            return
        seen = self._seen
        if seen is None or self._age(seen[0]) > self.config.late:
            self._halt("no observation" if seen is None else "late")
        elif self._pending:
            return  # It is being thought about, and not late yet.
        else:
            self._pending = True
            self._worker.frame(lambda: self._act(*seen))

    def _act(self, stamp: int, messages: tuple[Any, ...]) -> None:
        try:
            action = self._decide(*messages)
        except UnusableMessageError as error:
            self.drops.add(error.reason, str(error))
            action = None
        self._pending = False
        if not self._is_active or action is None:
            return
        if self._age(stamp) > self.config.late:
            self.drops.add(Reason.LATE, f"an action was {self._age(stamp):.2f} s late")
            self._halt("late")
            return
        self._publish(action.tolist(), "acting")

    def _decide(self, image: Message, state: Message) -> Float32[np.ndarray, "a"]:
        felt = np.asarray(state.position, np.float32)
        if len(felt) != self._felt or not np.isfinite(felt).all():
            raise UnusableMessageError(
                Reason.MALFORMED, f"the state must hold {self._felt} numbers, got {felt}."
            )
        height, width = self._size
        seen = images.color_image(image)
        if seen.shape[:2] != (height, width):
            seen = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)
        begins, self._begins = self._begins, False
        self.step += 1
        return self._policy.act(
            np.asarray(seen, np.uint8)[None],
            felt[None],
            self.config.instruction,
            steps=np.array([self.step - 1], np.float32),
            begins=np.array([begins]),
        )[0]

    def _take(self, topic: str, message: Message) -> None:
        stamp = nanoseconds(message.header.stamp)
        if stamp == 0:
            self.drops.add(Reason.ZERO_STAMP, f"a message of {topic} has no stamp")
            return
        if stamp < self._newest - BACK:
            self.drops.add(Reason.CLOCK_JUMP, f"the clock went back to {stamp} ns")
            self._sync.jump_back(stamp)
            self._newest = stamp
            self._begin()
        self._newest = max(self._newest, stamp)
        for seen in self._sync.add(topic, stamp, message):
            self._seen = seen

    def _age(self, stamp: int) -> float:
        return (self._transport.now() - stamp) / SECOND

    def _begin(self) -> None:
        self._begins, self._seen = True, None
        self.step = self.stops = 0

    def _halt(self, why: str) -> None:
        self.stops += 1
        self._publish(self._stop, why)

    def _publish(self, action: Sequence[float], state: str) -> None:
        self._action({"data": np.asarray(action, np.float32)})
        if state != self._told:
            self._told = state
            self._state({"data": state})

    def _on_reset(self, request: Message) -> outputs.Fields:  # noqa: ARG002 - An empty request.
        self._begin()
        return {"success": True, "message": "a new episode began"}

    def _publish_diagnostics(self) -> None:
        state = self._told if self._is_active else "inactive"
        values = {"actions": self.step, "stops": self.stops}
        problems = self._transport.problems()
        told = outputs.diagnostics_values(self.config.name, state, values, self.drops, problems)
        header = header_values(self._transport.now(), "")
        self._diagnostics({"header": header, "status": [told]})
