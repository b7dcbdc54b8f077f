"""What a memory knows, as short texts that can be searched: objects, rooms and happenings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from embodied_mem.memory.happenings import Happening
from embodied_mem.memory.records import Known
from embodied_mem.memory.scene_graph import Node
from embodied_mem.memory.text import words

DocumentKind = Literal["object", "room", "event"]

_STATES: Mapping[tuple[str, object], str] = {
    ("open", True): "open opened", ("open", False): "closed shut",
    ("on", True): "on running", ("dirty", True): "dirty", ("dirty", False): "clean",
    ("sliced", True): "sliced cut", ("cooked", True): "cooked",
    ("filled", True): "filled full", ("broken", True): "broken",
    ("temperature", "Hot"): "hot warm", ("temperature", "Cold"): "cold cool",
}  # fmt: skip
"""Words for the states of things that set them apart."""

_STATUS = {"present": "", "moved": "moved", "gone": "gone missing", "held": "held hand carried"}


@dataclass(frozen=True, slots=True)
class Document:
    """One thing that can be found."""

    id: str
    kind: DocumentKind
    text: str
    """What its words are; several may have the same."""
    label: str = ""
    """Its folded label, for an object."""


def object_text(known: Known, parent: str, room: str, done: str = "") -> str:
    """Return the words for an object: its label twice, its states, what it is on, and where.

    Args:
        known: The object.
        parent: Label of what it is on or in; empty if none is known.
        room: Label of its room.
        done: Words for what was done to it.
    """
    name = " ".join(words(known.label))
    joined = name.replace(" ", "")
    states = [_STATES.get((key, value), "") for key, value in sorted(known.attributes.items())]
    liquid = known.attributes.get("liquid")
    parts = [name, joined, *states, str(liquid or ""), _STATUS[known.status], _spoken(parent)]
    return " ".join(filter(None, (*parts, _spoken(room), done)))


def room_text(node: Node) -> str:
    """Return the words for a room."""
    return f"{_spoken(node.label)} room".strip()


def done_to(happenings: Sequence[Happening]) -> dict[str, str]:
    """Return for each object the words for all that was done to it or with it."""
    found: dict[str, dict[str, None]] = {}
    for happening in happenings:
        for name in happening.objects:
            found.setdefault(name, {}).update(dict.fromkeys(happening.words.split()))
    return {name: " ".join(spoken) for name, spoken in found.items()}


def happening_text(happening: Happening, labels: Mapping[str, str]) -> str:
    """Return the words for something that happened.

    Args:
        happening: What.
        labels: By object id.
    """
    named = [_spoken(labels[name]) for name in happening.objects if name in labels]
    return " ".join((happening.words, *named))


def _spoken(label: str) -> str:
    name = " ".join(words(label))
    joined = name.replace(" ", "")
    return name if joined == name else f"{name} {joined}"


def distinct(documents: Sequence[Document]) -> tuple[list[str], list[int]]:
    """Return the distinct texts, in order of appearance, and which one each document has."""
    numbers: dict[str, int] = {}
    which = [numbers.setdefault(document.text, len(numbers)) for document in documents]
    return list(numbers), which
