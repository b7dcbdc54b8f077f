"""Structured replies of language models: found in what a server sent, bounded, decoded into types.

A reply is text from outside. Everything that does not fit is refused in one sentence that the model
can be told.
"""

import re
from typing import Any, TypeVar

import msgspec

from planners.quoting import clean

_DEEPEST = 16
"""Nesting of brackets in a reply; ours needs four."""
_LONGEST = 65_536
"""Longest text in which a reply is looked for [characters]."""
_CANDIDATES = 4
"""Objects in a text that are tried."""

Form = TypeVar("Form", bound=msgspec.Struct)


class ReplyError(ValueError):
    """A reply does not fit; the message is for the model."""


def read_struct(text: str, form: type[Form]) -> Form:
    """Find a struct in what a model said, and decode it.

    Args:
        text: JSON, or JSON among other words (a code fence, thoughts before it).
        form: What is looked for.

    Raises:
        ReplyError: There is none that fits; the message tells the model what is wrong.
    """
    if len(text) > _LONGEST:
        raise ReplyError(f"the reply has {len(text)} characters; the most is {_LONGEST}.")
    text = text.rpartition("</think>")[2]
    problem = ""
    for found in _objects(text):
        try:
            return msgspec.json.decode(found, type=form)
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


def schema_of(form: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON schema of a struct, in the part of the language that servers know.

    Every field is required and none else is allowed; lengths are checked here, not there.
    """
    (_,), parts = msgspec.json.schema_components([form], ref_template="#/$defs/{name}")
    root = _strict(parts.pop(form.__name__))
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
