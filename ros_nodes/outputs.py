"""What memory knows, as the fields of messages. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.memory.records import Known
from embodied_mem.memory.retrieval import Retrieved
from ros_nodes.convert import vector_values
from ros_nodes.drops import Drops
from ros_nodes.stamps import header_values, time_values

Fields = dict[str, Any]

OK, WARN = 0, 1
"""Levels of `diagnostic_msgs/DiagnosticStatus`."""

ADD, DELETE_ALL = 0, 3
CUBE, LINE_LIST, TEXT = 1, 5, 9
"""Of `visualization_msgs/Marker`."""

_COLORS = {
    "present": (0.2, 0.6, 1.0, 0.5),
    "moved": (1.0, 0.7, 0.1, 0.5),
    "held": (0.3, 1.0, 0.3, 0.5),
    "gone": (0.6, 0.6, 0.6, 0.2),
}


def is_placed(known: Known) -> bool:
    """Tell whether a place of it is known."""
    return bool(np.isfinite(known.box).all())


def middle(known: Known) -> Fields:
    """Return the fields of the pose of an object's box; zero where no place is known."""
    return upright(known.position if is_placed(known) else np.zeros(3))


def upright(position: Float[np.ndarray, "3"]) -> Fields:
    """Return the fields of a pose that is not turned."""
    return {"position": vector_values(position), "orientation": {"w": 1.0}}


def extent(known: Known) -> Fields:
    """Return the fields of an object's size."""
    return vector_values(known.size if is_placed(known) else np.zeros(3))


def object_values(known: Known) -> Fields:
    """Return the fields of an `embodied_mem_msgs/ObjectState`."""
    placed = known.placement
    return {
        "id": known.object_id,
        "label": known.label,
        "label_score": known.label_scores.get(known.label, 0.0),
        "status": known.status,
        "pose": middle(known),
        "size": extent(known),
        "attributes": msgspec.json.encode(dict(known.attributes)).decode(),
        "room": known.room or "",
        "relation": placed.relation if placed else "",
        "support": placed.parent if placed else "",
        "first_seen": time_values(float(known.first_seen)),
        "last_seen": time_values(float(known.last_seen)),
        "sightings": known.sightings,
        "confidence": known.confidence,
    }


def detections_values(objects: Iterable[Known], stamp: float | int, frame: str) -> Fields:
    """Return the fields of a `vision_msgs/Detection3DArray`: what is believed to be there."""
    header = header_values(stamp, frame)
    return {
        "header": header,
        "detections": [
            {
                "header": header,
                "id": known.object_id,
                "bbox": {"center": middle(known), "size": extent(known)},
                "results": [
                    {
                        "hypothesis": {"class_id": label, "score": score * known.confidence},
                        "pose": {"pose": middle(known)},
                    }
                    for label, score in _best_labels(known)
                ],
            }
            for known in objects
            if known.status != "gone" and is_placed(known)
        ],
    }


def _best_labels(known: Known) -> list[tuple[str, float]]:
    return sorted(known.label_scores.items(), key=lambda item: -item[1])[:3]


def update_values(
    changed: Iterable[Known],
    removed: Sequence[str],
    *,
    sequence: int,
    full: bool,
    stamp: float | int,
    frame: str,
) -> Fields:
    """Return the fields of an `embodied_mem_msgs/MemoryUpdate`."""
    return {
        "header": header_values(stamp, frame),
        "sequence": sequence,
        "full": full,
        "changed": [object_values(known) for known in changed],
        "removed": list(removed),
    }


