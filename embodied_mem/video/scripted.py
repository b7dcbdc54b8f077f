"""Films whose every event is known: coloured squares that show for a while, boxes that pass by.

They are drawn, not filmed: a still, textured room with noise of a camera and slowly changing light.
What is found in them can be held against their script.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
import cv2
import msgspec
import numpy as np
from jaxtyping import UInt8

COLOURS = {
    "red": (210, 30, 30), "green": (30, 170, 60), "blue": (40, 70, 220), "yellow": (235, 215, 40),
    "purple": (150, 40, 200),
}  # fmt: skip
"""Colours of squares."""

REGIONS = {
    "top left": (0.17, 0.2), "top right": (0.83, 0.2), "bottom left": (0.17, 0.8),
    "bottom right": (0.83, 0.8), "middle": (0.5, 0.5),
}  # fmt: skip
"""Where squares show, as shares of width and height."""


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a script."""

    kind: Literal["square", "passer"]
    """A coloured square that shows, or a dark box that crosses the picture."""
    start: float
    """[s]"""
    stop: float
    """[s]"""
    colour: str = "black"
    region: str = ""
    """Where a square shows."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What happens in a film."""

    seconds: float
    """Length [s]."""
    events: list[Planted]
    seed: int = 0
    """Of the room and of the noise."""


def draw_script(seconds: float, *, every: float, seed: int = 0, shown: float = 1.0) -> Script:
    """Plant an event about every so often: squares, and a passer for every fourth of them.

    Args:
        seconds: Length of the film [s].
        every: Mean time from one event to the next [s].
        seed: Of chance.
        shown: How long a square shows [s].
    """
    chance = np.random.default_rng(seed)
    events, at = [], 0.5 * every
    while at + 12 < seconds:
        if chance.random() < 0.2:
            events.append(Planted(kind="passer", start=at, stop=at + 6))
        else:
            colour = str(chance.choice(list(COLOURS)))
            region = str(chance.choice(list(REGIONS)))
            events.append(
                Planted(kind="square", start=at, stop=at + shown, colour=colour, region=region)
            )
        at += 10 + float(chance.exponential(max(every - 10, 1)))
    return Script(seconds=seconds, events=events, seed=seed)


def write_film(
    path: Path, script: Script, *, rate: int = 5, width: int = 160, height: int = 120
) -> None:
    """Write a script's film as MPEG-4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 40_000 * rate
        stream.gop_size = 10 * rate
        for rgb in film(script, rate=rate, width=width, height=height):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))


def film(
    script: Script, *, rate: int, width: int, height: int
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yield the frames of a script."""
    chance = np.random.default_rng(script.seed)
    room = _room(chance, width, height)
    noise = [chance.normal(0, 2.0, room.shape).astype(np.float32) for _ in range(7)]
    first = 0
    for number in range(int(script.seconds * rate)):
        at = number / rate
        light = 1 + 0.06 * np.sin(2 * np.pi * at / 900)
        frame = room * np.float32(light) + noise[int(chance.integers(len(noise)))]
        while first < len(script.events) and script.events[first].stop < at:
            first += 1
        for event in script.events[first : first + 4]:
            if event.start <= at < event.stop:
                _draw(frame, event, (at - event.start) / (event.stop - event.start))
        yield np.clip(frame, 0, 255).astype(np.uint8)


def _room(chance: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Return a wall with patches, a floor, and a picture's worth of texture."""
    wall = np.full((height, width, 3), (168, 166, 160), np.float32)
    wall[int(0.65 * height) :] = (120, 112, 104)
    for _ in range(6):
        x, y = int(chance.integers(width)), int(chance.integers(height))
        shade = chance.uniform(-30, 30)
        wall[y : y + height // 5, x : x + width // 6] += shade
    texture = cv2.GaussianBlur(chance.normal(0, 40, (height, width)).astype(np.float32), (0, 0), 2)
    return wall + texture[..., None]


def _draw(frame: np.ndarray, event: Planted, share: float) -> None:
    height, width = frame.shape[:2]
    if event.kind == "passer":
        half, top = width // 14, int(0.3 * height)
        x = int(-half + share * (width + 2 * half))
        frame[top : int(0.95 * height), max(x - half, 0) : max(x + half, 0)] = (35, 33, 38)
        return
    x, y = REGIONS[event.region]
    half = max(4, round(0.05 * height))
    column, row = round(x * width), round(y * height)
    frame[row - half : row + half, column - half : column + half] = COLOURS[event.colour]
