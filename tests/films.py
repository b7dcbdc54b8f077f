"""Short films with a known script, and memories of them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import VideoRow
from embodied_mem.types import Frame
from embodied_mem.video.scripted import Planted, Script, write_film
from perception import TorchvisionConfig
from perception.detections import Detections
from perception.video import detecting
from perception.video.detecting import VideoDetector, VideoDetectorConfig
from perception.video.intake import IntakeConfig, no_progress, take_in
from perception.video.look import GridLook
from perception.video.recorder import RecorderConfig

SCRIPT = Script(
    seconds=60,
    events=[
        Planted(kind="passer", start=10, stop=16),
        Planted(kind="square", start=25, stop=27, colour="red", region="top left"),
        Planted(kind="passer", start=33, stop=39),
        Planted(kind="square", start=46, stop=47, colour="green", region="bottom right"),
    ],
)
"""One minute: two passers, two squares."""


def write_minute(path: Path, script: Script = SCRIPT) -> Path:
    """Write the film."""
    write_film(path, script)
    return path


def settings(rate: float = 4.0) -> IntakeConfig:
    """Return how films are taken in."""
    return IntakeConfig(
        rate=rate, side=160, folder_rate=30.0, look="grid", recorder=RecorderConfig()
    )


def remember(
    index: EventIndex,
    path: str | Path,
    rate: float = 4.0,
    progress: Callable[[float], None] = no_progress,
) -> VideoRow:
    """Take a film in."""
    return take_in(index, path, settings(rate), GridLook(), progress=progress)


class Namer:
    """A detector that knows cups and persons in these films: strong colours, and what is dark."""

    def __call__(self, frame: Frame) -> Detections:
        """Return masks of what is red, green or blue, and of what is darker than the room."""
        rgb = frame.rgb.astype(int)
        strong = rgb.max(axis=2) - rgb.min(axis=2) > 70
        found = [*_parts(strong, "Mug", "cup"), *_parts(rgb.max(axis=2) < 60, "person", "")]
        return Detections(
            masks=np.array([mask for mask, *_ in found], bool).reshape(-1, *rgb.shape[:2]),
            labels=tuple(label for _, label, _ in found),
            scores=np.full(len(found), 0.9),
            attributes=tuple({"called": word} if word else {} for *_, word in found),
        )


def _parts(mask: np.ndarray, label: str, called: str) -> list[tuple[np.ndarray, str, str]]:
    count, numbers = cv2.connectedComponents(mask.astype(np.uint8))
    parts = [numbers == number for number in range(1, count)]
    return [(part, label, called) for part in parts if part.sum() > 20]


def remember_by_name(index: EventIndex, path: str | Path) -> VideoRow:
    """Take a film in with a detector that knows cups and persons."""
    config = msgspec.structs.replace(settings(), detector="cups and persons")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detecting, "build_detector", lambda _: Namer())
        detector = VideoDetector(VideoDetectorConfig(perception=TorchvisionConfig()))
    return take_in(index, path, config, GridLook(), detector=detector)


def content(folder: Path) -> dict[str, object]:
    """Return all that a store holds of videos: rows of every table, and the pictures."""
    with EventIndex(folder, read_only=True) as index:
        with index.store.transaction(write=False) as database:
            tables = (
                "videos",
                "events",
                "event_things",
                "things",
                "places",
                "paths",
                "path_details",
                "identities",
                "event_text",
            )
            rows: dict[str, object] = {
                table: database.execute(f"SELECT rowid, * FROM {table}").fetchall()
                if table in {"videos", "events", "places", "event_text"}
                else database.execute(f"SELECT * FROM {table}").fetchall()
                for table in tables
            }
        rows["pictures"] = {
            path.name: path.read_bytes() for path in sorted(index.pictures.iterdir())
        }
    return rows
