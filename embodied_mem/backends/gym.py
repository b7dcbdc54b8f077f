"""The household simulator as a Gymnasium environment."""

from typing import Any

import numpy as np

from embodied_mem.backends.event_step import FAR_PLANE
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.task_sampling import sample_tasks
from embodied_mem.config import Config
from embodied_mem.errors import MissingExtraError
from embodied_mem.goals import Goal, Progress, parse_goal
from embodied_mem.interfaces import Step
from embodied_mem.types import Action

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    raise MissingExtraError("the Gymnasium environment", "gym") from error

ENV_ID = "EmbodiedMem/Household-v0"
"""Name under which `register` makes the environment known."""

MOTIONS = (
    "MoveAhead", "MoveBack", "MoveLeft", "MoveRight", "RotateLeft", "RotateRight", "LookUp",
    "LookDown", "Crouch", "Stand",
)  # fmt: skip
"""Actions that move the agent or its camera."""

INTERACTIONS = (
    "PickupObject", "PutObject", "OpenObject", "CloseObject", "ToggleObjectOn", "ToggleObjectOff",
    "SliceObject",
)  # fmt: skip
"""Actions on the object at the centre of the image."""

ACTIONS = (*MOTIONS, *INTERACTIONS, "DropHandObject")
"""The discrete actions, in order of their numbers."""


class HouseholdEnvConfig(Config, frozen=True):
    """A household task for reinforcement learning."""

    sim: HouseholdSimConfig = HouseholdSimConfig()
    """The house and the camera."""
    goal: str | None = None
    """What to do, in predicate form; a feasible task is drawn at each reset when None."""
    max_steps: int = 500
    """Actions until the episode is truncated."""
    step_reward: float = -0.001
    """Added for every action."""
    failure_reward: float = -0.01
    """Added for an action that the simulator refused."""


Observation = dict[str, Any]
"""rgb (h, w, 3) uint8; depth (h, w) float32 [m], 0 where unknown; pose (4,) float64: x, y [m], yaw
and camera pitch, down positive [rad], of REP 103's world; holding: 1 while something is held."""


class HouseholdEnv(gymnasium.Env[Observation, np.int64]):
    """One house, one goal per episode.

    The reward of an action is the change of the share of goal conditions that hold, plus the
    config's step and failure rewards. An episode terminates when all conditions hold. `info` has
    the goal, `met`, `total`, `action_success` and `message`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012 - Gymnasium's own.

    def __init__(
        self, config: HouseholdEnvConfig | None = None, *, render_mode: str | None = None
    ) -> None:
        """Build the simulator.

        Args:
            config: House, goal and rewards.
            render_mode: None or `rgb_array`; `render` then returns the agent's image.

        Raises:
            HouseError: The house cannot be read.
            GoalError: The goal cannot be read.
        """
        self.config = HouseholdEnvConfig() if config is None else config
        self.render_mode = render_mode
        self._fixed_goal = None if self.config.goal is None else parse_goal(self.config.goal)
        self.sim = HouseholdSim(self.config.sim)
        self.goal: Goal | None = None
        self._step: Step | None = None
        self._progress = Progress(0, 1)
        self._steps = 0
        size = (self.config.sim.height, self.config.sim.width)
        self.action_space = spaces.Discrete(len(ACTIONS))  # type: ignore[assignment]
        self.observation_space = spaces.Dict(
            {
                "rgb": spaces.Box(0, 255, (*size, 3), np.uint8),
                "depth": spaces.Box(0.0, FAR_PLANE, size, np.float32),
                "pose": spaces.Box(-np.inf, np.inf, (4,), np.float64),
                "holding": spaces.Discrete(2),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seed of the tasks that are drawn.
            options: `goal`, in predicate form, for this episode alone.

        Raises:
            GoalError: The goal cannot be read, or the house has no feasible task.
        """
        super().reset(seed=seed)
        self._step = self.sim.reset()
        given = (options or {}).get("goal")
        self.goal = self._fixed_goal if given is None else parse_goal(str(given))
        if self.goal is None:
            (self.goal,) = sample_tasks(
                self.sim.engine, 1, seed=int(self.np_random.integers(2**31))
            )
        self._progress = self.sim.judge(self.goal)
        self._steps = 0
        return self._observation(), self._info()

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Carry out one of `ACTIONS` by its number."""
        assert self.goal is not None, "call reset before step"
        name = ACTIONS[int(action)]
        pointed = {"x": 0.5, "y": 0.5} if name in INTERACTIONS else {}
        self._step = self.sim.step(Action(name=name, arguments=pointed))
        self._steps += 1
        before, self._progress = self._progress, self.sim.judge(self.goal)
        reward = (self._progress.met - before.met) / self._progress.total + self.config.step_reward
        if not self._step.action_success:
            reward += self.config.failure_reward
        truncated = self._steps >= self.config.max_steps
        return self._observation(), reward, self._progress.complete, truncated, self._info()

    def render(self) -> np.ndarray | None:
        """Return the agent's image in render mode `rgb_array`."""
        if self.render_mode != "rgb_array" or self._step is None:
            return None
        return self._step.frame.rgb

    def close(self) -> None:
        """Release the simulator. May be called twice."""
        self.sim.close()

    def _observation(self) -> Observation:
        assert self._step is not None
        frame = self._step.frame
        assert frame.depth is not None
        assert frame.T_world_body is not None
        assert frame.T_world_camera is not None
        x, y, _ = frame.T_world_body.translation
        forward = frame.T_world_body.rotation.apply([1.0, 0.0, 0.0])
        sight = frame.T_world_camera.rotation.apply([0.0, 0.0, 1.0])
        pose = [x, y, np.arctan2(forward[1], forward[0]), -np.arcsin(np.clip(sight[2], -1, 1))]
        return {
            "rgb": frame.rgb.copy(),
            "depth": np.nan_to_num(frame.depth, nan=0.0),
            "pose": np.array(pose, dtype=np.float64),
            "holding": np.int64(bool(self.sim.metadata["inventoryObjects"])),
        }

    def _info(self) -> dict[str, Any]:
        assert self._step is not None
        return {
            "goal": str(self.goal),
            "met": self._progress.met,
            "total": self._progress.total,
            "action_success": self._step.action_success,
            "message": self._step.message,
        }


def register() -> None:
    """Make `gymnasium.make(ENV_ID, config=...)` work."""
    gymnasium.register(id=ENV_ID, entry_point=f"{__name__}:{HouseholdEnv.__name__}")
