"""Short films with a known script, and memories of them."""

from collections.abc import Callable
from pathlib import Path

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import VideoRow
from embodied_mem.video.scripted import Planted, Script, write_film
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
