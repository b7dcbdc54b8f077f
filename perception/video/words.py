"""What is seen in a video, in plain sentences."""

from perception.video.colours import name_of
from perception.video.follower import Followed
from perception.video.sighting import Kind

_COLUMNS = ("left", "", "right")
_ROWS = ("top", "", "bottom")


def region(point: tuple[float, float]) -> str:
    """Return where in a picture a point is, in ninths: `top left`, `middle`."""
    column, row = (min(int(3 * value), 2) if value > 0 else 0 for value in point)
    return " ".join(filter(None, (_ROWS[row], _COLUMNS[column]))) or "middle"


def at(words: str) -> str:
    """Return a region with its preposition."""
    return "in the middle" if words == "middle" else f"at the {words}"


def label(kind: Kind, thing: Followed) -> str:
    """Return what something is called: `cup`, or `black and grey mover` where nothing names it."""
    return thing.latest.name or f"{name_of(thing.colours)} {kind}"


def present(mover: Followed) -> str:
    """Tell that something that moves by itself was there."""
    return f"{_subject('mover', mover)} was there."


def came(kind: Kind, thing: Followed) -> str:
    """Tell that something came."""
    where = at(region(thing.entered.centre))
    verb = "came in" if thing.entered.at_edge else "appeared"
    return f"{_subject(kind, thing)} {verb} {where}."


def left(kind: Kind, thing: Followed) -> str:
    """Tell that something went."""
    where = at(region(thing.latest.centre))
    verb = "left" if thing.latest.at_edge else "disappeared"
    return f"{_subject(kind, thing)} {verb} {where}."


def stay(kind: Kind, thing: Followed, *, from_start: bool, to_end: bool) -> str:
    """Tell how long something was there, from where it came and where it went."""
    lasted = thing.last - thing.first
    passing = kind == "mover" and thing.moving_since is not None
    place = "passed through the picture" if passing else f"was {at(region(thing.rest))}"
    first = "was there from the start" if from_start else came(kind, thing).rstrip(".")
    if from_start:
        first = f"{_subject(kind, thing)} {first}"
    end = left(kind, thing).rstrip(".").removeprefix(f"{_subject(kind, thing)} ")
    last = "was still there at the end" if to_end else end
    return f"{first}, {place}, and {last}, after {lasted:.1f} s."


def moved(kind: Kind, thing: Followed, origin: tuple[float, float], carrier: str) -> str:
    """Tell that something moved from one place to another."""
    begin, end = region(origin), region(thing.rest)
    way = f"within the {end}" if begin == end else f"from the {begin} to the {end}"
    carried = f", together with the {carrier}" if carrier else ""
    return f"{_subject(kind, thing)} moved {_direction(origin, thing.rest)}, {way}{carried}."


def hidden(thing: Followed, kind: Kind, cover: Followed) -> str:
    """Tell that something is behind or under another thing now."""
    where = at(region(thing.latest.centre))
    name = label(kind, cover)
    if kind == "thing" and cover.moving_since is not None:
        name += f" that had moved there, {_direction(cover.rest, cover.latest.centre)}"
    return f"{_subject('thing', thing)} was hidden {where}, under or behind the {name}."


def _direction(origin: tuple[float, float], end: tuple[float, float]) -> str:
    """Return which way a move went in the picture: `to the left and down`."""
    across, down = end[0] - origin[0], end[1] - origin[1]
    most = max(abs(across), abs(down))
    ways = []
    if abs(across) > most / 3:
        ways.append("to the right" if across > 0 else "to the left")
    if abs(down) > most / 3:
        ways.append("down" if down > 0 else "up")
    return " and ".join(ways)


def revealed(thing: Followed, lost: float) -> str:
    """Tell that something is seen again."""
    where = at(region(thing.entered.centre))
    unseen = thing.first - lost
    return f"{_subject('thing', thing)} was revealed, seen again {where}, after {unseen:.1f} s."


def _subject(kind: Kind, thing: Followed) -> str:
    """Return what something is called at the beginning of a sentence.

    Colours of people are those of their clothes, and go without saying: so do those of whatever
    moves by itself and has a name.
    """
    name, colour = thing.latest.name, name_of(thing.colours)
    if kind == "mover" and not name:
        return f"Something {colour}"
    called = name if kind == "mover" else f"{colour} {name or 'thing'}"
    return f"{'An' if called[0] in 'aeiou' else 'A'} {called}"
