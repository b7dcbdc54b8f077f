"""Draw the graded suites and write them to sim_configs/tasks/graded/, an hour's work kept as data.

python scripts/draw_suites.py [--count 60] [--only complex] [--out FOLDER] [--seed-offset N]
"""

import argparse
from pathlib import Path

import msgspec

from embodied_mem.backends.graded_tasks import BUDGET, draw_suite
from embodied_mem.backends.task_files import SuiteFile

FOLDER = Path(__file__).parents[1] / "sim_configs" / "tasks" / "graded"
SEEDS = {"simple": 21_000, "composite": 22_000, "complex": 23_000}
ABOUT = {
    "simple": "One thing to one place, after a tour of the house.",
    "composite": "Three sub-goals that share nothing, after a tour of the house.",
    "complex": "Words that point back to an earlier task, with things of the same type about.",
}


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--only", choices=sorted(SEEDS))
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--seed-offset", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, seed in SEEDS.items():
        if args.only in (None, name):
            tasks = tuple(draw_suite(name, args.count, seed + args.seed_offset))
            file = SuiteFile(suite=name, about=ABOUT[name], budget=BUDGET, tasks=tasks)
            (args.out / f"{name}.yaml").write_bytes(_yaml(file))


def _yaml(file: SuiteFile) -> bytes:
    """Write a suite without what is as usual."""
    plain = _bare(msgspec.to_builtins(file))
    return msgspec.yaml.encode(plain)


def _bare(value: object) -> object:
    if isinstance(value, dict):
        kept = {key: _bare(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", {}, [], ())}
    if isinstance(value, (list, tuple)):
        return [_bare(item) for item in value]
    return value


if __name__ == "__main__":
    main()