def markers_values(objects: Sequence[Known], stamp: float | int, frame: str) -> Fields:
    """Return the fields of a `visualization_msgs/MarkerArray`: boxes, names, what rests on what.

    The first marker removes all that were drawn before, so that nothing stale stays.
    """
    header = header_values(stamp, frame)
    shown = [known for known in objects if is_placed(known) and known.status != "gone"]
    by_id = {known.object_id: known for known in shown}
    markers: list[Fields] = [{"header": header, "action": DELETE_ALL}]
    for number, known in enumerate(shown):
        box = {
            "header": header,
            "id": number,
            "action": ADD,
            "pose": middle(known),
        }
        r, g, b, a = _COLORS[known.status]
        color = {"r": r, "g": g, "b": b, "a": a * max(known.confidence, 0.2)}
        scale = vector_values(np.maximum(known.size, 0.01))
        markers.append({**box, "ns": "objects", "type": CUBE, "scale": scale, "color": color})
        top = known.position + np.array([0.0, 0.0, known.size[2] / 2 + 0.08])
        above = upright(top)
        white = {"r": 1.0, "g": 1.0, "b": 1.0, "a": 1.0}
        markers.append(
            {
                **box,
                "ns": "labels",
                "type": TEXT,
                "pose": above,
                "scale": {"z": 0.1},
                "color": white,
                "text": known.object_id,
            }
        )
    markers.append(_edges(shown, by_id, header))
    return {"markers": markers}


def _edges(shown: Sequence[Known], by_id: Mapping[str, Known], header: Fields) -> Fields:
    ends: list[Fields] = []
    for known in shown:
        parent = by_id.get(known.placement.parent) if known.placement else None
        if parent is not None:
            ends += [vector_values(known.position), vector_values(parent.position)]
    return {
        "header": header,
        "ns": "supports",
        "id": 0,
        "type": LINE_LIST,
        "action": ADD,
        "pose": upright(np.zeros(3)),
        "scale": {"x": 0.01},
        "color": {"r": 1.0, "g": 1.0, "b": 0.2, "a": 0.8},
        "points": ends,
    }


def answer_values(found: Retrieved, frame: str) -> Fields:
    """Return the fields of an `embodied_mem_msgs/Answer`."""
    known = found.known
    values: Fields = {
        "id": found.id,
        "kind": found.kind,
        "text": found.text,
        "found_by": [finding.part for finding in found.found_by],
        "score": found.score,
        "confidence": found.confidence,
        "last_seen": time_values(float(found.stamp)),
    }
    if known is not None and is_placed(known):
        header = header_values(float(found.stamp), frame)
        values["pose"] = {"header": header, "pose": middle(known)}
    return values


def known_values(known: Known, frame: str) -> Fields:
    """Return one object as an `embodied_mem_msgs/Answer`."""
    values: Fields = {
        "id": known.object_id,
        "kind": "object",
        "text": f"{known.label}, {known.status}",
        "found_by": ["label"],
        "score": known.confidence,
        "confidence": known.confidence,
        "last_seen": time_values(float(known.last_seen)),
    }
    if is_placed(known):
        header = header_values(float(known.last_seen), frame)
        values["pose"] = {"header": header, "pose": middle(known)}
    return values


def key_values(pairs: Mapping[str, object]) -> list[Fields]:
    """Return the fields of several `diagnostic_msgs/KeyValue`."""
    return [{"key": key, "value": str(value)} for key, value in pairs.items()]


def diagnostics_values(
    name: str,
    state: str,
    values: Mapping[str, object],
    drops: Drops,
    problems: Mapping[str, str],
) -> Fields:
    """Return the fields of a `diagnostic_msgs/DiagnosticStatus`: how a node is, and what it drops.

    Args:
        name: Of the node.
        state: What it does.
        values: What else is to be told.
        drops: What was left out, and why.
        problems: By topic, why another node is not connected.
    """
    counts = drops.counts
    worst = max(counts, key=lambda reason: counts[reason], default="")
    told = {
        **values,
        **{f"dropped_{reason}": count for reason, count in counts.items()},
        **{f"why_{reason}": why for reason, why in drops.newest.items() if why},
        **{f"not_connected {topic}": why for topic, why in problems.items()},
    }
    return {
        "level": WARN if worst or problems else OK,
        "name": name,
        "message": f"{state}; {worst or 'nothing'} dropped",
        "hardware_id": name,
        "values": key_values(told),
    }
