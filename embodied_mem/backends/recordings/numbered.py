"""Files that are named by a number."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_NUMBER = re.compile(r"(\d+)$")


def numbered(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    """Return the files of a folder by the number at the end of their stem, in its order.

    As numbers, not as names: 10 comes after 9. Of two files with one number the first name counts.
    """
    found: dict[int, Path] = {}
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            match = _NUMBER.search(path.stem)
            if match and path.suffix.lower() in suffixes:
                found.setdefault(int(match[1]), path)
    return dict(sorted(found.items()))


def paired(
    color: Mapping[int, Path], depth: Mapping[int, Path], skipped: Counter[str]
) -> list[int]:
    """Return the numbers that have both files; count the others."""
    for only, reason in (
        (color.keys() - depth.keys(), "without depth image"),
        (depth.keys() - color.keys(), "without colour image"),
    ):
        if only:
            skipped[reason] += len(only)
    return sorted(color.keys() & depth.keys())


def first_number(numbers: Mapping[int, Path], poses: int, usual: int) -> int:
    """Tell which file number the first of a list of poses belongs to: 0 or 1.

    Args:
        numbers: Files by number.
        poses: How many poses there are.
        usual: Answer where the numbers leave it open.
    """
    if 0 in numbers or not numbers:
        return 0
    last = max(numbers)
    if last == poses:
        return 1
    return 0 if last == poses - 1 else usual
