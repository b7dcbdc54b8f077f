"""A depth camera's errors on a simulator's frames, drawn from a seed."""

from dataclasses import replace
from typing import assert_never

import numpy as np
from jaxtyping import Bool, Float32
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.backends import depth_errors as errors
from embodied_mem.backends.calibration import register, splat
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, FrameError
from embodied_mem.types import Camera, Frame

SHINY = frozenset({"Mirror", "Faucet", "Kettle", "Window", "ShowerGlass", "WineBottle"})
"""Labels of things that reflect or let through most of what is shone on them."""


class MountConfig(Config, frozen=True):
    """How well depth and colour belong together."""

    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Error of the depth camera's orientation, as a rotation vector [rad]."""
    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Error of its position, in the optical frame [m]."""
    late: float = 0.0
    """Depth is of so long before the colour image [s]."""
    readout: float = 0.0
    """The first row is older than the last by this much [s] (a rolling shutter)."""

    def __post_init__(self) -> None:
        if not (self.late >= 0 and self.readout >= 0):
            raise ConfigError("mount.late and mount.readout must be >= 0 s.")


class StructuredLightConfig(Config, frozen=True, tag="structured_light"):
    """A projector beside a camera: the first Kinect and its like."""

    seed: int = 0
    baseline: float = 0.075
    """From camera to projector, to the right [m]."""
    focal: float = 585.0
    """Of the sensor, whatever the picture's: rules the steps of depth [px]."""
    disparity_step: float = 0.125
    """Smallest difference of disparity [px]."""
    noise: float = 1.0
    """Times the axial noise of Nguyen et al."""
    lateral: float = 0.5
    """Deviation of the shift along the picture [px]; makes flying pixels at edges."""
    grazing: tuple[float, float] = (1.2, 1.45)
    """Angles between normal and ray from which surfaces begin to fail, and always do [rad]."""
    dark: tuple[float, float] = (40.0, 10.0)
    """Brightness from which surfaces begin to fail, and fail half of the time [0..255]."""
    shiny: float = 0.8
    """Share of patches that fail on what reflects or lets through."""
    dropout: float = 0.005
    """Share of pixels that fail anywhere."""
    shadows: bool = True
    """Whether what the projector does not reach is unknown."""
    near: float = 0.5
    """Least depth [m]."""
    far: float = 8.0
    """Greatest depth [m]."""
    mount: MountConfig = MountConfig()


class StereoConfig(Config, frozen=True, tag="stereo"):
    """Two cameras and a block matcher."""

    seed: int = 0
    baseline: float = 0.055
    """Between the cameras [m]."""
    focal: float = 640.0
    """Of the sensor, whatever the picture's: rules the noise of depth [px]."""
    subpixel: float = 0.1
    """Deviation of disparity [px]; depth errs by `subpixel / (focal * baseline) * depth^2`."""
    correlation: float = 1.5
    """Neighbours err alike over so many pixels [px]."""
    window: int = 5
    """Of the matcher, odd; edges grow by half of it [px]."""
    texture: tuple[float, float] = (0.6, 0.1)
    """Contrast in the window from which matching begins to fail, and mostly does [0..255]."""
    blank: float = 0.8
    """Share of patches that fail where there is no texture."""
    dropout: float = 0.005
    """Share of pixels that fail anywhere."""
    shadows: bool = True
    """Whether what the right camera does not see is unknown."""
    near: float = 0.2
    """Least depth [m]."""
    far: float = 10.0
    """Greatest depth [m]."""
    mount: MountConfig = MountConfig()

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise ConfigError(f"stereo.window must be an odd number of pixels, got {self.window}.")


DepthSensorConfig = StructuredLightConfig | StereoConfig
"""By how depth is measured."""


