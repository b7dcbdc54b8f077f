"""Raw images against what an ideal pinhole would have seen."""

import cv2
import numpy as np
import pytest
from box_robot import frame, make_robot
from ros_nodes_messages import as_object

from embodied_mem.app.build import AgentConfig
from embodied_mem.types import Camera
from ros_nodes import convert
from ros_nodes.drops import Reason, UnusableMessageError
from ros_nodes.memory_config import MemoryNodeConfig, TopicsConfig
from ros_nodes.robot_messages import MASKS
from ros_nodes.straighten import lens, straightened

CAMERA = Camera(width=160, height=120, fx=130.0, fy=135.0, cx=82.0, cy=59.0)
ROI = {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False}
LENSES = {
    "plumb_bob": [-0.25, 0.08, 0.002, -0.001, 0.0],
    "rational_polynomial": [0.3, -0.1, 0.001, 0.001, 0.02, 0.6, -0.1, 0.01],
    "equidistant": [0.02, -0.01, 0.003, 0.0],
}


def info(model, numbers, camera=CAMERA, **changes):
    values = convert.camera_info_values(camera, {})
    values |= {"roi": ROI, "binning_x": 0, "binning_y": 0}
    return as_object(values | {"distortion_model": model, "d": np.array(numbers)} | changes)


def seen(x, y):
    """A smooth pattern over directions (x, y) at depth 1."""
    return 120 + 60 * np.sin(6 * x) + 50 * np.cos(7 * y)


def directions(camera, model=None, numbers=()):
    """Return where each pixel's centre looks, (h, w, 2): the lens's formula, turned round."""
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    bent = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy], -1)
    straight = bent.copy()
    with np.errstate(all="ignore"):  # Corners that the lens does not reach.
        for _ in range(300 if model else 0):
            straight += bent - through(straight, model, numbers)
    return straight


def through(where, model, numbers):
    """Bend directions (..., 2) as `sensor_msgs/distortion_models` says."""
    x, y = where[..., 0], where[..., 1]
    r2 = x * x + y * y
    if model == "equidistant":
        r = np.sqrt(np.maximum(r2, 1e-12))
        theta = np.arctan(r)
        powers = 1 + sum(k * theta ** (2 * n) for n, k in enumerate(numbers, start=1))
        return where * (theta * powers / r)[..., None]
    k1, k2, p1, p2, k3, k4, k5, k6 = (*numbers, 0, 0, 0)[:8]
    radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
    across = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    down = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.stack([across, down], -1)


@pytest.mark.parametrize("model", sorted(LENSES))
def test_a_straightened_image_is_what_the_pinhole_would_have_seen(model):
    raw = seen(*np.moveaxis(directions(CAMERA, model, LENSES[model]), -1, 0))
    ideal = seen(*np.moveaxis(directions(CAMERA), -1, 0))
    bent = lens(info(model, LENSES[model]), 160, 120)
    found = straightened(raw.astype(np.float32), bent, blend=True, beyond=np.nan)
    inside = np.isfinite(found)
    assert inside.mean() > 0.8
    assert np.abs(raw - ideal).max() > 4  # There was something to do.
    assert np.abs(found - ideal)[inside].max() < 0.5
    whole = straightened(np.full((120, 160), 7, np.int32), bent, blend=False)
    assert set(np.unique(whole)) <= {0, 7}


def test_without_distortion_the_image_is_left_alone():
    image = np.zeros((120, 160), np.float32)
    for model, numbers in (("plumb_bob", [0.0] * 5), ("", []), ("plumb_bob", [])):
        assert straightened(image, lens(info(model, numbers), 160, 120), blend=True) is image


@pytest.mark.parametrize(
    ("model", "numbers"),
    [("thin_prism", [0.1] * 12), ("plumb_bob", [0.1]), ("plumb_bob", [np.nan] * 5)],
)
def test_a_lens_that_is_not_known_is_named(model, numbers):
    with pytest.raises(UnusableMessageError, match=model) as caught:
        lens(info(model, numbers), 160, 120)
    assert caught.value.reason == Reason.CAMERA_INFO


def test_binned_and_cut_images_are_straightened_with_their_own_pinhole():
    roi = ROI | {"x_offset": 20, "y_offset": 10, "width": 120, "height": 100}
    message = info("plumb_bob", LENSES["plumb_bob"], roi=roi, binning_x=2, binning_y=2)
    bent = lens(message, 60, 50)
    raw = seen(*np.moveaxis(directions(bent.camera, "plumb_bob", LENSES["plumb_bob"]), -1, 0))
    ideal = seen(*np.moveaxis(directions(bent.camera), -1, 0))
    found = straightened(raw.astype(np.float32), bent, blend=True, beyond=np.nan)
    inside = np.isfinite(found)
    assert np.abs(found - ideal)[inside].max() < 2  # Of coarser pixels.


@pytest.mark.parametrize(("rectify", "moved"), [("auto", False), ("never", True)])
def test_in_a_raw_image_things_are_where_they_are_only_if_it_is_straightened(rectify, moved):
    numbers, sight = [-0.3, 0.0, 0.0, 0.0, 0.0], frame(10.0)
    camera = sight.camera
    assert camera is not None
    bent = lens(info("plumb_bob", numbers, camera), camera.width, camera.height)
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
    where = directions(camera, "plumb_bob", numbers) @ matrix[:2, :2].T + matrix[:2, 2] - 0.5
    maps = where.astype(np.float32)

    def through_the_lens(image):
        kind = image.dtype
        image = image.astype(np.float32)
        return cv2.remap(image, maps[..., 0], maps[..., 1], cv2.INTER_NEAREST).astype(kind)

    def change(values):
        pixels = np.frombuffer(values["data"], kinds[values["encoding"]]).reshape(48, 64, -1)
        data = np.ascontiguousarray(through_the_lens(np.roll(pixels, (10, 24), (0, 1))))
        return {"data": data.reshape(-1).view(np.uint8)}

    kinds = {"rgb8": np.uint8, "32FC1": np.float32, "32SC1": np.int32}
    topics = TopicsConfig(masks=MASKS, rectify=rectify)
    places = []
    for distortion, edit in (([0.0] * 5, False), (numbers, True)):
        robot = make_robot(config=robot_config(topics))
        robot.see(sight, edit=change if edit else shift(kinds), camera_info={"d": distortion})
        assert robot.dropped == {}
        places.append(robot.node.memory.known()[0].position)
    apart = np.linalg.norm(places[0] - places[1])
    assert (apart > 0.1) if moved else (apart < 0.06), apart
    assert bent.distortion == tuple(numbers)


def shift(kinds):
    """Return what moves everything to where the lens bends more."""

    def change(values):
        pixels = np.frombuffer(values["data"], kinds[values["encoding"]]).reshape(48, 64, -1)
        data = np.ascontiguousarray(np.roll(pixels, (10, 24), (0, 1)))
        return {"data": data.reshape(-1).view(np.uint8)}

    return change


def robot_config(topics):
    return MemoryNodeConfig(topics=topics, agent=AgentConfig())
