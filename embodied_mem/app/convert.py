"""`embodied-mem convert`: recordings, generated houses, and memories for Spark-DSG."""

from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

from embodied_mem.app.commands import Convert
from embodied_mem.app.console import console
from embodied_mem.app.convert_recording import convert_recording
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.house import House, write_houses
from embodied_mem.errors import ConfigError
from embodied_mem.memory import Memory
from embodied_mem.memory.spark_dsg_json import to_spark_dsg


def convert(command: Convert) -> int:
    """Read the recording or the memory, or generate the houses, and write what comes of it."""
    if command.source is not None and command.memory is None:
        if command.out is not None or command.store is not None:
            return convert_recording(command)
        if Path(command.source).is_dir():
            raise ConfigError(
                f"{command.source} is a folder. To convert it as a recording, say where to: "
                "`--out FOLDER` or `--store MEMORY`."
            )
    if command.store is not None:
        raise ConfigError("`--store` takes in a recording: give its folder first.")
    target = command.out or command.source
    if target is None:
        raise ConfigError("say what to convert, or which file to write.")
    if command.memory is not None:
        return _convert_memory(Path(command.memory), Path(target))
    return _generate(command, target)


def _generate(command: Convert, target: str) -> int:
    """Generate houses and write them to a file."""
    if command.generated < 1:
        raise ConfigError(f"at least one house must be generated, got {command.generated}.")
    config = GeneratorConfig(rooms=command.rooms)

    def houses() -> Iterator[House]:
        seeds = range(command.seed, command.seed + command.generated)
        for seed in track(seeds, description="generating", console=console, transient=True):
            yield generate_house(seed, config)

    count = write_houses(target, houses())
    console.print(f"wrote {count} houses to {target}")
    return 0


def _convert_memory(source: Path, target: Path) -> int:
    """Write a memory's scene graph as a Spark-DSG file."""
    if target.suffix != ".json":
        raise ConfigError(f"a scene graph is written to a .json file, got {target}.")
    with Memory.open(source, read_only=True) as memory:
        data, count = to_spark_dsg(memory.graph), len(memory.graph)
    try:
        target.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}.") from error
    console.print(f"wrote {count} nodes to {target}")
    return 0
