"""The words that imperative sentences are made of, as data."""

from collections.abc import Mapping
from typing import Literal

Role = Literal["place", "hold", "state", "toggle", "switch"]
"""place: needs a destination; hold: take in the hand; state: brings about a state; switch: becomes
`on` or `off` by its particle (`turn the lamp on`)."""

VERBS: Mapping[str, tuple[Role, str]] = {
    **dict.fromkeys(
        ("put", "place", "set", "leave", "drop", "store", "stow", "move", "lay", "return", "toss",
         "throw", "insert", "stack", "transfer", "rest", "hide", "load", "serve", "keep"),
        ("place", ""),
    ),
    **dict.fromkeys(
        ("bring", "take", "carry", "get", "fetch", "grab", "pick", "hold", "lift", "deliver",
         "collect", "hand", "give", "retrieve", "pickup", "gather"),
        ("hold", "held"),
    ),
    **dict.fromkeys(("discard", "trash", "dispose", "bin"), ("place", "garbagecan")),
    **dict.fromkeys(("slice", "cut", "chop", "carve"), ("state", "sliced")),
    **dict.fromkeys(("heat", "warm", "microwave", "reheat"), ("state", "hot")),
    **dict.fromkeys(
        ("cook", "fry", "boil", "bake", "roast", "toast", "grill"), ("state", "cooked")
    ),
    **dict.fromkeys(("cool", "chill", "refrigerate"), ("state", "cold")),
    **dict.fromkeys(("clean", "wash", "rinse", "scrub"), ("state", "clean")),
    **dict.fromkeys(("dirty", "soil"), ("state", "dirty")),
    **dict.fromkeys(("break", "smash", "shatter", "crack"), ("state", "broken")),
    **dict.fromkeys(("fill", "refill"), ("state", "filled")),
    **dict.fromkeys(("empty", "drain", "pour"), ("state", "empty")),
    "open": ("state", "open"),
    **dict.fromkeys(("close", "shut"), ("state", "closed")),
    **dict.fromkeys(("turn", "switch", "toggle"), ("switch", "")),
    **dict.fromkeys(("light", "activate", "start"), ("state", "on")),
    **dict.fromkeys(("deactivate", "stop", "extinguish"), ("state", "off")),
}  # fmt: skip

ADJECTIVES: Mapping[str, str] = {
    **dict.fromkeys(("clean", "cleaned", "washed", "rinsed"), "clean"),
    **dict.fromkeys(("dirty", "used", "soiled"), "dirty"),
    **dict.fromkeys(("cold", "cool", "cooled", "chilled", "refrigerated"), "cold"),
    **dict.fromkeys(("hot", "warm", "heated", "warmed", "microwaved"), "hot"),
    **dict.fromkeys(("cooked", "fried", "boiled", "baked", "roasted", "toasted"), "cooked"),
    **dict.fromkeys(("sliced", "cut", "chopped"), "sliced"),
    **dict.fromkeys(("full", "filled"), "filled"),
    **dict.fromkeys(("empty", "emptied"), "empty"),
    **dict.fromkeys(("broken", "smashed"), "broken"),
    **dict.fromkeys(("open", "opened"), "open"),
    **dict.fromkeys(("closed", "shut"), "closed"),
}

EXCLUSIVE: tuple[frozenset[str], ...] = (
    frozenset(("open", "closed")),
    frozenset(("on", "off")),
    frozenset(("clean", "dirty")),
    frozenset(("hot", "cold")),
    frozenset(("filled", "empty")),
)
"""States of which an object has one at a time: the last one asked for counts."""

NUMBERS: Mapping[str, int] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "both": 2, "couple": 2, "pair": 2,
}  # fmt: skip

DEFINITE = frozenset(("the", "that", "this", "these", "those", "its", "your", "my"))
INDEFINITE = frozenset(("a", "an", "some", "any"))
ANOTHER = frozenset(("another", "second", "other"))
ALL = frozenset(("all", "every", "each"))
PRONOUNS = frozenset(("it", "them", "they", "itself"))

ON_WORDS = frozenset(("on", "onto", "upon", "atop"))
IN_WORDS = frozenset(("in", "into", "inside", "within"))
TO_WORDS = frozenset(("to", "at", "by", "near"))
FROM_WORDS = frozenset(("from", "off"))
WITH_WORDS = frozenset(("with", "using"))

FILLER = frozenset(("please", "now", "also", "just", "carefully", "kindly", "robot"))
JOINERS = frozenset(("and", "then", "afterwards", "finally", "next", "first", ",", ";", "."))

