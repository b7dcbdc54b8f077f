"""Folders of videos among what is to be taken in."""

from collections.abc import Sequence
from pathlib import Path

from embodied_mem.video.frames import IMAGE_SUFFIXES, natural_key

_VIDEOS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv",
    ".bag", ".mcap",
)  # fmt: skip


def expanded(sources: Sequence[str]) -> list[str]:
    """Return the sources, a folder that holds videos and no images as those videos, by name."""
    found: list[str] = []
    for source in sources:
        found += _videos(Path(source)) or [source]
    return found


def _videos(folder: Path) -> list[str]:
    """Return the videos in a folder; none where it is a bag, a recording or one of images."""
    if not folder.is_dir() or (folder / "metadata.yaml").is_file():
        return []
    files = [file for file in folder.iterdir() if file.is_file()]
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in files):
        return []
    videos = [file for file in files if file.suffix.lower() in _VIDEOS]
    return [str(file) for file in sorted(videos, key=lambda file: natural_key(file.name))]
