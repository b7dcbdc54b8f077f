"""Identities from tracks and their features, against a reference.

    python benchmarks/reidentify.py TRACKS.npz...

A file holds, for each box, `frame`, `tid`; for each track, `track_ids`, features under any of the
names of `IdentityConfig.spaces` (`clip`, `dino`) and the reference `ref_uid`; and, for each segment
of the video, any of `seg_vis`, `seg_text`. References of the published files are the output of the
published rule, which is also the rule here: being equal to them says that it is the same rule, not
that it is right about the world.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from embodied_mem.memory.identities import (
    IdentityConfig,
    identify,
    seen_together,
    track_scores,
    unit_rows,
)
from embodied_mem.runtime.identity_scores import adjusted_rand_index, recall_at, same_partition

SEGMENTS = ("seg_vis", "seg_text")


def main() -> None:
    """Print a few lines for each file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("tracks", nargs="+", type=Path)
    for path in parser.parse_args().tracks:
        with np.load(path, allow_pickle=False) as file:
            measure(path.stem, {name: file[name] for name in file.files})


def measure(name: str, data: dict[str, np.ndarray]) -> float:
    """Print the figures of one video, and return the adjusted Rand index."""
    config = IdentityConfig()
    features = {space.name: data[space.name] for space in config.spaces if space.name in data}
    began = time.process_time()
    together = seen_together(data["track_ids"], data["frame"], data["tid"])
    found = identify(features, together, config)
    spent = time.process_time() - began
    truth = data["ref_uid"]
    index = adjusted_rand_index(found, truth)
    equal = "equal to" if same_partition(found, truth) else "different from"
    print(f"{name}: {len(found)} tracks, {len(set(found.tolist()))} identities (reference "
          f"{len(set(truth.tolist()))}), ARI {index:.4f}, {equal} the reference; "
          f"{1000 * spent:.1f} CPU-ms")  # fmt: skip
    same = (truth[:, None] == truth[None]).astype(float)
    for space, vectors in features.items():
        _print_recall(f"identity by {space}", unit_rows(vectors) @ unit_rows(vectors).T, same)
    _print_recall("identity by all", track_scores(features, config), same)
    for space in SEGMENTS:
        if space in data:
            unit = unit_rows(data[space])
            place = np.arange(len(unit))
            beside = (np.abs(place[:, None] - place[None]) == 1).astype(float)
            _print_recall(f"segment beside by {space}", unit @ unit.T, beside)
    return index


def _print_recall(what: str, alike: np.ndarray, related: np.ndarray) -> None:
    recall, reciprocal, asked = recall_at(alike, related, 5)
    print(f"  {what:28s} recall@5 {recall:.3f}  MRR {reciprocal:.3f}  ({asked} queries)")


if __name__ == "__main__":
    main()
