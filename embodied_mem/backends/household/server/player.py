"""Answers AI2-THOR's actions with what the engine makes of them, in the client's formats."""

import inspect
import logging
from collections.abc import Mapping
from typing import Any

from embodied_mem.backends.household.actions import ACTIONS, UNCHECKED, camel_case
from embodied_mem.backends.household.catalog import AssetDatabase
from embodied_mem.backends.household.engine import Engine, Result
from embodied_mem.backends.household.server.pixels import (
    CLASSES,
    DEPTH,
    IDS,
    NORMALS,
    Palette,
    as_third_party,
    pack_images,
    palette,
)
from embodied_mem.backends.household.server.wire import Reply
from embodied_mem.backends.household.simulation import EngineConfig
from embodied_mem.config import Config
from embodied_mem.errors import BackendError

logger = logging.getLogger(__name__)

_FLAGS = {flag: flag for flag in (DEPTH, IDS, CLASSES, NORMALS)} | {
    "renderObjectImage": IDS,
    "renderClassImage": CLASSES,
}
"""Arguments that ask for images, also under their old names: for good with Initialize, or with any
one action."""


class PlayerConfig(Config, frozen=True):
    """What a client cannot set through actions."""

    width: int = 300
    """Image width at start [px]."""
    height: int = 300
    """Image height at start [px]."""
    asset_database: str | None = None
    """ProcTHOR's asset-database.json, for exact sizes of objects."""


class Player:
    """The player of one client."""

    def __init__(self, config: PlayerConfig | None = None) -> None:
        """Start the engine.

        Raises:
            HouseError: The asset database cannot be read.
        """
        config = PlayerConfig() if config is None else config
        database = config.asset_database
        assets = None if database is None else AssetDatabase.load(database)
        self.engine = Engine(EngineConfig(width=config.width, height=config.height), assets=assets)
        self._wanted: frozenset[str] = frozenset()
        self._palette: tuple[object, Palette] | None = None

    def hello(self) -> Reply:
        """Make the message with which a player begins, before any action."""
        return self._reply(self.engine.look(), sequence=0, wanted=frozenset())

    def answer(self, action: dict[str, Any]) -> Reply:
        """Carry out an action.

        Args:
            action: Name and arguments as the client wrote them, with its `sequenceId`.

        Raises:
            BackendError: The sequence number is none.
        """
        sequence = action.pop("sequenceId", 0)
        if not isinstance(sequence, int):
            raise BackendError(f"sequenceId must be a whole number, got {sequence!r}.")
        wanted = frozenset(_FLAGS[key] for key in _FLAGS.keys() & action.keys() if action[key])
        if action.get("action") == "Initialize":
            self._wanted = wanted
            action = _settings(action)
        result = self.engine.step(action)
        if action.get("renderImage") is False:
            return Reply(metadata=_envelope(result.metadata, sequence))
        return self._reply(result, sequence=sequence, wanted=wanted | self._wanted)

    def _reply(self, result: Result, *, sequence: int, wanted: frozenset[str]) -> Reply:
        colours = self._colours(result)
        metadata = dict(result.metadata)
        if CLASSES in wanted:
            metadata["colors"] = metadata["colors"] + [
                {"name": name, "color": list(colour)}
                for name, colour in colours.class_colours.items()
            ]
        images = pack_images(
            colours,
            wanted,
            rgb=result.rgb,
            depth=result.depth,
            ids=result.numbers,
            normals=result.normals,
        )
        for extra in result.third_party:
            images += as_third_party(
                pack_images(
                    colours,
                    wanted,
                    rgb=extra.rgb,
                    depth=extra.depth,
                    ids=extra.ids,
                    normals=extra.normals,
                )
            )
        return Reply(metadata=_envelope(metadata, sequence), images=tuple(images))

    def _colours(self, result: Result) -> Palette:
        """Tabulate the colours anew where objects came or went."""
        key = (id(result.object_ids), len(result.object_ids))
        if self._palette is None or self._palette[0] != key:
            types = {
                object_id: object_id.partition("|")[0] for object_id in result.object_ids.values()
            }
            self._palette = (key, palette(result.object_ids, result.colors, types))
        return self._palette[1]


def _settings(action: dict[str, Any]) -> dict[str, Any]:
    """Keep of Initialize what the engine knows: the client sends whatever its user gave it.

    AI2-THOR's player ignores the rest too. Wishes for images are kept here, not in the engine.
    """
    known = {camel_case(name) for name in inspect.signature(ACTIONS["Initialize"]).parameters}
    ignored = action.keys() - known - UNCHECKED
    if ignored:
        logger.warning("these settings have no effect here: %s", ", ".join(sorted(ignored)))
    return {key: value for key, value in action.items() if key not in ignored | _FLAGS.keys()}


def _envelope(metadata: Mapping[str, Any], sequence: int) -> dict[str, Any]:
    return {
        "agents": [metadata],
        "thirdPartyCameras": metadata["thirdPartyCameras"],
        "activeAgentId": 0,
        "sequenceId": sequence,
    }
