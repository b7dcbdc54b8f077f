"""MIKASA-Robo's RememberColor and RememberShape: a cue, nothing, then a choice that it decides.

Needs `mani_skill` and `mikasa_robo_suite`, which pin old versions of much that we use: they live in
an environment of their own (docs/policy.md), and so does everything that imports this module.
"""

from dataclasses import dataclass
from typing import Any

import gymnasium
import mani_skill.envs  # pyright: ignore[reportMissingImports] # noqa: F401 - registers robots.
import mikasa_robo_suite.vla.memory_envs.remember_color_vla  # pyright: ignore[reportMissingImports]
import mikasa_robo_suite.vla.memory_envs.remember_shape_vla  # pyright: ignore[reportMissingImports] # noqa: F401
import numpy as np
import sapien  # pyright: ignore[reportMissingImports]
import torch
from jaxtyping import Float32, UInt8

from embodied_mem.backends.demonstrations import Task
from embodied_mem.backends.mikasa.culling import seen_from

TASKS = tuple(f"Remember{what}{count}-VLA-v0" for what in ("Color", "Shape") for count in (3, 5, 9))
"""Tasks by the number of things to choose from; chance is one over it."""

OFFICIAL_SEED = 4242424242
"""Seed of the benchmark's first episode; the others count on from it."""

REACH = 0.05
"""Distance from tool to a thing at which it counts as touched [m]."""

_ROWS, _COLUMNS = slice(28, 92), slice(24, 104)
"""What the policy sees of the 128 x 128 image: the table's middle, with the hand."""

_HELD_BACK = "hand_camera"
"""Rendering it takes two thirds of the time, and the tasks can be seen without."""

_DETAILED = "camera_link"
"""The wrist's camera: 425,160 triangles of 560,000, down to the threads of its screws."""

_EYE = (0.3, 0, 0.6)
"""Where the camera stands that the policy sees with [m]."""

_NAMES = {
    "Color": ("cubes", "true_color_indices"),
    "Shape": ("shape_actors", "true_shape_indices"),
}
"""What the benchmark calls the things to choose from, and which of them is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the policy sees, and what only experts and judges may look at."""

    image: UInt8[np.ndarray, "64 80 3"]
    proprio: Float32[np.ndarray, "16"]
    """Pose of the tool (x y z [m], qw qx qy qz) and joints [rad, m]."""
    step: int
    """Steps since the episode began."""
    success: bool
    """The right thing is touched, and the arm is at rest."""
    options: Float32[np.ndarray, "o 3"]
    """Privileged: where the things are [m], far away while hidden."""
    cue: int
    """Privileged: the right one."""
    hides: int
    """Privileged: first step that shows nothing."""
    reveal: int
    """Privileged: first step that shows them all."""
    camera: Float32[np.ndarray, "3 4"]
    """Privileged: takes a place (x y z 1) [m] to column, row and 1 in the image, up to scale."""

    @property
    def tool(self) -> Float32[np.ndarray, "3"]:
        """Where the tool is [m]."""
        return self.proprio[:3]

    @property
    def touched(self) -> int | None:
        """The thing that the tool is at, if any."""
        distances = np.linalg.norm(self.options - self.tool, axis=1)
        nearest = int(distances.argmin())
        revealed = self.step >= self.reveal
        return nearest if revealed and distances[nearest] <= REACH else None


class RememberTask:
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
        self._things, self._right = _NAMES["Shape" if "Shape" in task else "Color"]
        self._env.reset(seed=0)
        for parts in (self._inside._sensors, self._inside._sensor_configs):  # noqa: SLF001
            parts.pop(_HELD_BACK, None)
        self._leave_out_what_is_not_seen()
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

    def _leave_out_what_is_not_seen(self) -> None:
        """Draw no more of the wrist's camera than can be seen, in half the time.

        Of 24 images of 128 x 128 compared, 21 stayed the same to the bit; one or two pixels of the
        others changed.
        """
        entities = self._inside.scene.sub_scenes[0].entities
        (entity,) = (entity for entity in entities if entity.name == _DETAILED)
        body = entity.find_component_by_type(sapien.render.RenderBodyComponent)
        (shape,) = body.render_shapes
        (part,) = shape.parts
        pose = (entity.pose * shape.local_pose).inv()
        kept = part.triangles[
            seen_from(part.vertices, part.triangles, (pose * sapien.Pose(_EYE)).p)
        ]
        vertices = part.vertices[kept].reshape(-1, 3)  # No two triangles share any, as they came.
        less = sapien.render.RenderShapeTriangleMesh(
            vertices,
            np.arange(len(vertices), dtype=np.uint32).reshape(-1, 3),
            _flat_normals(vertices),
            np.zeros((len(vertices), 2), np.float32),
            part.material,
        )
        less.local_pose = shape.local_pose
        drawn = sapien.render.RenderBodyComponent()
        drawn.attach(less)
        entity.add_component(drawn)
        body.visibility = 0.0

    def _observed(self, seen: dict[str, Any], *, success: bool) -> Observation:
        inside, things = self._inside, getattr(self._inside, self._things)
        image = seen["sensor_data"]["base_camera"]["rgb"][0].numpy()
        pose, joints = seen["extra"]["tcp_pose"][0], seen["agent"]["qpos"][0]
        return Observation(
            image=np.ascontiguousarray(image[_ROWS, _COLUMNS]),
            proprio=torch.cat([pose, joints]).numpy().astype(np.float32),
            step=int(inside.elapsed_steps[0]),
            success=success,
            options=np.stack([thing.pose.p[0].numpy() for thing in things.values()]),
            cue=int(getattr(inside, self._right)[0]),
            hides=int(inside.cue_steps_per_env[0]),
            reveal=int(inside.cue_steps_per_env[0] + inside.empty_steps_per_env[0]),
            camera=_cut(seen["sensor_param"]["base_camera"]),
        )


def _cut(camera: dict[str, torch.Tensor]) -> Float32[np.ndarray, "3 4"]:
    """Projection of a camera, of whose image only some rows and columns are kept."""
    inner = camera["intrinsic_cv"][0].numpy().astype(np.float32)
    inner[:2, 2] -= _COLUMNS.start, _ROWS.start
    return inner @ camera["extrinsic_cv"][0].numpy()


def _flat_normals(vertices: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
    """Normals of triangles, three vertices each, for each vertex."""
    corners = vertices.reshape(-1, 3, 3).astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return np.repeat(normals, 3, axis=0).astype(np.float32)
