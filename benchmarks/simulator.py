"""Time the household simulator against other renderers, on the same triangles, in one run.

    python benchmarks/simulator.py [--objects 100] [--repeats 40]

Each row draws the same views of one generated house. `household step` is a whole action: motion,
visibility, states, metadata, RGB, depth and instances. Peers draw what they can of RGB, depth and
instance ids, without textures and without any metadata; one that is not installed is left out.
Install them with `pip install mujoco embreex pybullet`.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tyro

from embodied_mem.backends.household.drawing import item_geometry, shell_geometry
from embodied_mem.backends.household.engine import Engine
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.render import world_rays
from embodied_mem.backends.household.simulation import EngineConfig
from embodied_mem.backends.household.views import View

SIZES = ((300, 300), (640, 480))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Benchmark of the household simulator."""

    objects: int = 100
    """Objects that the house must at least have."""
    repeats: int = 40
    """Views timed for each row."""
    seed: int = 0
    """First seed of the house generator that is tried."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One renderer at one size."""

    name: str
    size: tuple[int, int]
    milliseconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Middle of the times [ms]."""
        return statistics.median(self.milliseconds)


def timed(act: Callable[[int], object], repeats: int) -> tuple[float, ...]:
    """Time `act(i)` for each i, after three calls that are not counted [ms]."""
    for i in range(3):
        act(i)
    times = []
    for i in range(repeats):
        start = time.perf_counter()
        act(i)
        times.append(1e3 * (time.perf_counter() - start))
    return tuple(times)


def large_engine(arguments: Arguments) -> Engine:
    """An engine in the first generated house with enough objects."""
    for seed in range(arguments.seed, arguments.seed + 100):
        engine = Engine(EngineConfig(render_depth=True, render_instances=True))
        engine.create_house(generate_house(seed, GeneratorConfig(rooms=4)))
        if len(engine.world.objects) >= arguments.objects:
            return engine
    raise SystemExit(f"no generated house has {arguments.objects} objects; ask for fewer")


def views(engine: Engine, size: tuple[int, int], count: int) -> list[View]:
    """Views from reachable places of the house, the same for every renderer."""
    reachable = engine.step({"action": "GetReachablePositions"}).metadata["actionReturn"]
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(reachable), size=count)
    return [
        View(
            position=(reachable[i]["x"], 1.576, reachable[i]["z"]),
            yaw=float(90 * rng.integers(4)),
            horizon=float(rng.choice([0, 30])),
            width=size[0],
            height=size[1],
            field_of_view=90.0,
        )
        for i in chosen
    ]


def household_rows(engine: Engine, size: tuple[int, int], repeats: int) -> Iterator[Row]:
    """The simulator's own times: whole steps, and the picture alone."""
    engine.simulation.configure(width=size[0], height=size[1])
    turn = {"action": "RotateRight", "degrees": 30}  # A blocked move would draw nothing anew.
    steps = timed(lambda _: engine.step(turn), repeats)
    yield Row(name="household step", size=size, milliseconds=steps)
    renderer, items = engine.simulation.renderer, engine.world.draw_items()
    poses = views(engine, size, repeats)
    draws = timed(lambda i: renderer.draw(items, poses[i % repeats]), repeats)
    yield Row(name="household rgb+depth+ids", size=size, milliseconds=draws)


def soup(engine: Engine) -> list[np.ndarray]:
    """The triangles of each object and of the shell, each (t, 3, 3), in AI2-THOR's axes [m]."""
    pieces = [shell_geometry(engine.world.shell).corners]
    pieces += [item_geometry(item).solid.corners for item in engine.world.draw_items()]
    return [piece for piece in pieces if len(piece)]


