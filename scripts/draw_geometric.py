"""Draw what `Geometric` finds by shape: planes and things, for the documentation.

Of a recording only depth is drawn: planes in the colour of their kind, and things in colours of
their own, both shaded by the direction of their surface.

`python scripts/draw_geometric.py --desk FOLDER --out FILE` takes a folder with `depth/N.pgm` [mm],
`color/N.png` and `pose.txt` (a line for each camera: position and quaternion x y z w) of a Kinect;
without it views of a generated house are drawn.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.types import Action, Camera, Frame
from perception import Geometric
from perception.geometric.level import levelling

KINDS = {
    "floor": (150, 140, 120), "wall": (205, 205, 215), "ceiling": (235, 235, 235),
    "support": (90, 170, 230), "face": (240, 190, 110),
}  # fmt: skip
"""Colour of each kind of plane, RGB."""
KINECT = Camera(width=640, height=480, fx=518.0, fy=519.0, cx=325.5, cy=253.5)
OPTICAL = RigidTransform.from_rotation(
    Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
)
"""Turns a world that is a camera's optical frame so that z is up."""
HEIGHT = 240
"""Of each picture [px]."""


def recorded(folder: Path) -> list[Frame]:
    """Read a recording, levelled."""
    frames = []
    for number, values in enumerate(np.loadtxt(folder / "pose.txt"), start=1):
        rgb = cv2.imread(str(folder / "color" / f"{number}.png"))
        raw = cv2.imread(str(folder / "depth" / f"{number}.pgm"), cv2.IMREAD_UNCHANGED)
        assert rgb is not None
        assert raw is not None
        pose = RigidTransform.from_components(values[:3], Rotation.from_quat(values[3:]))
        frames.append(
            Frame(
                stamp=float(number),
                rgb=np.ascontiguousarray(rgb[..., ::-1]),
                depth=np.where(raw > 0, raw / 1000, np.nan).astype(np.float32),
                camera=KINECT,
                T_world_camera=OPTICAL * pose,
            )
        )
    return [moved(frame, levelling(frames)) for frame in frames]


def moved(frame: Frame, turn: RigidTransform) -> Frame:
    """Return a frame in a turned world."""
    assert frame.T_world_camera is not None
    return Frame(stamp=frame.stamp, rgb=frame.rgb, depth=frame.depth, camera=frame.camera,
                 T_world_camera=turn * frame.T_world_camera)  # fmt: skip


def generated(seed: int) -> list[Frame]:
    """Return four views of a generated house."""
    sim = HouseholdSim(HouseholdSimConfig(house=HouseSource(seed=seed)))
    sim.reset()
    turn = Action(name="RotateRight", arguments={"degrees": 90})
    return [sim.step(turn).frame for _ in range(4)]


def draw(frame: Frame, *, photograph: bool) -> np.ndarray:
    """Return planes and things side by side, after the photograph where that is ours to show."""
    find = Geometric()
    parted = find.segment(frame)
    things = find(frame)
    shade = np.clip(-parted.surface.normals[..., 2:], 0.25, 1) ** 0.6
    names = ["", *(plane.kind for plane in parted.planes.found)]
    palette = np.array([KINDS.get(name, (30, 30, 30)) for name in names])
    planes = palette[parted.planes.numbers] * shade
    random = np.random.default_rng(4)
    colours = random.permutation(
        [cv2.cvtColor(np.uint8([[[h, 170, 235]]]), cv2.COLOR_HSV2RGB)[0, 0]  # type: ignore[arg-type]
         for h in np.linspace(0, 170, max(len(things), 1))]
    )  # fmt: skip
    found = np.full((*frame.rgb.shape[:2], 3), 30.0)
    for mask, colour in zip(things.masks, colours, strict=False):
        found[mask] = colour
    whole = cv2.resize(shade, frame.rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    found *= whole[..., None]
    pictures = [planes, found]
    if photograph:
        pictures.insert(0, frame.rgb.astype(float))
    return np.hstack([_sized(picture) for picture in pictures])


def _sized(picture: np.ndarray) -> np.ndarray:
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    way = cv2.INTER_AREA if picture.shape[0] > HEIGHT else cv2.INTER_NEAREST
    return cv2.resize(picture.astype(np.uint8), (width, HEIGHT), interpolation=way)


def main() -> None:
    """Draw into one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--desk", type=Path)
    parser.add_argument("--seed", type=int, default=904)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.desk:
        frames = recorded(arguments.desk)
        rows = [draw(frame, photograph=False) for frame in (frames[0], frames[4])]
    else:
        rows = [draw(frame, photograph=True) for frame in generated(arguments.seed)[:2]]
    cv2.imwrite(str(arguments.out), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
