"""A store's folder may come from anywhere: nothing in it may lead out of it.

A link in it would make us read, cut off or delete files elsewhere; a pipe would never end.
"""

import os
import stat
from pathlib import Path

from embodied_mem.errors import StoreFormatError

LARGEST = 4 * 2**30
"""Longest file of tensors that is read [bytes]."""

PICTURES = "pictures"
"""Folder of a store with key frames of videos."""


def require_inside(folder: Path, *names: str) -> None:
    """See that files and folders of a store, where they exist, are no links.

    Raises:
        StoreFormatError: One is a link, or neither a file nor a folder.
    """
    for name in names:
        path = folder / name
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            kind = "a link" if stat.S_ISLNK(mode) else "no regular file"
            raise StoreFormatError(
                f"{path} is {kind}. A store holds its own files; copy it whole, with `save`."
            )


def read_file(path: Path) -> bytes:
    """Read a regular file that is no link.

    Raises:
        FileNotFoundError: There is none.
        StoreFormatError: It is something else, or too long.
    """
    require_inside(path.parent, path.name)
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise StoreFormatError(f"{path} is no file of tensors, or longer than {LARGEST} bytes.")
        return file.read()


def copy_files(folder: Path, target: Path) -> None:
    """Copy the regular files of a folder, where there is one, into a new folder."""
    if not folder.is_dir():
        return
    target.mkdir()
    for file in sorted(folder.iterdir()):
        (target / file.name).write_bytes(read_file(file))


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that it is whole or absent, also after a power cut."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
