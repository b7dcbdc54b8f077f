"""What a language model may say: a goal in conditions and a list of skill calls, and nothing else.

The reply is text from outside. It is found in what the server sent, bounded, and decoded into
types; everything that does not fit is refused in one sentence that the model is told.
"""

from typing import Annotated, Any, Literal

import msgspec

from planners.quoting import clean
from planners.structured import read_struct, schema_of

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


def read_reply(text: str) -> PlanReply:
    """Find the reply in what the model said, and decode it.

    Args:
        text: JSON, or JSON among other words (a code fence, thoughts before it).

    Raises:
        ReplyError: There is none that fits; the message tells the model what is wrong.
    """
    return read_struct(text, PlanReply)


def reply_schema() -> dict[str, Any]:
    """Return the JSON schema of a reply."""
    return schema_of(PlanReply)
