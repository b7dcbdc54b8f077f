"""The views that questions in SQL see. Their names and columns stay from release to release."""

import sqlite3

import msgspec


class View(msgspec.Struct, frozen=True):
    """One view: which tables it reads, what it selects, and what its columns are."""

    name: str
    about: str
    tables: tuple[str, ...]
    """Of the store. Where one is missing, so is the view."""
    select: str
    columns: dict[str, str]


def _view(name: str, about: str, tables: str, source: str, /, **columns: tuple[str, str]) -> View:
    listed = ", ".join(f"{expression} AS {column}" for column, (expression, _) in columns.items())
    described = {column: text for column, (_, text) in columns.items()}
    return View(name, about, tuple(tables.split()), f"SELECT {listed} FROM {source}", described)


def _json(path: str) -> str:
    return f"json_extract(CAST(record AS TEXT), '$.{path}')"


_VIDEO = (
    _view(
        "videos", "Videos that were taken in.", "videos", "main.videos",
        id=("id", "number"), name=("name", "file's name"), path=("path", "where it lay"),
        seconds=("seconds", "how much was taken in [s]"), done=("done", "1: all of it"),
        note=("note", "what is to be said of it"),
    ),
    _view(
        "events", "Clips, segments, and moments: what happened.", "events", "main.events",
        id=("id", "number"), video=("video", "number of the video"),
        level=("level", "clip, segment or moment"),
        kind=("kind", "clip, segment, visit, came, left, presence, moved, hidden, revealed"),
        start=("start", "[s]"), stop=("stop", "[s]"), caption=("caption", "a sentence"),
        confidence=("confidence", "0..1"), surprise=("surprise", "of a segment's beginning"),
        opened_by=("opened_by", "why a segment begins"), region=("region", "in the picture"),
        place=("place", "number of the place"), parent=("parent", "event of the level above"),
        picture=("picture", "name of the key frame"), refined=("refined", "1: looked at closely"),
    ),
    _view(
        "event_things", "Which things are in an event.", "event_things", "main.event_things",
        event=("event", "number of the event"), thing=("thing", "id of the thing"),
        role=("role", "it, cover or with"),
    ),
    _view(
        "things", "What was followed through a video.", "things", "main.things",
        id=("id", "id"), video=("video", "number of the video"), kind=("kind", "mover or thing"),
        label=("label", "in words"), first=("first", "first seen [s]"),
        last=("last", "last seen [s]"), region=("region", "where it was last seen"),
        steadiness=("steadiness", "share of the pictures that showed it"),
        colours=("colours", "share of each colour term, JSON"),
    ),
    _view(
        "places", "Views that look alike whenever they are seen.", "places", "main.places",
        id=("id", "number"), video=("video", "that showed it first"),
        seen=("seen", "segments that it was seen in"),
    ),
    _view(
        "captions", "What a model said of segments; also the end of their captions.",
        "captions", "main.captions",
        event=("event", "number of the event"), text=("text", "what was said"),
        model=("model", "name of the model"),
    ),
    _view(
        "looks", "Intervals that were looked at closely.", "looks", "main.looks",
        video=("video", "number of the video"), start=("start", "[s]"),
        stop=("stop", "up to but without [s]"),
    ),
)  # fmt: skip

_HOUSE = (
    _view(
        "objects", "Things of a house, as they are known now.", "objects", "main.objects",
        id=("id", "id"), label=(_json("label"), "what it is called"),
        room=(_json("room"), "graph id of the room"),
        x=(f"({_json('box[0]')} + {_json('box[3]')}) / 2", "centre [m]"),
        y=(f"({_json('box[1]')} + {_json('box[4]')}) / 2", "centre [m]"),
        z=(f"({_json('box[2]')} + {_json('box[5]')}) / 2", "centre [m]"),
        first=(_json("first_seen"), "first seen [s]"), last=(_json("last_seen"), "last seen [s]"),
        seen=(_json("sightings"), "frames that it was seen in"), belief=(_json("belief"), "0..1"),
    ),
    _view(
        "sightings", "Where things were, when that changed.", "sightings", "main.sightings",
        object=("object", "id"), stamp=("stamp", "[s]"), frame=("frame", "number"),
        status=("status", "present, moved, gone or held"), room=("room", "graph id of the room"),
        relation=("json_extract(CAST(placement AS TEXT), '$.relation')", "on or in"),
        parent=("json_extract(CAST(placement AS TEXT), '$.parent')", "id of what it is on or in"),
    ),
    _view(
        "actions", "What the agent did.", "actions", "main.actions",
        number=("number", "in order"), stamp=("stamp", "[s]"), name=("name", "of the action"),
        target=("target", "id of the object, or empty"), succeeded=("succeeded", "1: done"),
    ),
    _view(
        "nodes", "Rooms, places, furniture and objects of the scene graph.", "nodes", "main.nodes",
        id=("id", "id"), kind=(_json("kind"), "layer"), label=(_json("label"), "what it is called"),
    ),
    _view(
        "edges", "Relations of the scene graph.", "edges", "main.edges",
        source=("source", "id"), kind=("kind", "such as contains, on, in, near, connects"),
        target=("target", "id"),
    ),
)  # fmt: skip

VIEWS = (*_VIDEO, *_HOUSE)


def make_views(database: sqlite3.Connection) -> tuple[View, ...]:
    """Make, for this connection alone, the views whose tables there are, and return them."""
    query = "SELECT name FROM main.sqlite_master WHERE type IN ('table', 'view')"
    known = {name for (name,) in database.execute(query)}
    made = tuple(view for view in VIEWS if known.issuperset(view.tables))
    for view in made:
        database.execute(f"CREATE TEMP VIEW {view.name} AS {view.select}")
    return made
