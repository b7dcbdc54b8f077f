"""MIKASA-Robo's RememberColor tasks: a cue, nothing, then a choice that the cue decides.

Needs `mani_skill` and `mikasa_robo_suite`, which pin old versions of much that we use: they live in
an environment of their own (docs/policy.md), and so does everything that imports this module.
"""

from dataclasses import dataclass
from typing import Any

import gymnasium
import mani_skill.envs  # pyright: ignore[reportMissingImports] # noqa: F401 - registers robots.
import mikasa_robo_suite.vla.memory_envs.remember_color_vla  # pyright: ignore[reportMissingImports] # noqa: F401
import numpy as np
import torch
from jaxtyping import Float32, UInt8

from embodied_mem.backends.demonstrations import Task

TASKS = tuple(f"RememberColor{count}-VLA-v0" for count in (3, 5, 9))
"""Tasks by the number of things to choose from; chance is one over it."""

OFFICIAL_SEED = 4242424242
"""Seed of the benchmark's first episode; the others count on from it."""

REACH = 0.05
"""Distance from tool to cube at which it counts as touched [m]."""

_ROWS, _COLUMNS = slice(28, 92), slice(24, 104)
"""What the policy sees of the 128 x 128 image: the table's middle, with the hand."""

_HELD_BACK = "hand_camera"
"""Rendering it takes two thirds of the time, and the tasks can be seen without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the policy sees, and what only experts and judges may look at."""

    image: UInt8[np.ndarray, "64 80 3"]
    proprio: Float32[np.ndarray, "16"]
    """Pose of the tool (x y z [m], qw qx qy qz) and joints [rad, m]."""
    step: int
    """Steps since the episode began."""
    success: bool
    """The right cube is touched, and the arm is at rest."""
    options: Float32[np.ndarray, "o 3"]
    """Privileged: where the cubes are [m], far away while hidden."""
    cue: int
    """Privileged: the right one."""
    reveal: int
    """Privileged: first step that shows them all."""

    @property
    def tool(self) -> Float32[np.ndarray, "3"]:
        """Where the tool is [m]."""
        return self.proprio[:3]

    @property
    def touched(self) -> int | None:
        """The cube that the tool is at, if any."""
        distances = np.linalg.norm(self.options - self.tool, axis=1)
        nearest = int(distances.argmin())
        revealed = self.step >= self.reveal
        return nearest if revealed and distances[nearest] <= REACH else None


class RememberColor:
    """One of the tasks, one episode at a time, on the CPU.

    Args:
        task: One of `TASKS`.
    """

    horizon = 25
    """Steps to an episode."""
    actions = 7
    """Motion of the tool (x y z in tenths of a metre, three angles), gripper; all in -1 to 1."""

    def __init__(self, task: str) -> None:
        self._env: Any = gymnasium.make(
            task,
            num_envs=1,
            obs_mode="rgb",
            control_mode="pd_ee_delta_pose",
            reward_mode="none",
            sim_backend="cpu",
            render_backend="cpu",
        )
        self._inside: Any = self._env.unwrapped
        self._env.reset(seed=0)
        for parts in (self._inside._sensors, self._inside._sensor_configs):  # noqa: SLF001
            parts.pop(_HELD_BACK, None)
        self.task = Task(name=task, instruction=str(self._inside.LANGUAGE_INSTRUCTION))

    def reset(self, seed: int) -> Observation:
        """Begin the episode of a seed."""
        # The task draws from the global generator too, which the seed of an episode sets.
        seen, _ = self._env.reset(seed=seed)
        return self._observed(seen, success=False)

    def step(self, action: Float32[np.ndarray, "7"]) -> Observation:
        """Do one action."""
        seen, _, _, _, info = self._env.step(torch.from_numpy(action)[None])
        return self._observed(seen, success=bool(info["success"][0]))

    def close(self) -> None:
        """Let go of the simulator."""
        self._env.close()

    def _observed(self, seen: dict[str, Any], *, success: bool) -> Observation:
        inside = self._inside
        image = seen["sensor_data"]["base_camera"]["rgb"][0].numpy()
        pose, joints = seen["extra"]["tcp_pose"][0], seen["agent"]["qpos"][0]
        return Observation(
            image=np.ascontiguousarray(image[_ROWS, _COLUMNS]),
            proprio=torch.cat([pose, joints]).numpy().astype(np.float32),
            step=int(inside.elapsed_steps[0]),
            success=success,
            options=np.stack([cube.pose.p[0].numpy() for cube in inside.cubes.values()]),
            cue=int(inside.true_color_indices[0]),
            reveal=int(inside.cue_steps_per_env[0] + inside.empty_steps_per_env[0]),
        )