CONTAINERS = frozenset((
    "fridge", "microwave", "cabinet", "drawer", "garbagecan", "garbagebag", "sink", "sinkbasin",
    "bathtub", "bathtubbasin", "box", "safe", "laundryhamper", "washingmachine", "clothesdryer",
    "bowl", "cup", "mug", "pot", "vase", "toaster", "coffeemachine",
))  # fmt: skip
"""Places of which one says `in` when a sentence says `to`."""

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "counter": ("CounterTop",),
    "countertop": ("CounterTop",),
    "kitchen counter": ("CounterTop",),
    "worktop": ("CounterTop",),
    "table": ("DiningTable", "CoffeeTable", "SideTable", "Desk"),
    "kitchen table": ("DiningTable",),
    "dinner table": ("DiningTable",),
    "end table": ("SideTable",),
    "nightstand": ("SideTable",),
    "night stand": ("SideTable",),
    "bedside table": ("SideTable",),
    "couch": ("Sofa",),
    "settee": ("Sofa",),
    "armchair": ("ArmChair",),
    "seat": ("Chair", "Stool"),
    "tv": ("Television",),
    "telly": ("Television",),
    "tv stand": ("TVStand",),
    "television stand": ("TVStand",),
    "refrigerator": ("Fridge",),
    "freezer": ("Fridge",),
    "icebox": ("Fridge",),
    "bin": ("GarbageCan",),
    "trash": ("GarbageCan",),
    "garbage": ("GarbageCan",),
    "rubbish": ("GarbageCan",),
    "trash can": ("GarbageCan",),
    "trash bin": ("GarbageCan",),
    "garbage bin": ("GarbageCan",),
    "rubbish bin": ("GarbageCan",),
    "wastebasket": ("GarbageCan",),
    "trash bag": ("GarbageBag",),
    "lamp": ("DeskLamp", "FloorLamp"),
    "table lamp": ("DeskLamp",),
    "standing lamp": ("FloorLamp",),
    "light": ("LightSwitch", "FloorLamp", "DeskLamp"),
    "phone": ("CellPhone",),
    "mobile": ("CellPhone",),
    "mobile phone": ("CellPhone",),
    "smartphone": ("CellPhone",),
    "cupboard": ("Cabinet",),
    "sink": ("Sink", "SinkBasin"),
    "basin": ("SinkBasin", "Sink"),
    "tap": ("Faucet",),
    "bath": ("Bathtub", "BathtubBasin"),
    "stove": ("StoveBurner",),
    "burner": ("StoveBurner",),
    "hob": ("StoveBurner",),
    "cooker": ("StoveBurner",),
    "shelf": ("Shelf", "ShelvingUnit"),
    "bookshelf": ("ShelvingUnit", "Shelf"),
    "bookcase": ("ShelvingUnit", "Shelf"),
    "rack": ("ShelvingUnit", "Shelf"),
    "chest of drawers": ("Dresser", "Drawer"),
    "chest": ("Dresser",),
    "frying pan": ("Pan",),
    "skillet": ("Pan",),
    "saucepan": ("Pot",),
    "cooking pot": ("Pot",),
    "glass": ("Cup",),
    "coffee mug": ("Mug",),
    "coffee cup": ("Mug",),
    "coffee maker": ("CoffeeMachine",),
    "computer": ("Laptop", "Desktop"),
    "notebook": ("Laptop", "Book"),
    "remote": ("RemoteControl",),
    "tv remote": ("RemoteControl",),
    "clock": ("AlarmClock",),
    "alarm": ("AlarmClock",),
    "plant": ("HousePlant",),
    "picture": ("Painting",),
    "soap": ("SoapBar", "SoapBottle"),
    "soap dispenser": ("SoapBottle",),
    "salt": ("SaltShaker",),
    "pepper": ("PepperShaker",),
    "paper": ("Newspaper",),
    "card": ("CreditCard",),
    "bank card": ("CreditCard",),
    "key": ("KeyChain",),
    "keys": ("KeyChain",),
    "wristwatch": ("Watch",),
    "ball": ("BasketBall",),
    "bat": ("BaseballBat",),
    "racket": ("TennisRacket",),
    "teddy": ("TeddyBear",),
    "tissues": ("TissueBox",),
    "tissue": ("TissueBox",),
    "tissue box": ("TissueBox",),
    "paper towel": ("PaperTowelRoll",),
    "sponge": ("DishSponge",),
    "cushion": ("Pillow",),
    "rag": ("Cloth",),
    "garbage can": ("GarbageCan",),
    "salad": ("Lettuce",),
    "toilet paper roll": ("ToiletPaper",),
    "toilet roll": ("ToiletPaper",),
    "loaf": ("Bread",),
    "loaf of bread": ("Bread",),
    "slice of bread": ("Bread",),
    "wine": ("WineBottle",),
    "hamper": ("LaundryHamper",),
    "laundry basket": ("LaundryHamper",),
    "washer": ("WashingMachine",),
    "dryer": ("ClothesDryer",),
    "shower": ("ShowerHead",),
    "weight": ("Dumbbell",),
}
"""Other words for types; of several types the first that the vocabulary has is meant."""

IRREGULAR_PLURALS: Mapping[str, str] = {
    "knives": "knife", "shelves": "shelf", "loaves": "loaf", "potatoes": "potato",
    "tomatoes": "tomato", "dishes": "dish", "boxes": "box", "watches": "watch",
    "glasses": "glass", "couches": "couch", "switches": "switch", "toothbrushes": "toothbrush",
    "brushes": "brush", "benches": "bench",
}  # fmt: skip

LIQUIDS = frozenset(("water", "coffee", "wine"))
