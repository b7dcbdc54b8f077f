"""What exported files of a video are called."""

import re

from embodied_mem.memory.events.records import VideoRow


def file_stem(video: VideoRow) -> str:
    """Return a video's number and name in letters that every file system takes: `1-kitchen`."""
    stem = video.name.rpartition(".")[0] or video.name
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_")[:80]
    return f"{video.id}-{plain}" if plain else str(video.id)
