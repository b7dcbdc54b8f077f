"""A folder that is there whole or not at all, with a list of what is in it."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embodied_mem.errors import ConfigError, EmbodiedMemError

MANIFEST = "manifest.json"


@contextmanager
def new_folder(target: Path, about: dict[str, str]) -> Iterator[Path]:
    """Give a folder to write to, which becomes `target` when all went well.

    Args:
        target: It must not be there, or be empty.
        about: What the list of its files says besides.

    Raises:
        ConfigError: There is something already, or it cannot be written.
    """
    if target.is_symlink() or (target.exists() and not _is_empty(target)):
        raise ConfigError(f"{target} is there already. Give another `--out`, or remove it.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # Of a run that was killed.
        partial.mkdir(parents=True)
        yield partial
        (partial / MANIFEST).write_text(_manifest(partial, about))
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        if isinstance(error, EmbodiedMemError):  # About what is read.
            raise
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(
            f"cannot write {target}: {reason}. Free space, or give another `--out`."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _manifest(folder: Path, about: dict[str, str]) -> str:
    """Return the list of a folder's files with their digests; nothing of when and where."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            files[path.relative_to(folder).as_posix()] = digest
    return json.dumps({**about, "files": files}, indent=1) + "\n"
