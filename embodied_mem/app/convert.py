"""`embodied-mem convert`: generated houses as a file in ProcTHOR's schema."""

from collections.abc import Iterator

from rich.progress import track

from embodied_mem.app.commands import Convert
from embodied_mem.app.console import console
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.house import House, write_houses
from embodied_mem.errors import ConfigError


def convert(command: Convert) -> int:
    """Generate the houses and write them."""
    if command.generated < 1:
        raise ConfigError(f"at least one house must be generated, got {command.generated}.")
    config = GeneratorConfig(rooms=command.rooms)

    def houses() -> Iterator[House]:
        seeds = range(command.seed, command.seed + command.generated)
        for seed in track(seeds, description="generating", console=console, transient=True):
            yield generate_house(seed, config)

    count = write_houses(command.out, houses())
    console.print(f"wrote {count} houses to {command.out}")
    return 0
