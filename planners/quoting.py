"""Text that comes out of the world, made harmless for a prompt: data, never an instruction.

A label read off a box, a note, a lesson of an earlier run may hold anything. Here it is stripped of
what is invisible, cut to a length, and written as a JSON string in which no bracket can be closed.
"""

import json
import unicodedata
from collections.abc import Iterable

LINE = 240
"""Most characters of one line of data."""

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of control, format, surrogate, private and unassigned characters, and of
line and paragraph separators: newlines, bidirectional overrides, zero-width and tag characters."""


def clean(text: str, limit: int = LINE) -> str:
    """Return a text on one line, in compatibility form, with nothing invisible in it.

    Args:
        text: Anything.
        limit: Most characters that are left.
    """
    text = unicodedata.normalize("NFKC", text[: 4 * limit])
    visible = (" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
    line = " ".join("".join(visible).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def quote(text: str, limit: int = LINE) -> str:
    """Return a text as a JSON string without angle brackets, so that it closes no delimiter."""
    quoted = json.dumps(clean(text, limit), ensure_ascii=False)
    return quoted.replace("<", "\\u003c").replace(">", "\\u003e")


def block(name: str, lines: Iterable[str], limit: int = LINE) -> str:
    """Return lines of data between delimiters, each a JSON string; empty where there is none.

    Args:
        name: Of the delimiters.
        lines: What came out of the world.
        limit: Most characters of a line.
    """
    quoted = [quote(line, limit) for line in lines]
    return "\n".join((f"<{name}>", *quoted, f"</{name}>")) if quoted else ""
