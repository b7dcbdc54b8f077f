"""What a model that sees says of segments, added to what is known of them."""

from contextlib import closing

from rich.progress import track

from embodied_mem.app.console import console, plain
from embodied_mem.errors import LanguageModelError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import EventRow
from embodied_mem.runtime.interrupts import deferred_interrupts
from planners.captioner import Captioner
from planners.llm_client import ChatClient
from planners.structured import ReplyError

_PICTURES = 4
"""Most key frames that the model is shown of one segment."""
_ELSEWHEN = {"left", "visit"}
"""Kinds of events whose key frames show what was before their segment."""
_REFUSED = 3
"""So many unusable answers in a row are enough."""


def describe_segments(index: EventIndex, client: ChatClient) -> int:
    """Describe the segments that no model described yet, and return how many were.

    Each is written as it comes; where the endpoint fails, the rest is left for another time, and
    what is known without a model stays.
    """
    captioner, done, refused = Captioner(client), 0, 0
    segments = index.undescribed()
    with closing(client), deferred_interrupts() as check:
        for segment in track(segments, "describing", console=console, transient=True):
            try:
                text = captioner(_pictures(index, segment), segment.caption)
            except ReplyError as error:
                refused += 1
                if refused == _REFUSED:
                    _say_left(str(error), len(segments) - done)
                    break
            except LanguageModelError as error:
                _say_left(str(error), len(segments) - done)
                break
            else:
                index.describe(segment.id, text, captioner.model)
                done, refused = done + 1, 0
            check()
    return done


def _pictures(index: EventIndex, segment: EventRow) -> list[bytes]:
    """Return the key frames of a segment and of what happened in it, in order of time."""
    inside = index.events("id = ? OR parent = ?", (segment.id, segment.id))
    names = list(
        dict.fromkeys(
            event.picture for event in inside if event.picture and event.kind not in _ELSEWHEN
        )
    )
    return [index.picture(name) for name in names[:_PICTURES]]


def _say_left(reason: str, count: int) -> None:
    console.print(
        f"[yellow]{count} segments stay without a model's words:[/] {plain(reason)} "
        "The same command goes on."
    )
