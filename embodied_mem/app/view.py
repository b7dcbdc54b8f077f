"""`embodied-mem view`: the HTML report of what a folder holds."""

from pathlib import Path

from embodied_mem.app.ask import store_folder
from embodied_mem.app.commands import View
from embodied_mem.app.console import console
from embodied_mem.errors import ConfigError, MissingExtraError, StoreError
from embodied_mem.memory import Memory
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.store import DATABASE
from embodied_mem.runtime.recorders import METRICS
from embodied_mem.runtime.report import write_report
from embodied_mem.runtime.report_run import ReportRun, load_run, run_of_memory
from embodied_mem.runtime.video_page import write_video_page


def view(command: View) -> int:
    """Write the report of a run, of every run in a folder side by side, or of a memory."""
    folder = Path(command.folder)
    page = _video_page(command, folder)
    if page is not None:
        console.print(f"report: {page}")
        return 0
    if command.rrd is not None:
        raise ConfigError(
            f"`--rrd` is for memories of videos, and {folder} is none: `demo` and `episode --rrd` "
            "record runs."
        )
    runs = _runs(folder)
    out = Path(command.out) if command.out else folder / "report.html"
    page = write_report(out, runs, title=f"embodied-mem: {folder.resolve().name}")
    console.print(f"report: {page}")
    return 0


def _video_page(command: View, folder: Path) -> Path | None:
    """Write the page of a memory of videos; None where the folder is no such memory."""
    if not folder.is_dir() or (folder / METRICS).is_file() or not _is_store(folder):
        return None
    with EventIndex(store_folder(str(folder)), read_only=True) as index:
        if not index.has_videos:
            return None
        if command.rrd is not None:
            console.print(f"recording: {_record(Path(command.rrd), index)}")
        out = Path(command.out) if command.out else folder / "report.html"
        return write_video_page(out, index, title=f"embodied-mem: {folder.resolve().name}")


def _record(path: Path, index: EventIndex) -> Path:
    try:
        from embodied_mem.runtime.video_recording import write_video_recording  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("a recording for rerun", "viz") from error
    return write_video_recording(path, index)


def _is_store(folder: Path) -> bool:
    return (store_folder(str(folder)) / DATABASE).is_file()


def _runs(folder: Path) -> list[ReportRun]:
    if not folder.is_dir():
        raise StoreError(f"there is no folder {folder}. Give the folder of a run or of a memory.")
    if (folder / METRICS).is_file():
        return [load_run(folder)]
    inside = sorted(path.parent for path in folder.glob(f"*/{METRICS}"))
    if inside:
        return [load_run(path, path.name.replace("_", " ")) for path in inside]
    memory = Memory.open(store_folder(str(folder)), read_only=True)
    try:
        return [run_of_memory(memory, folder.name)]
    finally:
        memory.close()
