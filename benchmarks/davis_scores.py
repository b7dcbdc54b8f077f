"""Our J and F beside the DAVIS toolkit's own code, on the result masks that it publishes.

    python benchmarks/davis_scores.py CHECKOUT [--stride 4]

CHECKOUT is a checkout of davisvideochallenge/davis2017-evaluation; its measures need scikit-image.
The true masks of DAVIS are not in it, so one method's published masks (RVOS's) are held against the
other's (OSVOS's) as if those were true: what is compared is not the methods but the two programs,
for every object of every sequence: mean, recall and decay of J and F. Every published mask is read
by our strict reader first.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from embodied_mem.runtime.video_scores import MaskPair, ObjectScore, score_sequence
from embodied_mem.video.mask_files import read_mask

TRUTH, RESULTS = Path("results/semi-supervised/osvos"), Path("results/unsupervised/rvos")
MEASURES = ("j", "j_recall", "j_decay", "f", "f_recall", "f_decay")
Masks = Sequence[np.ndarray]


def read_sequence(folder: Path, names: Sequence[str]) -> list[np.ndarray]:
    """Read the masks of some frames, refusing what is no id mask."""
    return [read_mask(folder / f"{name}.png").ids for name in names]


def ours(name: str, found: Masks, truth: Masks, objects: Sequence[int]) -> list[ObjectScore]:
    """Score by our code."""

    def pairs() -> Iterator[MaskPair]:
        for number, (mine, true) in enumerate(zip(found, truth, strict=True), start=1):
            yield MaskPair(frame=str(number), found=mine, truth=true, last=number == len(truth))

    return score_sequence(name, pairs(), objects)


def theirs(
    metrics: ModuleType, utils: ModuleType, found: Masks, truth: Masks, objects: Sequence[int]
) -> list[tuple[float, ...]]:
    """Score by the toolkit's code: mean, recall and decay of J, then of F, of each object."""
    mine, true = np.stack(found[1:-1]), np.stack(truth[1:-1])
    rows = []
    for number in objects:
        j = metrics.db_eval_iou(true == number, mine == number)
        f = metrics.db_eval_boundary(true == number, mine == number)
        rows.append((*utils.db_statistics(j), *utils.db_statistics(f)))
    return rows


def compare(checkout: Path, stride: int) -> None:
    """Print the largest difference of each measure, and both programs' time."""
    sys.path.insert(0, str(checkout))
    metrics, utils = import_module("davis2017.metrics"), import_module("davis2017.utils")
    largest, objects_seen, read, spent = np.zeros(6), 0, 0, [0.0, 0.0]
    folders = sorted(path for path in (checkout / TRUTH).iterdir() if path.is_dir())
    for number, folder in enumerate(folders, start=1):
        names = sorted(path.stem for path in folder.glob("*.png"))
        truth = read_sequence(folder, names)
        found = read_sequence(checkout / RESULTS / folder.name, names)
        read += 2 * len(names)
        truth, found = truth[::stride], found[::stride]
        objects = sorted({int(i) for mask in truth for i in np.unique(mask)} - {0})
        began = time.process_time()
        mine = ours(folder.name, found, truth, objects)
        middle = time.process_time()
        peer = theirs(metrics, utils, found, truth, objects)
        spent[0] += middle - began
        spent[1] += time.process_time() - middle
        rows = np.array([[getattr(one, name) for name in MEASURES] for one in mine])
        largest = np.maximum(largest, np.abs(rows - np.array(peer)).max(axis=0))
        objects_seen += len(objects)
        print(f"{number}/{len(folders)} {folder.name}: {len(objects)} objects", file=sys.stderr)
    print(f"{read} published masks read; {objects_seen} objects of {len(folders)} sequences")
    for name, difference in zip(MEASURES, largest, strict=True):
        print(f"{name:9} largest difference {difference:.1e}")
    print(f"CPU seconds: ours {spent[0]:.1f}, the toolkit's {spent[1]:.1f}")
    if largest.max() > 1e-6:
        raise SystemExit("FAIL: the two programs differ")
    print("the two programs agree")


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--stride", type=int, default=4, help="every so many frames are scored")
    options = parser.parse_args()
    compare(options.checkout, options.stride)


if __name__ == "__main__":
    main()
