"""Names of topics and services, as ROS resolves them."""

import re

from embodied_mem.errors import ConfigError

_NAME = re.compile(r"/[A-Za-z_]\w*(/[A-Za-z_]\w*)*", re.ASCII)


def full_name(name: str, namespace: str = "/") -> str:
    """Return a node's full name.

    Raises:
        ConfigError: It is no name.
    """
    return _checked(f"{namespace.rstrip('/')}/{name}")


def resolve(name: str, node: str) -> str:
    """Return the full name of a topic or service.

    Args:
        name: `/absolute`, `~/private` or `relative` to the node's namespace.
        node: The node's full name.

    Raises:
        ConfigError: It is no name.
    """
    if name.startswith("~/"):
        return _checked(f"{node}/{name[2:]}")
    if name.startswith("/"):
        return _checked(name)
    return _checked(f"{node.rpartition('/')[0]}/{name}")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"'{name}' is no ROS name: letters, digits and underscores between slashes, no digit "
            "after a slash."
        )
    return name
