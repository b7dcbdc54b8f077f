"""Configs: frozen structs, each beside the class that it configures; YAML and flags read them.

A field that is misspelt or has the wrong type is an error that names its path.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from embodied_mem.errors import ConfigError


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every config."""


ConfigType = TypeVar("ConfigType")


def load_config(path: str | Path, kind: type[ConfigType]) -> ConfigType:
    """Read a YAML file as a config.

    Raises:
        ConfigError: The file cannot be read, or does not fit the type.
    """
    try:
        return msgspec.yaml.decode(Path(path).read_bytes(), type=kind)
    except OSError as error:
        raise ConfigError(f"cannot read config {path}: {error.strerror}.") from error
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ConfigError(f"config {path} is not a {kind.__name__}: {error}.") from error


def dump_config(config: Config) -> str:
    """Write a config as YAML."""
    return msgspec.yaml.encode(config).decode()
