"""What is kept of an episode, and what many of them teach: plain data, bounded, checked on load.

Text in here came from the world or from a simulator: it is data, cut short and stripped of all but
letters and simple punctuation, never an instruction.
"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from embodied_mem.errors import StoreFormatError
from embodied_mem.goals import Goal, fold

FRONTIER = "frontier"
"""How the name of a place to look begins that is no receptacle but unseen space."""

Name = Annotated[str, Meta(max_length=48, pattern=r"^[a-z:*]*$")]
"""A folded type name, with `:` before a variant; `*` is any."""
Text = Annotated[str, Meta(max_length=160)]
Count = Annotated[int, Meta(ge=0, le=10_000)]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How often one kind of place was looked at for one kind of thing, and showed one."""

    wanted: Name
    at: Name
    """Kind of receptacle, or `frontier...` for unseen space."""
    times: Annotated[int, Meta(ge=1, le=10_000)] = 1
    shown: Count = 0


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """How often an action on one kind of thing was tried, and failed."""

    action: Annotated[str, Meta(max_length=40, pattern=r"^[A-Za-z]*$")]
    item: Name = ""
    """What was in the hand."""
    target: Name = ""
    """What was acted on."""
    times: Annotated[int, Meta(ge=1, le=10_000)] = 1
    failed: Count = 0
    message: Text = ""
    """Why, the last time."""
    remedy: Text = ""
    """What was done between the failure and the success, if that came."""


class EpisodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One episode: what was asked, what was done, how it went."""

    goal: Annotated[str, Meta(max_length=400)]
    """In predicate form."""
    task: Annotated[str, Meta(max_length=400)]
    """The goal with its objects left out; see `task_type`."""
    success: bool
    steps: Count
    exploration_steps: Count
    failed_actions: Count
    plan: Annotated[tuple[Text, ...], Meta(max_length=40)] = ()
    """The acts that succeeded, in order: `PickupObject apple`."""
    looks: Annotated[tuple[Look, ...], Meta(max_length=64)] = ()
    tries: Annotated[tuple[Try, ...], Meta(max_length=64)] = ()
    source: Text = ""
    """Who vouches for it: a run, a house. Records of one source count as one witness; empty for a
    source of its own."""


Numbered = tuple[int, EpisodeRecord]
"""A record and its number, counted from 1 as they come."""

LessonKind = Literal["place", "necessary", "needless", "fails", "plan"]


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that episodes teach, with the evidence for it."""

    kind: LessonKind
    about: str
    """What it is about: a kind of thing, or a skill."""
    claim: str
    """What it says of that: a place, a skill, a message."""
    text: str
    """In words, for a prompt."""
    confidence: float
    """Mean of the Beta distribution of the evidence, 0..1."""
    support: float
    """Weight of the evidence for it [episodes]."""
    against: float
    """Weight of the evidence against it [episodes]."""
    relevance: float
    """How like the goals it comes from are, 0..1."""
    episodes: tuple[int, ...]
    """Numbers of the records it rests on, newest last."""


_DECODER = msgspec.json.Decoder(EpisodeRecord)


def encode(record: EpisodeRecord) -> bytes:
    """Write a record."""
    return msgspec.json.encode(record)


def decode(data: bytes) -> EpisodeRecord:
    """Read a record.

    Raises:
        StoreFormatError: It is none, or breaks a bound.
    """
    try:
        record = _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreFormatError(
            f"a stored experience is damaged or forged: {error}. Leave it out."
        ) from error
    wrong = [look for look in record.looks if look.shown > look.times]
    wrong += [each for each in record.tries if each.failed > each.times]
    if wrong:
        raise StoreFormatError(f"a stored experience counts more cases than there were: {wrong}.")
    return record


def checked(record: EpisodeRecord) -> EpisodeRecord:
    """Return a record that keeps the bounds.

    Raises:
        StoreFormatError: It does not.
    """
    return decode(encode(record))


def plain(text: str, most: int = 80) -> str:
    """Return letters, spaces and simple punctuation of a text, cut short: no ids, no numbers."""
    words = re.sub(r"[^A-Za-z ,.'/]+", " ", text)
    return re.sub(r"\s+", " ", words).strip()[:most]


def name(label: str) -> str:
    """Return a type name in the form of records."""
    return fold(label)[:48]


def task_type(goal: Goal) -> str:
    """Return a goal with its objects replaced by letters: `clean(a) and on(a, b)`.

    Goals that differ in their objects only have the same type.
    """
    atoms = sorted(goal.atoms, key=lambda atom: (atom.predicate, len(atom.terms), str(atom)))
    letters: dict[object, str] = {}
    parts = []
    for atom in atoms:
        for term in atom.terms:
            letters.setdefault(term, chr(ord("a") + min(len(letters), 25)))
        parts.append(f"{atom.predicate}({', '.join(letters[t] for t in atom.terms)})")
    return " and ".join(parts)[:400]
