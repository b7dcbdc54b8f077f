"""Which house to act in: one of a file, or one generated from a seed."""

from itertools import islice
from pathlib import Path

from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.house import House, load_houses
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError, HouseError


class HouseSource(Config, frozen=True):
    """Where a house comes from; a file wins over the generator."""

    file: str | None = None
    """A file of houses in ProcTHOR's schema: `.json`, `.jsonl` or `.jsonl.gz`."""
    index: int = 0
    """Which house of the file, from 0."""
    seed: int = 0
    """Seed of the generated house, where there is no file."""
    rooms: int | None = None
    """Rooms of the generated house, 1..10; chosen by the seed when None."""


def load_house(source: HouseSource) -> House:
    """Read or generate the house.

    Raises:
        ConfigError: The index is negative.
        HouseError: The file cannot be read, is malformed, or has fewer houses.
    """
    if source.file is None:
        return generate_house(source.seed, GeneratorConfig(rooms=source.rooms))
    if source.index < 0:
        raise ConfigError(f"house index must be 0 or more, got {source.index}.")
    found = next(islice(load_houses(Path(source.file)), source.index, None), None)
    if found is None:
        raise HouseError(f"{source.file} has no house number {source.index} (counted from 0).")
    return found
