"""Draw the graded suites and write them to sim_configs/tasks/graded/, kept as data.

python scripts/draw_suites.py [--only complex] [--first 0] [--count 60] [--out FOLDER]
"""

import argparse
from pathlib import Path

import msgspec

from embodied_mem.backends.graded_tasks import BUDGET, draw_suite
from embodied_mem.backends.task_files import SuiteFile, load_suite_file

FOLDER = Path(__file__).parents[1] / "sim_configs" / "tasks" / "graded"
SEEDS = {"simple": 210_000, "composite": 220_000, "complex": 230_000}
ABOUT = {
    "simple": "One thing to one place, after a tour of the house.",
    "composite": "Three sub-goals that share nothing, after a tour of the house.",
    "complex": "Words that point back to an earlier task, with things of the same type about.",
}


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="go on in the files that are there")
    parser.add_argument("--only", choices=sorted(SEEDS))
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--seed-offset", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, seed in SEEDS.items():
        if args.only in (None, name):
            path = args.out / f"{name}.yaml"
            kept = load_suite_file(path).tasks[: args.first] if args.first else ()
            drawn = draw_suite(name, args.count, seed + args.seed_offset, args.first)
            tasks = (*kept, *drawn)
            file = SuiteFile(suite=name, about=ABOUT[name], budget=BUDGET, tasks=tasks)
            path.write_bytes(_yaml(file))


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
