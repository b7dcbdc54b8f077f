"""Demonstrations of a folder, and which of them are learnt from."""

from pathlib import Path

from embodied_mem.backends.demonstrations import Demonstration, read_demonstrations
from embodied_mem.errors import ConfigError

Recorded = list[tuple[str, Demonstration]]
"""Episodes with their instructions."""


def read_folder(folder: Path) -> Recorded:
    """Read all files of a folder, in the order of their names."""
    episodes: Recorded = []
    for path in sorted(folder.glob("*.safetensors")):
        task, some = read_demonstrations(path)
        episodes += [(task.instruction, episode) for episode in some]
    return episodes


def parted(episodes: Recorded, validation: int) -> tuple[Recorded, Recorded]:
    """Part episodes into those that are learnt from, and the last ones, which are not.

    Raises:
        ConfigError: Nothing is left to learn from.
    """
    if len(episodes) <= validation:
        raise ConfigError(
            f"there must be more demonstrations than the {validation} that are not learnt from, "
            f"got {len(episodes)}. Record some as docs/policy.md says."
        )
    kept = len(episodes) - validation
    return episodes[:kept], episodes[kept:]
