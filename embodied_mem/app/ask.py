"""`embodied-mem ask`: what a stored memory knows."""

from pathlib import Path

from rich.table import Table

from embodied_mem.app.ask_video import ask_videos, text_encoder
from embodied_mem.app.commands import Ask
from embodied_mem.app.console import console, plain
from embodied_mem.errors import StoreError
from embodied_mem.memory import Known, Memory
from embodied_mem.memory.areas import Spot, asks_where
from embodied_mem.memory.description import room_name
from embodied_mem.memory.memory import MemoryConfig
from embodied_mem.memory.retrieval import RetrievalConfig, Retrieved
from embodied_mem.runtime.recorders import STORE
from planners.lexicon import SYNONYMS


def ask(command: Ask) -> int:
    """Print what memory knows of a label, what a question is about, or everything."""
    told = ask_videos(command, store_folder(command.store))
    if told is not None:
        return told
    if command.image is not None:
        raise StoreError("`--image` finds what looks alike in videos; this memory holds none.")
    return _ask_memory(command)


def _ask_memory(command: Ask) -> int:
    config = MemoryConfig(retrieval=RetrievalConfig(synonyms=SYNONYMS))
    memory = Memory.open(store_folder(command.store), config, read_only=True)
    memory.encoder = text_encoder(command.text_model)
    try:
        if command.label and " " in command.label.strip():
            found = memory.search(command.label, command.limit, at=command.at)
            console.print(_answers(found) if found else f"nothing known fits '{command.label}'.")
            if command.at is None and asks_where(command.label):
                _tell_spots(memory, memory.spots(command.label))
            return 0
        known = memory.find(command.label) if command.label else memory.known()
        if command.at is not None:
            return _tell_past(memory, known, command.at)
        console.print(_table(known, memory.stamp))
    finally:
        memory.close()
    return 0


def store_folder(folder: str) -> Path:
    """Return the memory's own folder: this one, or `memory` inside the folder of a run.

    Raises:
        StoreError: There is no such folder.
    """
    path = Path(folder)
    if not path.is_dir():
        raise StoreError(f"there is no folder {path}. Give a memory's store, or a run's folder.")
    return path / STORE if (path / STORE).is_dir() else path


def _answers(found: tuple[Retrieved, ...]) -> Table:
    table = Table(show_lines=True)
    for name in ("what", "id", "belief", "seen", "frames", "found by"):
        table.add_column(name)
    for answer in found:
        table.add_row(
            plain(answer.text),
            answer.id,
            f"{answer.confidence:.2f}",
            f"{answer.age:.1f} s before",
            " ".join(map(str, answer.frames)),
            ", ".join(f"{f.part} (rank {f.rank}, {f.score:.2f})" for f in answer.found_by),
        )
    return table


def _tell_spots(memory: Memory, spots: tuple[Spot, ...]) -> None:
    """Print where in the house it is likeliest to be."""
    if not spots:
        return
    table = Table(title="where that is", show_lines=True)
    for name in ("what", "among", "in an area with", "room", "around [m]", "alike"):
        table.add_column(name)
    for spot in spots:
        x, y, _ = spot.centre
        table.add_row(
            plain(", ".join(spot.objects)),
            plain(", ".join(spot.among)),
            plain(", ".join(spot.area)),
            plain(room_name(memory.graph, spot.room)),
            f"{x:.1f} {y:.1f}",
            f"{spot.score:.2f}",
        )
    console.print(table)


def _table(known: tuple[Known, ...], now: float) -> Table:
    table = Table()
    for name in ("what", "id", "status", "where", "room", "at [m]", "seen", "belief", "state"):
        table.add_column(name)
    for thing in known:
        placed = thing.placement
        x, y, z = thing.position
        states = thing.attributes.items()
        table.add_row(
            plain(thing.label),
            plain(thing.object_id),
            thing.status,
            plain(f"{placed.relation} {placed.parent}") if placed else "",
            plain(thing.room or ""),
            f"{x:.2f} {y:.2f} {z:.2f}",
            f"{now - thing.last_seen:.1f} s before the end",
            f"{thing.confidence:.2f}",
            plain(", ".join(f"{k}: {v}" for k, v in states if v not in (False, ""))),
        )
    return table


def _tell_past(memory: Memory, known: tuple[Known, ...], at: float) -> int:
    for thing in known:
        if thing.first_seen > at:
            continue
        then = memory.where(thing.object_id, at=at)
        x, y, z = then.box.mean(axis=0)
        put = then.placement
        place = f", {put.relation} {plain(put.parent)}" if put else ""
        console.print(
            f"{plain(thing.label)} ({plain(thing.object_id)}): {x:.2f} {y:.2f} {z:.2f} m{place}; "
            f"{then.status}, last seen {then.age:.1f} s before that"
        )
    return 0
