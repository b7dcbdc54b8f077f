"""The semantic forest against comparing everything: recall, cost, purity, and insertion.

    python benchmarks/forest.py

Maps with planted rooms of 20 things, and questions that are things with noise. Recall is that of
the ten best against comparing all. `mixed` maps have things that mean little alike in a room.
"""

import argparse
import time

import numpy as np

from benchmarks.planted_map import planted, purity, unit
from embodied_mem.memory.forest import Forest

K = 10
_EACH = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rooms", type=int, nargs="+", default=[50, 500, 2500])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for rooms in arguments.rooms:
        for name, spread in (("alike", 0.5), ("mixed", 1.0)):
            measure(name, rooms, spread, arguments.questions, arguments.seed)


def measure(name: str, rooms: int, spread: float, questions: int, seed: int) -> None:
    """Print the figures of one map."""
    positions, vectors, truth = planted(rooms, _EACH, seed=seed, spread=spread)
    order = np.random.default_rng(seed).permutation(len(positions))  # As one would walk about.
    positions, vectors = positions[order], vectors[order].astype(np.float32)
    truth = [truth[place] for place in order]
    forest, began = Forest(vectors.shape[1]), time.process_time()
    forest.add(positions, vectors)
    built = time.process_time() - began
    groups = [forest.items_in(group) for group in forest.at_level(1)]
    print(f"{name}, {len(vectors)} things in {rooms} rooms: built with {built:.1f} CPU-s "
          f"({1e6 * built / len(vectors):.0f} us a thing), {len(groups)} lowest groups, purity "
          f"{purity(groups, truth):.3f}, {len(forest.roots)} roots")  # fmt: skip
    chance = np.random.default_rng(seed + 1)
    asked = vectors[chance.integers(0, len(vectors), questions)]
    asked = unit(asked + 0.3 * unit(chance.normal(size=asked.shape))).astype(np.float32)
    began = time.process_time()
    best = [np.argpartition(-(vectors @ query), K)[:K] for query in asked]
    flat = (time.process_time() - began) / questions
    print(f"  all compared: {len(vectors)} scored, {1e3 * flat:.2f} CPU-ms")
    for beam in (1, 3, 10, 30):
        began = time.process_time()
        found = [forest.find(query, K, beam=beam) for query in asked]
        spent = (time.process_time() - began) / questions
        hits = sum(
            len({item for item, _ in one.items} & set(right.tolist()))
            for one, right in zip(found, best, strict=True)
        )
        scored = np.mean([one.scored for one in found])
        print(f"  beam {beam}: recall@{K} {hits / (K * questions):.3f}, {scored:.0f} scored, "
              f"{1e3 * spent:.2f} CPU-ms")  # fmt: skip


if __name__ == "__main__":
    main()
