"""Questions for what is beside something: `the cup next to the lamp`, `things near the mug I used`.

What stands beside is found in two hops: what the second part of the question means is found first,
then what shares its support or is near to it, of what the first part asks for.
"""

import re

import numpy as np
from jaxtyping import Float

from embodied_mem.memory.knowledge_graph import KnowledgeGraph
from embodied_mem.memory.text import STOP_WORDS, words

_BESIDE = re.compile(
    r"\b(?:next to|beside|near(?:by| to)?|close to|alongside|together with)\b", re.IGNORECASE
)
_NAMES_NOTHING = STOP_WORDS | {
    "all", "anything", "else", "everything", "item", "items", "kept", "lies", "list", "lying",
    "right", "sits", "stands", "standing", "stuff",
}  # fmt: skip
_NEAR = 0.5
"""What is near counts so much beside what shares a support."""


def parted(query: str) -> tuple[str, str] | None:
    """Part a question into what it asks for and what that is beside; None where it is another.

    What is asked for is empty where anything will do.
    """
    found = _BESIDE.search(query)
    if found is None:
        return None
    wanted, anchor = query[: found.start()], query[found.end() :]
    if not set(words(anchor)) - _NAMES_NOTHING:
        return None
    return wanted if set(words(wanted)) - _NAMES_NOTHING else "", anchor.strip()


def closeness(graph: KnowledgeGraph, anchors: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return how far each node is beside the anchors; 0 for the anchors themselves.

    Args:
        graph: Knows what rests on what, and what is near.
        anchors: Weight of each node as an anchor.
    """
    siblings = graph.rests @ (graph.rests.T @ anchors)
    found = siblings + _NEAR * (graph.near @ anchors)
    return np.where(anchors > 0, 0.0, found)
