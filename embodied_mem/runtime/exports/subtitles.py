"""What a video's segments tell, as SubRip subtitles that players show beside the video."""

from pathlib import Path

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import EventRow
from embodied_mem.runtime.exports.names import file_stem


def write_subtitles(index: EventIndex, folder: Path) -> None:
    """Write one SRT file for each video, one entry for each segment; they do not overlap."""
    for video in index.videos():
        segments = index.events("video = ? AND level = 'segment'", (video.id,))
        entries = [_entry(number, event) for number, event in enumerate(segments, start=1)]
        (folder / f"{file_stem(video)}.srt").write_text("\n".join(entries), encoding="utf-8")


def _entry(number: int, event: EventRow) -> str:
    caption = " ".join(event.caption.split()) or "-"  # An empty line would end the entry.
    return f"{number}\n{_clock(event.start)} --> {_clock(event.stop)}\n{caption}\n"


def _clock(seconds: float) -> str:
    """Return a time as SubRip writes it: 01:02:03,450."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d},{milliseconds:03d}"
