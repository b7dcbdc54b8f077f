"""What detectors call things, in AI2-THOR's type names; and those names in words, for prompts."""

import re
from collections.abc import Mapping
from functools import cache

from embodied_mem.backends.household.catalog import object_types

NO_CLASS = "-"
"""Stands where a number means no class."""

# fmt: off
COCO = (
    "-", "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "-", "stop sign", "parking meter", "bench", "bird", "cat",
    "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "-", "backpack",
    "umbrella", "-", "-", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "-", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana",
    "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake",
    "chair", "couch", "potted plant", "bed", "-", "dining table", "-", "-", "toilet", "-", "tv",
    "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "-", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
    "toothbrush",
)
# fmt: on
"""COCO's categories by number, as torchvision's weights give them; number 0 is the background."""

TYPES: Mapping[str, str] = {
    "wine glass": "Cup",
    "potted plant": "HousePlant",
    "plant": "HousePlant",
    "couch": "Sofa",
    "table": "DiningTable",
    "tv": "Television",
    "monitor": "Television",
    "remote": "RemoteControl",
    "phone": "CellPhone",
    "mobile phone": "CellPhone",
    "oven": "StoveBurner",  # AI2-THOR's stoves consist of burners and knobs.
    "stove": "StoveBurner",
    "refrigerator": "Fridge",
    "clock": "AlarmClock",
    "sports ball": "BasketBall",
    "trash can": "GarbageCan",
    "bin": "GarbageCan",
    "picture": "Painting",
    "lamp": "FloorLamp",
    "cushion": "Pillow",
    "keys": "KeyChain",
    "teapot": "Kettle",
    "frying pan": "Pan",
    "counter": "CounterTop",
    "bookshelf": "ShelvingUnit",
    "toilet roll": "ToiletPaper",
    "tap": "Faucet",
}
"""What detectors say and AI2-THOR has another word for. A type's own name needs no entry."""

_SLICED = re.compile(r"(\w+)(Sliced|Cracked)$")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*")


def type_of(text: str) -> str | None:
    """Return the AI2-THOR type that a detector's word means; None where there is none.

    Args:
        text: In any case: `dining table`, `Dining Table`, `DiningTable`.
    """
    words = folded(text)
    names = _types_by_words()
    return names.get(words) or names.get(words.replace(" ", "")) or TYPES.get(words)


def label_of(text: str, rename: Mapping[str, str]) -> str:
    """Return the label of what a detector calls `text`: the user's word for it, a type, or itself.

    Args:
        text: The detector's word.
        rename: The user's own labels, by the detector's words in small letters.
    """
    return rename.get(folded(text)) or type_of(text) or text


def called(text: str, label: str) -> dict[str, bool | float | str]:
    """Return the attribute that keeps a detector's own word, where its label does not tell it."""
    return {} if folded(text) in (folded(label), folded(words_of(label))) else {"called": text}


def words_of(label: str) -> str:
    """Return a type's name in words: `coffee table`, `TV stand`, `sliced bread`."""
    piece = _SLICED.match(label)
    if piece:
        return f"{piece[2].lower()} {words_of(piece[1])}"
    words = _WORDS.findall(label) or [label]
    return " ".join(word if word.isupper() else word.lower() for word in words)


def vocabulary_in_words() -> tuple[str, ...]:
    """Return what AI2-THOR's types are called, those that a detector can tell."""
    return tuple(words_of(name) for name in object_types() if name not in _NOT_SEEN)


# fmt: off
_NOT_SEEN = frozenset((
    "BathtubBasin", "Cart", "Desktop", "Doorframe", "Footstool", "RoomDecor", "Safe",
    "ShowerGlass", "SinkBasin", "StoveKnob", "TableTopDecor",
))
# fmt: on
"""Types whose words mean something else to a detector, or the same as another's."""


def folded(text: str) -> str:
    """Return a text in small letters with single spaces, without an article before it."""
    words = " ".join(text.casefold().replace("_", " ").split())
    return words.removeprefix("a ").removeprefix("an ").removeprefix("the ")


@cache
def _types_by_words() -> Mapping[str, str]:
    names = tuple(object_types())
    return {name.casefold(): name for name in names} | {folded(words_of(n)): n for n in names}
