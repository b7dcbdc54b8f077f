"""The words that questions about videos are made of."""

from embodied_mem.memory.text import STOP_WORDS


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


COLOURS = {
    "black": ("black",), "dark": ("black", "brown"), "white": ("white",), "grey": ("grey",),
    "gray": ("grey",), "silver": ("grey",), "red": ("red", "brown", "pink"),
    "orange": ("orange", "brown", "red"), "brown": ("brown", "orange"),
    "yellow": ("yellow", "orange"), "green": ("green",), "turquoise": ("green", "blue"),
    "teal": ("green", "blue"), "cyan": ("blue", "green"), "blue": ("blue", "purple"),
    "purple": ("purple", "pink"), "violet": ("purple",), "pink": ("pink", "purple", "red"),
}  # fmt: skip
"""Colour words, and the terms that they may mean, the likeliest first."""

VERBS = {
    "came": _set(
        "come came comes coming enter entered enters entering arrive arrived arrives appear "
        "appeared appears"
    ),
    "left": _set(
        "leave leaves left leaving go goes went gone exit exited disappear disappeared vanish "
        "vanished"
    ),
    "visit": _set(
        "visit visits visited visitor visitors stay stayed stays pass passed present passerby"
    ),
    "presence": _set("seen visible"),
    "moved": _set(
        "move moved moves moving carried carry pushed push slid lifted lift picked took taken put "
        "placed"
    ),
    "hidden": _set(
        "hide hides hidden hid hiding under underneath behind beneath covered covers inside "
        "concealed"
    ),
    "revealed": _set("reveal revealed reveals uncovered reappear reappeared again"),
}
"""Words for each kind of event."""

KIND = {word: kind for kind, words in VERBS.items() for word in words}
"""What each of these words means."""

PEOPLE = _set(
    "person people persons someone somebody anyone anybody man woman men women visitor visitors "
    "human humans guy guys lady ladies child children kid kids"
)
"""Words for people, whom nothing here tells from other things that move."""

MOVERS = PEOPLE | _set("robot arm gripper hand")
"""Words for what moves by itself."""

ANYTHING = _set(
    "thing things object objects something anything item items event events happen happened "
    "happens happening video clip picture everything"
)
"""Words that leave open what is meant."""

UNITS = {"s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0,
         "h": 3600.0, "hour": 3600.0}  # fmt: skip
"""Lengths of units of time [s]."""

ROWS = {"top": "top", "upper": "top", "above": "top", "bottom": "bottom", "lower": "bottom",
        "below": "bottom"}  # fmt: skip
COLUMNS = {"left": "left", "right": "right"}
MIDDLE = _set("middle centre center")

IGNORED = STOP_WORDS | _set(
    "how many often much time times long any ever last latest first recent recently until after "
    "since between during while side corner part end beginning start begin started within not no "
    "yes if being as also just by"
)
"""Words that name nothing that can be seen."""
