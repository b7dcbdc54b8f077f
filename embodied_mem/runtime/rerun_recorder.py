"""A rerun recording: images, boxes, points, floor plan, path and plan on one timeline.

Imported only where it is asked for: rerun is an extra.
"""

from pathlib import Path

import cv2
import numpy as np
import rerun as rr
import rerun.blueprint as rrb
from scipy.spatial.transform import RigidTransform

from embodied_mem.errors import StoreError
from embodied_mem.goals import Goal
from embodied_mem.interfaces import Decision, Outcome, Step
from embodied_mem.memory import Known, Memory
from embodied_mem.types import Camera, Frame, Percept

_GREYS = np.array([[60, 62, 68], [225, 228, 232], [110, 120, 140]], np.uint8)  # State to colour.
_STATUS = {
    "present": (90, 170, 250),
    "moved": (250, 180, 60),
    "held": (120, 220, 120),
    "gone": (160, 90, 90),
}


class RerunRecorder:
    """Writes a .rrd file that rerun's viewer plays; timelines `step` and `time`."""

    def __init__(self, path: str | Path, *, every: int = 1, map_every: int = 5):
        """Open a recording.

        Args:
            path: The .rrd file.
            every: Images and points of one in so many steps are written.
            map_every: The floor plan and all known boxes of one in so many steps are written.

        Raises:
            StoreError: The file cannot be written.
        """
        self.path = Path(path)
        self._every, self._map_every = every, map_every
        self._recording = rr.RecordingStream("embodied-mem")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}.") from error
        self._recording.save(self.path)
        self._recording.send_blueprint(_layout())
        self._recording.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        self._count = 0
        self._path: list[list[float]] = []
        self._plan: tuple[str, ...] | None = None

    def on_start(self, goal: Goal, memory: Memory) -> None:
        """Note the goal."""
        self._plan = None
        words = goal.text or str(goal)
        self._say(f"goal: {words} ({len(memory)} objects known)")

    def on_step(self, step: Step, percept: Percept, decision: Decision, memory: Memory) -> None:
        """Record one decision."""
        self._recording.set_time("step", sequence=self._count)
        self._recording.set_time("time", duration=step.frame.stamp)
        frame = percept.frame
        self._log_body(frame)
        if self._count % self._every == 0:
            self._log_images(frame)
            self._log_points(percept)
        if self._count % self._map_every == 0:
            self._log_memory(memory)
        self._log_words(step, decision)
        self._count += 1

    def on_end(self, outcome: Outcome, memory: Memory) -> None:
        """Record the outcome, and see to it that the file is whole."""
        self._log_memory(memory)
        result = "reached" if outcome.success else "not reached"
        self._say(f"{result} after {outcome.steps} steps: {outcome.reason}")
        self._recording.flush()

    def close(self) -> None:
        """Finish the file. May be called twice."""
        self._recording.flush()
        self._recording.disconnect()

    def _log_body(self, frame: Frame) -> None:
        if frame.T_world_body is not None:
            self._path.append(frame.T_world_body.translation.tolist())
            self._recording.log("world/body", _transform(frame.T_world_body))
            self._recording.log(
                "world/path", rr.LineStrips3D([self._path], colors=[(230, 70, 70)], radii=0.015)
            )
        if frame.T_world_camera is not None and frame.camera is not None:
            self._recording.log("world/camera", _transform(frame.T_world_camera))
            self._recording.log("world/camera/image", _pinhole(frame.camera))

    def _log_images(self, frame: Frame) -> None:
        self._recording.log("world/camera/image", rr.Image(frame.rgb).compress(jpeg_quality=80))
        if frame.depth is not None:
            millimetres = np.nan_to_num(np.clip(frame.depth * 1000, 0, 65535)).astype(np.uint16)
            encoded, png = cv2.imencode(".png", millimetres, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            assert encoded
            self._recording.log(
                "world/camera/image/depth",
                rr.EncodedDepthImage(blob=png.tobytes(), media_type="image/png", meter=1000.0),
            )

    def _log_points(self, percept: Percept) -> None:
        counts = [len(points) for points in percept.points]
        if sum(counts):
            means = np.stack([percept.frame.rgb[mask].mean(axis=0) for mask in percept.masks])
            colours = np.repeat(means.astype(np.uint8), counts, axis=0)  # (points, 3)
            points = np.concatenate(percept.points)
            self._recording.log("world/points", rr.Points3D(points, colors=colours, radii=0.012))

    def _log_memory(self, memory: Memory) -> None:
        placed = [known for known in memory.known() if np.isfinite(known.box).all()]
        self._recording.log(
            "world/objects",
            rr.Boxes3D(
                centers=[known.position for known in placed],
                sizes=[known.size for known in placed],
                labels=[_words(known) for known in placed],
                colors=[_STATUS[known.status] for known in placed],
                show_labels=False,
            ),
        )
        states = memory.occupancy.states
        if states.size:
            plan = np.ascontiguousarray(_GREYS[states][::-1])  # North (y) is up.
            self._recording.log("floor_plan", rr.Image(plan).compress(jpeg_quality=90))

    def _log_words(self, step: Step, decision: Decision) -> None:
        words = f"{decision.phase}: {decision.action}  {decision.reason}"
        if not step.action_success:
            self._say(step.message, rr.TextLogLevel.WARN)
        self._say(words)
        if decision.plan != self._plan:
            lines = "\n".join(f"{i}. {line}" for i, line in enumerate(decision.plan, start=1))
            document = rr.TextDocument(lines or "no plan yet", media_type=rr.MediaType.MARKDOWN)
            self._recording.log("plan", document)
            self._plan = decision.plan

    def _say(self, words: str, level: rr.TextLogLevel = rr.TextLogLevel.INFO) -> None:
        # Always with a level: one that is left out keeps that of the line before.
        self._recording.log("log", rr.TextLog(words, level=level))


def _layout() -> rrb.Blueprint:
    """What the viewer shows first: the world, what the camera sees, the plan and its steps."""
    return rrb.Blueprint(
        rrb.Horizontal(
            rrb.Vertical(
                rrb.Spatial3DView(origin="world", name="what is remembered"),
                rrb.TextLogView(origin="log", name="steps"),
                row_shares=[3, 1],
            ),
            rrb.Vertical(
                rrb.Tabs(
                    rrb.Spatial2DView(
                        origin="world/camera/image", contents="world/camera/image", name="colour"
                    ),
                    rrb.Spatial2DView(
                        origin="world/camera/image",
                        contents="world/camera/image/depth",
                        name="depth",
                    ),
                ),
                rrb.Spatial2DView(origin="floor_plan", name="floor plan"),
                rrb.TextDocumentView(origin="plan", name="plan"),
                row_shares=[2, 2, 1],
            ),
            column_shares=[2, 1],
        ),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed"),
    )


def _transform(pose: RigidTransform) -> rr.Transform3D:
    return rr.Transform3D(translation=pose.translation, mat3x3=pose.rotation.as_matrix())


def _pinhole(camera: Camera) -> rr.Pinhole:
    return rr.Pinhole(
        focal_length=(camera.fx, camera.fy),
        principal_point=(camera.cx, camera.cy),
        width=camera.width,
        height=camera.height,
        camera_xyz=rr.ViewCoordinates.RDF,
        image_plane_distance=0.4,
    )


def _words(known: Known) -> str:
    states = [name for name, value in known.attributes.items() if value is True]
    return f"{known.label} ({', '.join((known.status, *states))})"
