"""What a language model may say: a goal in conditions and a list of skill calls, and nothing else.

The reply is text from outside. It is found in what the server sent, bounded, and decoded into
types; everything that does not fit is refused in one sentence that the model is told.
"""

import re
from typing import Annotated, Any, Literal

import msgspec

from planners.quoting import clean

SkillName = Literal[
    "find", "goto", "pickup", "put", "open", "close", "turn_on", "turn_off", "slice", "wash",
    "fill", "heat", "cook", "chill", "empty", "break", "soil",
]  # fmt: skip
"""The skills there are. What is not among them cannot be said."""

Predicate = Literal[
    "on", "in", "clean", "dirty", "sliced", "cooked", "hot", "cold", "filled", "empty", "open",
    "closed", "off", "broken", "held",
]  # fmt: skip
"""The conditions that a goal is made of; see `goals`."""

MOST_STEPS = 40
"""Longest plan that is read."""
MOST_CONDITIONS = 12
_DEEPEST = 16
"""Nesting of brackets in a reply; ours needs four."""
_LONGEST = 65_536
"""Longest text in which a reply is looked for [characters]."""
_CANDIDATES = 4
"""Objects in a text that are tried."""

Name = Annotated[str, msgspec.Meta(max_length=80)]
"""An id or a label."""


class SkillCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a plan."""

    skill: SkillName
    object: Name
    """Id in memory, or a label; `mug#2` is another mug than `mug`."""
    place: Name = ""
    """Where to put it, for `put`."""

    def __str__(self) -> str:
        return f"{self.skill}({', '.join(filter(None, map(clean, (self.object, self.place))))})"


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition of the goal as the model reads it."""

    predicate: Predicate
    terms: Annotated[list[Name], msgspec.Meta(min_length=1, max_length=2)]
    """Ids or labels."""

    def __str__(self) -> str:
        return f"{self.predicate}({', '.join(map(clean, self.terms))})"


class PlanReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole reply."""

    goal: Annotated[list[Condition], msgspec.Meta(max_length=MOST_CONDITIONS)]
    """What shall hold in the end."""
    steps: Annotated[list[SkillCall], msgspec.Meta(max_length=MOST_STEPS)]
    """What to do, in order; a plan that ends with `find` is gone on with after it."""
    thought: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    """Why, in a sentence or two; read by nobody but the log."""


class ReplyError(ValueError):
    """A reply does not fit; the message is for the model."""


def read_reply(text: str) -> PlanReply:
    """Find the reply in what the model said, and decode it.

    Args:
        text: JSON, or JSON among other words (a code fence, thoughts before it).

    Raises:
        ReplyError: There is none that fits; the message tells the model what is wrong.
    """
    if len(text) > _LONGEST:
        raise ReplyError(f"the reply has {len(text)} characters; the most is {_LONGEST}.")
    text = text.rpartition("</think>")[2]
    problem = ""
    for found in _objects(text):
        try:
            return msgspec.json.decode(found, type=PlanReply)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            problem = problem or clean(str(error))
    raise ReplyError(
        f"the reply does not fit the form: {problem}."
        if problem
        else "there is no whole JSON object in the reply, or it is nested too deeply."
    )


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)
"""A string, whole or cut off, or a bracket."""


def _objects(text: str) -> list[str]:
    """Return the first JSON objects that are whole and not nested too deeply."""
    found: list[str] = []
    start = text.find("{")
    for _ in range(_CANDIDATES):
        if start < 0:
            break
        end = _end_of_object(text, start)
        if end is not None:
            found.append(text[start:end])
        start = text.find("{", end or start + 1)
    return found


def _end_of_object(text: str, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        mark = token[0]
        depth += (mark in "{[") - (mark in "}]")
        if depth > _DEEPEST:
            return None
        if depth == 0:
            return token.end()
    return None


def reply_schema() -> dict[str, Any]:
    """Return the JSON schema of a reply, in the part of the language that servers know.

    Every field is required and none else is allowed; lengths are checked here, not there.
    """
    (_,), parts = msgspec.json.schema_components([PlanReply], ref_template="#/$defs/{name}")
    root = _strict(parts.pop("PlanReply"))
    return {**root, "$defs": {name: _strict(part) for name, part in sorted(parts.items())}}


_KEPT = frozenset(("type", "properties", "items", "enum", "$ref", "additionalProperties"))


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key in _KEPT}
    if "properties" in kept:
        kept["properties"] = {name: _strict(part) for name, part in kept["properties"].items()}
        kept["required"] = list(kept["properties"])
    if "items" in kept:
        kept["items"] = _strict(kept["items"])
    return kept
