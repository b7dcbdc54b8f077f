"""`embodied-mem weights`: published weights into the cache folder."""

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from embodied_mem.app.commands import Weights
from embodied_mem.app.console import console
from embodied_mem.errors import ConfigError
from perception.weights import RELEASES, Release, cache_folder
from perception.weights_download import fetch


def fetch_weights(command: Weights) -> int:
    """Fetch the releases that are named; without any name, list all."""
    unknown = [name for name in command.names if name not in RELEASES]
    if unknown:
        raise ConfigError(f"there is no release '{unknown[0]}'. There are: {', '.join(RELEASES)}.")
    if not command.names:
        console.print(_table())
    for name in command.names:
        console.print(f"{name}: {_fetch_shown(RELEASES[name])}", soft_wrap=True)
    return 0


def _fetch_shown(release: Release) -> str:
    """Fetch one release under a progress bar, and return its path."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bar = Progress(*columns, TransferSpeedColumn(), console=console, transient=True)
    with bar:
        task = bar.add_task(release.name, total=None)
        path = fetch(
            release,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    return str(path)


def _table() -> Table:
    folder = cache_folder()
    table = Table(title=f"releases, kept in {folder}")
    for column in ("name", "what", "here"):
        table.add_column(column, no_wrap=column != "what")
    for release in RELEASES.values():
        here = "yes" if (folder / release.file).is_file() else "no"
        table.add_row(release.name, release.about, here)
    return table
