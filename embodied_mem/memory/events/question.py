"""A question about videos as typed filters, by rules: time, place, thing, relation, text."""

import re
from itertools import pairwise
from typing import Literal

import msgspec

from embodied_mem.memory.events.vocabulary import (
    ANYTHING,
    COLOURS,
    COLUMNS,
    IGNORED,
    KIND,
    MIDDLE,
    MOVERS,
    PEOPLE,
    ROWS,
    UNITS,
)
from embodied_mem.memory.text import singular

Wanted = Literal["when", "where", "count", "whether", "what"]
"""What is asked for: times, a place in the picture, a number, yes or no, what happened."""

Order = Literal["first", "last"]

_CLOCK = r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)"
_AMOUNT = r"(\d+(?:\.\d+)?)\s*(h|hours?|m|min|minutes?|s|sec|seconds?)\b"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, as filters."""

    text: str
    wanted: Wanted
    kinds: frozenset[str] = frozenset()
    """Of events; any where empty."""
    after: float | None = None
    """[s]"""
    before: float | None = None
    """[s]"""
    video: int | None = None
    """The one video that is asked about."""
    order: Order | None = None
    row: str | None = None
    """top or bottom of the picture."""
    column: str | None = None
    """left or right of the picture."""
    middle: bool = False
    colours: tuple[str, ...] = ()
    """Colour words."""
    movers: bool = False
    """Whether it is about what moves by itself."""
    people: bool = False
    """Whether it is about people, whom nothing here tells from other things that move."""
    named: tuple[str, ...] = ()
    """Nouns that a colour goes with: what they are is not known, the colour is."""
    words: tuple[str, ...] = ()
    """What is left: words that captions may have."""


def parse(text: str, *, duration: float | None = None) -> Question:
    """Read a question.

    Args:
        text: In English.
        duration: Length of what is asked about, for `the last minute` [s].
    """
    lowered = text.lower()
    after, before, rest = _times(lowered, duration)
    spoken = re.findall(r"[a-z]+", rest)
    row, column, middle, spoken = _region(spoken)
    order: Order | None = None
    if {"last", "latest", "recently", "recent"} & set(spoken):
        order = "last"
    elif "first" in spoken:
        order = "first"
    colours = tuple(word for word in spoken if word in COLOURS)
    named = _named(spoken)
    kinds = frozenset(KIND[word] for word in spoken if word in KIND)
    words = tuple(
        dict.fromkeys(
            singular(word)
            for word in spoken
            if word not in IGNORED
            and word not in KIND
            and word not in MOVERS
            and word not in ANYTHING
            and word not in COLOURS
            and singular(word) not in named
        )
    )
    return Question(
        text=text,
        wanted=_wanted(lowered),
        kinds=kinds,
        after=after,
        before=before,
        order=order,
        row=row,
        column=column,
        middle=middle,
        colours=colours,
        movers=any(word in MOVERS for word in spoken),
        people=any(word in PEOPLE for word in spoken),
        named=named,
        words=words,
    )


def _wanted(text: str) -> Wanted:
    first = re.findall(r"[a-z]+", text)[:2]
    if re.search(r"\bhow (many|often)\b", text):
        return "count"
    if "when" in first or re.search(r"\b(at )?what time\b", text):
        return "when"
    if "where" in first or "under which" in text or "behind which" in text:
        return "where"
    if first[:1] and first[0] in {"did", "does", "do", "is", "was", "were", "are", "has", "have"}:
        return "whether"
    return "what"


def _times(text: str, duration: float | None) -> tuple[float | None, float | None, str]:
    """Return from when to when is asked [s], and the text without it."""
    moment = rf"(?:{_CLOCK}|{_AMOUNT})"
    between = re.search(rf"\b(?:between|from)\s+{moment}\s+(?:and|to|until)\s+{moment}", text)
    if between:
        parts = between.groups()
        return _seconds(parts[:5]), _seconds(parts[5:]), _without(text, between)
    bare = re.search(rf"\b(?:between|from)\s+(\d+(?:\.\d+)?)\s+(?:and|to)\s+{_AMOUNT}", text)
    if bare:
        unit = _unit(bare.group(3))
        return float(bare.group(1)) * unit, float(bare.group(2)) * unit, _without(text, bare)
    edge = re.search(rf"\bin the (first|last)\s+(?:{_AMOUNT}|(minute|hour|second))", text)
    if edge:
        amount = float(edge.group(2) or 1) * _unit(edge.group(3) or edge.group(4))
        if edge.group(1) == "first":
            return None, amount, _without(text, edge)
        start = None if duration is None else max(0.0, duration - amount)
        return start, None, _without(text, edge)
    after = before = None
    for match in list(re.finditer(rf"\b(after|since|before|until|at|around)\s+{moment}", text)):
        seconds = _seconds(match.groups()[1:])
        word = match.group(1)
        if word in {"after", "since"}:
            after = seconds
        elif word in {"before", "until"}:
            before = seconds
        else:
            after, before = seconds - 1.0, seconds + 1.0
        text = text.replace(match.group(0), " ")
    return after, before, text


def _seconds(parts: tuple[str | None, ...]) -> float:
    """Return a time that was given as hours, minutes and seconds, or as an amount and a unit."""
    hours, minutes, seconds, amount, unit = parts
    if amount is not None:
        return float(amount) * _unit(unit or "s")
    return 3600 * float(hours or 0) + 60 * float(minutes or 0) + float(seconds or 0)


def _unit(word: str) -> float:
    return UNITS[word if word in UNITS else word.rstrip("s")]


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _region(spoken: list[str]) -> tuple[str | None, str | None, bool, list[str]]:
    """Take the words for a part of the picture out of a question.

    `left` is a part where an article or another part stands before it, else it is what one does.
    """
    row = column = None
    middle, kept = False, []
    before = ""
    for word in spoken:
        part = before in {"the", "far", "upper", "lower", "top", "bottom", "middle"}
        if word in ROWS and (part or before in {"at", "on", "in"}):
            row = ROWS[word]
        elif word in COLUMNS and part:
            column = COLUMNS[word]
        elif word in MIDDLE:
            middle = True
        else:
            kept.append(word)
        before = word
    return row, column, middle, kept


def _named(spoken: list[str]) -> tuple[str, ...]:
    """Return the nouns that follow a colour."""
    found = []
    for word, after in pairwise(spoken):
        known = after in COLOURS or after in KIND or after in IGNORED
        if word in COLOURS and not known and after not in ANYTHING and after not in MOVERS:
            found.append(singular(after))
    return tuple(dict.fromkeys(found))
