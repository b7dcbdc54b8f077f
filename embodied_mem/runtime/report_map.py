"""The map of a report, as SVG: floor plan, rooms, objects, path; x to the right, y up."""

import base64
from html import escape

import cv2
import numpy as np

from embodied_mem.runtime.belief import Belief, GridBelief, ObjectBelief
from embodied_mem.runtime.trace import StepLine

SCALE = 60.0
"""Pixels for each metre."""

_MARGIN = 0.4  # Around what is drawn [m].
_LARGE = 0.5  # Things with a footprint of at least this longer edge are drawn to scale [m].
_FLAT = 0.25  # What is thinner than this hangs on a wall or is one, and carries no name [m].
_LETTER, _LINE = 12.0, 24.0  # Width of a letter, and height of a line, of a room's name [px].
_COLOURS = np.array(
    [[0, 0, 0, 0], [250, 247, 242, 255], [120, 134, 148, 255]], np.uint8
)  # BGRA of unknown (clear), free, occupied.


class MapFrame:
    """Where the map lies in the world, and where the world lies in the picture."""

    def __init__(self, belief: Belief | None, steps: tuple[StepLine, ...]):
        corners = [(step.pose[0], step.pose[1]) for step in steps if step.pose]
        if belief is not None:
            corners += [c[:2] for o in belief.objects if o.box for c in o.box]
            corners += _grid_corners(belief.grid)
        spots = np.array(corners or [(0.0, 0.0), (1.0, 1.0)])
        self.low = spots.min(axis=0) - _MARGIN
        self.high = spots.max(axis=0) + _MARGIN
        self.width, self.height = ((self.high - self.low) * SCALE).round(1).tolist()

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the picture's place of a world point [m]."""
        return (
            round(float(x - self.low[0]) * SCALE, 1),
            round(float(self.high[1] - y) * SCALE, 1),
        )


def draw_map(belief: Belief | None, steps: tuple[StepLine, ...], frame: MapFrame) -> str:
    """Return the map as an SVG element; its `.robot` and `.trail` are left to the page's script."""
    parts = [
        f'<svg class="map" viewBox="0 0 {frame.width} {frame.height}" role="img" '
        'aria-label="map of what is remembered">'
    ]
    if belief is not None:
        if belief.grid is not None:
            parts.append(_draw_grid(belief.grid, frame))
        ordered = sorted(belief.objects, key=lambda o: -_footprint(o))
        parts += [_draw_object(thing, frame) for thing in ordered if thing.box]
    parts += _draw_path(steps, frame)
    parts.append('<polyline class="trail" points=""/>')
    parts.append('<g class="robot"><circle r="11"/><path d="M 0 -6 L 13 0 L 0 6 Z"/></g>')
    if belief is not None:
        parts += _draw_rooms(belief, frame)
    parts.append("</svg>")
    return "".join(parts)


def _grid_corners(grid: GridBelief | None) -> list[tuple[float, float]]:
    if grid is None:
        return []
    x, y = grid.origin
    end = (x + grid.columns * grid.resolution, y + grid.rows * grid.resolution)
    return [(x, y), end]


def _draw_grid(grid: GridBelief, frame: MapFrame) -> str:
    picture = np.ascontiguousarray(_COLOURS[np.minimum(grid.states(), 2)][::-1])
    encoded, data = cv2.imencode(".png", picture)
    assert encoded
    x, y = frame.at(grid.origin[0], grid.origin[1] + grid.rows * grid.resolution)
    width, height = (round(n * grid.resolution * SCALE, 1) for n in (grid.columns, grid.rows))
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{base64.b64encode(data.tobytes()).decode()}"/>'
    )


def _footprint(thing: ObjectBelief) -> float:
    if thing.box is None:
        return 0.0
    (x0, y0, _), (x1, y1, _) = thing.box
    return (x1 - x0) * (y1 - y0)


def _draw_object(thing: ObjectBelief, frame: MapFrame) -> str:
    assert thing.box is not None
    (x0, y0, z0), (x1, y1, z1) = thing.box
    left, top = frame.at(x0, y1)
    width, height = round((x1 - x0) * SCALE, 1), round((y1 - y0) * SCALE, 1)
    large, flat = max(x1 - x0, y1 - y0) >= _LARGE, min(x1 - x0, y1 - y0) < _FLAT
    kind = "item" if not large else "flat" if flat else "furniture"
    tip = escape(f"{thing.label} ({thing.status}), {z0:.2f} to {z1:.2f} m high")
    shape = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="3"/>'
    if not large:
        cx, cy = frame.at((x0 + x1) / 2, (y0 + y1) / 2)
        shape = f'<circle cx="{cx}" cy="{cy}" r="4.5"/>'
    text = ""
    if kind == "furniture" and z0 < 1.5 and not thing.parent:
        cx, cy = frame.at((x0 + x1) / 2, (y0 + y1) / 2)
        turned = f' transform="rotate(-90 {cx} {cy})"' if height > 1.6 * width else ""
        text = f'<text x="{cx}" y="{cy + 4}"{turned}>{escape(thing.label)}</text>'
    return f'<g class="{kind} {thing.status}"><title>{tip}</title>{shape}{text}</g>'


def _draw_path(steps: tuple[StepLine, ...], frame: MapFrame) -> list[str]:
    """Return the path as one line for each stretch of the same phase."""
    lines: list[str] = []
    stretch: list[str] = []
    phase = ""
    for step in steps:
        if step.pose is None:
            continue
        spot = "{},{}".format(*frame.at(step.pose[0], step.pose[1]))
        if step.phase != phase and stretch:
            lines.append(f'<polyline class="path {escape(phase)}" points="{" ".join(stretch)}"/>')
            stretch = stretch[-1:]
        phase = step.phase
        if not stretch or stretch[-1] != spot:
            stretch.append(spot)
    if len(stretch) > 1:
        lines.append(f'<polyline class="path {escape(phase)}" points="{" ".join(stretch)}"/>')
    return lines


def _draw_rooms(belief: Belief, frame: MapFrame) -> list[str]:
    """Return each room's name, where its floor is widest, moved off the names before it."""
    names: list[str] = []
    taken: list[tuple[float, float, float]] = []
    for room in dict.fromkeys(o.room for o in belief.objects if o.room):
        spot = belief.room_spots.get(room)
        boxes = np.array([o.box for o in belief.objects if o.room == room and o.box])
        if spot is None and not len(boxes):
            continue
        x, y = spot or np.median(boxes.mean(axis=1)[:, :2], axis=0).tolist()
        name = belief.rooms.get(room, room)
        cx, cy = _free_spot(frame.at(x, y), _LETTER * len(name) / 2, taken)
        names.append(f'<text class="room" x="{cx}" y="{cy}">{escape(name)}</text>')
    return names


def _free_spot(
    at: tuple[float, float], half: float, taken: list[tuple[float, float, float]]
) -> tuple[float, float]:
    """Return the nearest place above or below where a line of text meets no other; note it.

    Args:
        at: Middle of the text, wished for [px].
        half: Half its width [px].
        taken: Middle and half width of the texts that are there [px].
    """
    x, y = at
    for step in range(2 * len(taken) + 1):
        moved = y + (-1) ** step * ((step + 1) // 2) * _LINE
        meets = any(abs(x - a) < half + w and abs(moved - b) < _LINE for a, b, w in taken)
        if not meets:
            y = moved
            break
    taken.append((x, y, half))
    return x, round(y, 1)