def embree_row(pieces: Sequence[np.ndarray], poses: Sequence[View]) -> Row:
    """Embree by its Python binding: one cast for depth and ids, lit from the camera."""
    from embreex import rtcore_scene  # pyright: ignore[reportMissingImports]
    from embreex.mesh_construction import TriangleMesh  # pyright: ignore[reportMissingImports]

    corners = np.concatenate(pieces).astype(np.float32)
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, corners)

    def draw(i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rays = world_rays(poses[i % len(poses)])[0]
        origins = np.ascontiguousarray(rays[:, :3])
        directions = np.ascontiguousarray(rays[:, 3:])
        hits = scene.run(origins, directions, output=True)
        triangle = hits["primID"]
        facing = np.abs(np.einsum("ij,ij->i", normals[triangle], directions))
        rgb = np.repeat((255 * facing)[:, None], 3, axis=1).astype(np.uint8)
        return rgb, hits["tfar"], owner[triangle]

    size = (poses[0].width, poses[0].height)
    return Row(name="embreex", size=size, milliseconds=timed(draw, len(poses)))


def mujoco_row(pieces: Sequence[np.ndarray], poses: Sequence[View]) -> Row:
    """MuJoCo's renderer without shadows: RGB, depth and segmentation are three passes."""
    import mujoco  # pyright: ignore[reportMissingImports]

    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = poses[0].width, poses[0].height
    spec.visual.quality.shadowsize = 0
    spec.worldbody.add_light(pos=[0, 0, 5])
    for i, piece in enumerate(pieces):
        points = piece.reshape(-1, 3)[:, [0, 2, 1]]  # Its z is up.
        mesh = spec.add_mesh(name=f"m{i}", inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
        mesh.uservert = points.ravel().tolist()
        mesh.userface = np.arange(len(points)).ravel().tolist()
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"m{i}", contype=0, conaffinity=0
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = mujoco.Renderer(model, poses[0].height, poses[0].width)
    camera = mujoco.MjvCamera()

    def draw(i: int) -> None:
        view = poses[i % len(poses)]
        camera.lookat[:] = np.asarray(view.position)[[0, 2, 1]]
        camera.distance, camera.azimuth, camera.elevation = 0.01, 90 - view.yaw, -view.horizon
        for mode in ("rgb", "depth", "ids"):
            renderer.disable_depth_rendering()
            renderer.disable_segmentation_rendering()
            if mode == "depth":
                renderer.enable_depth_rendering()
            elif mode == "ids":
                renderer.enable_segmentation_rendering()
            renderer.update_scene(data, camera)
            renderer.render()

    size = (poses[0].width, poses[0].height)
    row = Row(name="mujoco, 3 passes", size=size, milliseconds=timed(draw, len(poses)))
    renderer.close()
    return row


def bullet_row(pieces: Sequence[np.ndarray], poses: Sequence[View]) -> Row:
    """PyBullet's TinyRenderer: RGB, depth and segmentation in one call."""
    import pybullet  # pyright: ignore[reportMissingImports]

    client = pybullet.connect(pybullet.DIRECT)
    for piece in pieces:
        points = piece.reshape(-1, 3)
        for start in range(0, len(points), 3 * 8000):  # A shape's size is bounded.
            part = points[start : start + 3 * 8000]
            shape = pybullet.createVisualShape(
                pybullet.GEOM_MESH, vertices=part.tolist(), indices=list(range(len(part)))
            )
            pybullet.createMultiBody(baseVisualShapeIndex=shape)

    def draw(i: int) -> None:
        view = poses[i % len(poses)]
        yaw, pitch = np.radians(view.yaw), np.radians(view.horizon)
        ahead = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        eye = np.asarray(view.position)
        look = pybullet.computeViewMatrix(eye.tolist(), (eye + ahead).tolist(), [0, 1, 0])
        lens = pybullet.computeProjectionMatrixFOV(90, view.width / view.height, 0.1, 20)
        pybullet.getCameraImage(
            view.width, view.height, look, lens, renderer=pybullet.ER_TINY_RENDERER, shadow=0
        )

    size = (poses[0].width, poses[0].height)
    row = Row(name="pybullet TinyRenderer", size=size, milliseconds=timed(draw, len(poses)))
    pybullet.disconnect(client)
    return row


PEERS = {"embreex": embree_row, "mujoco": mujoco_row, "pybullet": bullet_row}


def main(arguments: Arguments) -> None:
    """Print one table: medians, and each row's ratio to the household's own picture."""
    engine = large_engine(arguments)
    pieces = soup(engine)
    triangles = sum(map(len, pieces))
    print(f"{len(engine.world.objects)} objects, {triangles} triangles, {arguments.repeats} views")
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    print(f"{'':26}{'size':>10}{'median ms':>11}{'min':>8}{'max':>8}{'ratio':>8}")
    for size in SIZES:
        rows = list(household_rows(engine, size, arguments.repeats))
        poses = views(engine, size, arguments.repeats)
        rows += [peer(pieces, poses) for name, peer in PEERS.items() if name not in missing]
        for row in rows:
            ratio, times = row.median / rows[1].median, row.milliseconds
            print(
                f"{row.name:26}{size[0]:>6}x{size[1]}{row.median:>11.1f}{min(times):>8.1f}"
                f"{max(times):>8.1f}{ratio:>8.2f}"
            )
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
