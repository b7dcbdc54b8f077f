"""What the simulated depth cameras get wrong, what the filters take away, and how long both take.

python benchmarks/depth_sensors.py [--houses 3] [--frames 12] [--picture FILE.png]

Frames come from tours of generated houses, 320 x 240. A pixel is grossly wrong if it errs by more
than 10 cm + 2 cm / m^2 times the square of its depth.
"""

import argparse
import time
from itertools import islice

import cv2
import numpy as np

from embodied_mem.backends.depth_sensor import DepthSensor, StereoConfig, StructuredLightConfig
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.backends.household.tour import tour
from embodied_mem.types import Frame
from perception import DepthFilter

SENSORS = {"structured light": StructuredLightConfig(), "stereo": StereoConfig()}


def house_frames(seed: int, count: int) -> list[Frame]:
    """Every third frame of a tour."""
    config = HouseholdSimConfig(
        house=HouseSource(seed=seed), width=320, height=240, field_of_view=60.0
    )
    with HouseholdSim(config) as sim:
        return list(islice(tour(sim), 1, 1 + 3 * count, 3))


def gross(depth: np.ndarray, true: np.ndarray) -> int:
    """Count grossly wrong pixels."""
    with np.errstate(invalid="ignore"):
        return int((np.abs(depth - true) > 0.1 + 0.02 * true * true).sum())


def coloured(depth: np.ndarray) -> np.ndarray:
    """Draw depth up to 6 m; black where unknown."""
    shade = np.clip(np.nan_to_num(depth) / 6 * 255, 0, 255).astype(np.uint8)
    picture = np.asarray(cv2.applyColorMap(shade, cv2.COLORMAP_TURBO))
    picture[np.isnan(depth)] = 0
    return picture


def main() -> None:
    """Print the table, and draw a row for each of the first frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=3)
    parser.add_argument("--first", type=int, default=40, help="seed of the first house")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--picture", help="PNG for a few frames: colour, true depth, then measured")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.houses)
    frames = [frame for seed in seeds for frame in house_frames(seed, options.frames)]
    strips = {i: [f.rgb[:, :, ::-1], coloured(np.asarray(f.depth))] for i, f in enumerate(frames)}
    print("sensor            measured  gross before  after  kept of the good  ms sensor  ms filter")
    for name, config in SENSORS.items():
        sensor, clean = DepthSensor(config), DepthFilter()
        sums = np.zeros(5)
        seconds = np.zeros(2)
        for i, frame in enumerate(frames):
            begin = time.perf_counter()
            raw = sensor(frame)
            middle = time.perf_counter()
            tidy = clean(raw)
            seconds += middle - begin, time.perf_counter() - middle
            before, after, true = (np.asarray(f.depth) for f in (raw, tidy, frame))
            good = np.isfinite(before) & ~(np.abs(before - true) > 0.1 + 0.02 * true * true)
            sums += (
                np.isfinite(before).sum() / max(np.isfinite(true).sum(), 1),
                gross(before, true),
                gross(after, true),
                (good & np.isfinite(after)).sum(),
                good.sum(),
            )
            strips[i] += [coloured(before), coloured(after)]
        each = 1000 * seconds / len(frames)
        measured, wrong, left = sums[:3] / len(frames)
        print(
            f"{name:17s} {measured:8.2f} {wrong:13.0f} {left:6.0f} {sums[3] / sums[4]:17.3f} "
            f"{each[0]:10.1f} {each[1]:10.1f}"
        )
    if options.picture:
        shown = [np.hstack(strips[i]) for i in range(2, len(frames), max(len(frames) // 3, 1))]
        sheet = np.vstack(shown[:3])
        small = cv2.resize(sheet, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        cv2.imwrite(options.picture, small)


if __name__ == "__main__":
    main()
