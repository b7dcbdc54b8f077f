"""`embodied-mem export`: what a store remembers, for other tools."""

from importlib.metadata import version
from pathlib import Path
from typing import assert_never

from embodied_mem.app.ask import store_folder
from embodied_mem.app.commands import Export, ExportFormat
from embodied_mem.app.console import console, plain
from embodied_mem.errors import ConfigError
from embodied_mem.memory import Memory
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.spark_dsg_json import to_spark_dsg
from embodied_mem.runtime.exports.folder import new_folder

_OF_VIDEOS: tuple[ExportFormat, ...] = ("parquet", "coco", "mot", "srt")


def export(command: Export) -> int:
    """Write the formats that were asked for, or all that the store has something for."""
    store = store_folder(command.store)
    with EventIndex(store, read_only=True) as index:
        formats = _formats(command, index, store)
        about = {"store": index.store.path.name, "embodied-mem": version("embodied-mem")}
        target = Path(command.out)
        if target.resolve().is_relative_to(store.resolve()):
            raise ConfigError(f"{target} lies in the store itself. Give another `--out`.")
        with new_folder(target, about) as folder:
            for name in formats:
                _write(name, index, store, folder)
    console.print(f"wrote {', '.join(formats)} to {plain(str(target))}")
    return 0


def _formats(command: Export, index: EventIndex, store: Path) -> list[ExportFormat]:
    """Return what is to be written; refuse what the store has nothing for."""
    has: list[ExportFormat] = [*(_OF_VIDEOS if index.videos() else ())]
    with Memory.open(store, read_only=True) as memory:
        if len(memory.graph):
            has.append("spark-dsg")
    if not has:
        raise ConfigError(f"there is nothing in {command.store} yet to export.")
    wanted = list(dict.fromkeys(command.formats)) or has
    for name in wanted:
        if name not in has:
            what = "no house" if name == "spark-dsg" else "no videos"
            raise ConfigError(
                f"{command.store} remembers {what}, so there is no {name}. It has: "
                f"{', '.join(has)}."
            )
    return wanted


def _write(name: ExportFormat, index: EventIndex, store: Path, folder: Path) -> None:
    # ruff: noqa: PLC0415 - what a format needs is imported for it alone.
    match name:
        case "parquet":
            from embodied_mem.runtime.exports.tables import write_tables

            write_tables(index, _made(folder / "parquet"))
        case "coco":
            from embodied_mem.runtime.exports.boxes import write_coco

            write_coco(index, _made(folder / "coco"))
        case "mot":
            from embodied_mem.runtime.exports.boxes import write_mot

            write_mot(index, _made(folder / "mot"))
        case "srt":
            from embodied_mem.runtime.exports.subtitles import write_subtitles

            write_subtitles(index, _made(folder / "srt"))
        case "spark-dsg":
            with Memory.open(store, read_only=True) as memory:
                (folder / "scene_graph.json").write_bytes(to_spark_dsg(memory.graph))
        case _:
            assert_never(name)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
