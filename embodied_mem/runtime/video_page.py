"""One HTML page about the videos of a memory: timeline, key frames, events, search; no network."""

import base64
import io
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image, UnidentifiedImageError

from embodied_mem.errors import StoreError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import EventRow, VideoRow

MAX_PICTURES = 600
"""Key frames that the page carries; evenly chosen where there are more."""
_SIDE = 320
"""Longer side of a key frame on the page [px]."""

_LANES = (
    ("segment", "segments"),
    ("visit", "what moves"),
    ("presence", "things"),
    ("hidden", "hidden, seen again"),
    ("moved", "moves"),
)
"""Kinds of events that have a lane, and its name."""
_LANE_OF = {"came": "visit", "left": "visit", "revealed": "hidden"}


def write_video_page(path: str | Path, index: EventIndex, *, title: str) -> Path:
    """Write the page.

    Raises:
        StoreError: It cannot be written, or a key frame is missing.
    """
    path = Path(path)
    page = render_video_page(index, title=title)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}.") from error
    return path


def render_video_page(index: EventIndex, *, title: str) -> str:
    """Return the page; see `write_video_page`."""
    folder = files("embodied_mem.runtime")
    style = "".join(
        folder.joinpath(name).read_text(encoding="utf-8")
        for name in ("report_style.css", "video_page.css")
    )
    script = folder.joinpath("video_page.js").read_text(encoding="utf-8")
    events = index.events("level != 'clip'")
    pictures = _pictures(index, events)
    sections = "".join(
        _draw_video(video, [event for event in events if event.video == video.id])
        for video in index.videos()
    )
    data = {"pictures": pictures, "events": [_listed(event) for event in events]}
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<header><h1>{escape(title)}</h1><p>Click an event, or search what was told of it.</p>"
        '</header><div class="card viewer"><figure><img alt="key frame">'
        '<figcaption></figcaption></figure><div><input type="search" id="search" '
        'placeholder="search: red, came, top left ..." aria-label="search events">'
        '<p class="found"></p><ol class="results"></ol></div></div>'
        f"{sections}</main>"
        f'<script id="data" type="application/json">{_embedded(data)}</script>'
        f"<script>{script}</script></body></html>\n"
    )


def _listed(event: EventRow) -> dict[str, object]:
    """Return what the page's script needs of an event."""
    return {
        "id": event.id,
        "video": event.video,
        "kind": event.kind,
        "start": round(event.start, 2),
        "stop": round(event.stop, 2),
        "text": event.caption,
        "belief": round(event.confidence, 2),
        "picture": event.picture,
    }


def _embedded(data: dict[str, object]) -> str:
    """Return JSON that may stand in HTML."""
    text = msgspec.json.encode(data).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _draw_video(video: VideoRow, events: Sequence[EventRow]) -> str:
    length = max([video.seconds, 1e-3, *(event.stop for event in events)])
    note = f" ({video.note})" if video.note else ""
    parts = [
        f'<section class="card video"><h2>{escape(video.name)}</h2>'
        f'<p class="empty">{length:.1f} s{escape(note)}</p>'
    ]
    for kind, name in _LANES:
        inside = [event for event in events if _LANE_OF.get(event.kind, event.kind) == kind]
        if inside:
            marks = "".join(_draw_mark(event, length) for event in inside)
            parts.append(f'<div class="lane"><span>{name}</span><div>{marks}</div></div>')
    ticks = "".join(
        f'<i style="left:{100 * share:.1f}%">{share * length:.0f} s</i>'
        for share in np.linspace(0, 1, 11)
    )
    parts.append(f'<div class="lane ticks"><span></span><div>{ticks}</div></div></section>')
    return "".join(parts)


def _draw_mark(event: EventRow, length: float) -> str:
    left = 100 * event.start / length
    width = max(100 * (event.stop - event.start) / length, 0.25)
    words = escape(f"{event.start:.1f} s: {event.caption}", quote=True)
    return (
        f'<button class="mark-{event.kind}" data-event="{event.id}" title="{words}" '
        f'style="left:{left:.3f}%;width:{width:.3f}%"></button>'
    )


def _pictures(index: EventIndex, events: Sequence[EventRow]) -> dict[str, str]:
    """Return small key frames as data URIs, by name."""
    names = list(dict.fromkeys(event.picture for event in events if event.picture))
    if len(names) > MAX_PICTURES:
        chosen = np.linspace(0, len(names) - 1, MAX_PICTURES).astype(int)
        names = [names[number] for number in chosen]
    return {name: _small(index.picture(name)) for name in names}


def _small(jpeg: bytes) -> str:
    """Return a picture, shrunk; one that is none is left out."""
    try:
        with Image.open(io.BytesIO(jpeg)) as image:
            image.thumbnail((_SIDE, _SIDE))
            small = io.BytesIO()
            image.convert("RGB").save(small, "JPEG", quality=70)
    except (UnidentifiedImageError, OSError, ValueError):
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(small.getvalue()).decode()