class DepthSensor:
    """Gives frames the depth that a real camera would have measured; the rest stays as it is.

    The same seed and the same frames give the same errors. What it keeps is the last pose.
    """

    def __init__(self, config: DepthSensorConfig):
        for name in ("baseline", "focal", "near"):
            if not getattr(config, name) > 0:
                raise ConfigError(f"sensor.{name} must be positive, got {getattr(config, name)}.")
        if not config.far > config.near:
            raise ConfigError(f"sensor.far must lie beyond sensor.near, got {config.far} m.")
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Start the seed's sequence again, and forget the last frame."""
        self._chance = np.random.default_rng(self.config.seed)
        self._last: tuple[float, RigidTransform] | None = None

    def __call__(self, frame: Frame) -> Frame:
        """Return the frame with measured depth; without depth, the frame itself.

        Raises:
            FrameError: The frame has depth and no camera.
        """
        if frame.depth is None:
            return frame
        if frame.camera is None:
            raise FrameError("a depth sensor needs frames with their camera.")
        depth = self._mounted(frame, frame.depth, frame.camera)
        match self.config:
            case StructuredLightConfig():
                measured = self._structured_light(frame, depth, frame.camera, self.config)
            case StereoConfig():
                measured = self._stereo(frame, depth, frame.camera, self.config)
            case _:
                assert_never(self.config)
        with np.errstate(invalid="ignore"):
            measured[(measured < self.config.near) | (measured > self.config.far)] = np.nan
        return replace(frame, depth=measured)

    def _structured_light(
        self,
        frame: Frame,
        depth: Float32[np.ndarray, "h w"],
        camera: Camera,
        config: StructuredLightConfig,
    ) -> Float32[np.ndarray, "h w"]:
        angle = errors.incidence(depth, camera)
        lost = self._dropped(depth.shape, config.dropout)
        lost |= self._patchy(errors.rising(angle, *config.grazing))
        bright = frame.rgb.max(axis=2).astype(np.float32)
        lost |= self._patchy(0.5 * errors.rising(bright, *config.dark))
        lost |= self._patchy(config.shiny * _shiny(frame))
        if config.shadows:
            lost |= errors.shadow(depth, config.baseline * camera.fx)
        sigma = errors.axial_sigma(depth, angle) * np.float32(config.noise)
        noise = self._chance.standard_normal(depth.shape, dtype=np.float32)
        rough = errors.shifted(depth, config.lateral, self._chance) + sigma * noise
        steps = errors.quantised(rough, config.focal * config.baseline, config.disparity_step)
        steps[lost] = np.nan
        return steps

    def _stereo(
        self,
        frame: Frame,
        depth: Float32[np.ndarray, "h w"],
        camera: Camera,
        config: StereoConfig,
    ) -> Float32[np.ndarray, "h w"]:
        lost = self._dropped(depth.shape, config.dropout)
        seen = errors.texture(frame.rgb, config.window)
        lost |= self._patchy(config.blank * errors.rising(seen, *config.texture), 2 * config.window)
        if config.shadows:
            lost |= errors.shadow(depth, config.baseline * camera.fx)
        fat = errors.fattened(depth, config.window)
        noise = errors.smooth_noise(depth.shape, config.correlation, self._chance)
        sigma = np.float32(config.subpixel / (config.focal * config.baseline))
        measured = fat + sigma * fat * fat * noise
        measured[lost] = np.nan
        return measured

    def _dropped(self, shape: tuple[int, ...], share: float) -> Bool[np.ndarray, "h w"]:
        return self._chance.random(shape, dtype=np.float32) < share

    def _patchy(self, probability: np.ndarray, size: int = 3) -> Bool[np.ndarray, "h w"]:
        return errors.blotches(probability.shape, size, self._chance) < probability

    def _mounted(
        self, frame: Frame, depth: Float32[np.ndarray, "h w"], camera: Camera
    ) -> Float32[np.ndarray, "h w"]:
        """Depth as it is when the camera is not quite where, or when, it is believed to be."""
        mount = self.config.mount
        depth = self._earlier(frame, depth, camera)
        if any(mount.rotation) or any(mount.translation):
            wrong = RigidTransform.from_components(
                mount.translation, Rotation.from_rotvec(mount.rotation)
            )
            depth = register(depth, camera, wrong, camera)
        return depth

    def _earlier(
        self, frame: Frame, depth: Float32[np.ndarray, "h w"], camera: Camera
    ) -> Float32[np.ndarray, "h w"]:
        """Draw the scene from where the camera was when each row was exposed.

        What moved in the meantime is drawn where it is now: only the camera's way is known.
        """
        mount, pose, last = self.config.mount, frame.T_world_camera, self._last
        self._last = None if pose is None else (frame.stamp, pose)
        if pose is None or last is None or not (mount.late or mount.readout):
            return depth
        elapsed = frame.stamp - last[0]
        if elapsed <= 0:
            return depth
        rows = np.arange(camera.height)
        ago = mount.late + mount.readout * (1 - rows / max(camera.height - 1, 1))
        share = np.minimum(ago / elapsed, 1.0)
        back = last[1].inv() * pose  # From the camera now to the camera at the last frame.
        turns = Rotation.from_rotvec(back.rotation.as_rotvec() * share[:, None]).as_matrix()
        moves = back.translation * share[:, None]
        known = np.flatnonzero(np.isfinite(depth))
        row, column = np.divmod(known, camera.width)
        z = depth.reshape(-1)[known].astype(np.float64)
        points = np.stack(
            (
                (column + 0.5 - camera.cx) / camera.fx * z,
                (row + 0.5 - camera.cy) / camera.fy * z,
                z,
            ),
            axis=1,
        )
        moved = np.einsum("nij,nj->ni", turns[row], points) + moves[row]
        return splat(moved, z / camera.fx, z / camera.fy, camera)


def _shiny(frame: Frame) -> Bool[np.ndarray, "h w"]:
    if frame.truth is None:
        return np.zeros(frame.rgb.shape[:2], bool)
    numbers = [n for n, known in frame.truth.instances.items() if known.label in SHINY]
    return np.isin(frame.truth.ids, numbers)
