"""The folder of a tracking run: what was asked for, masks, and where to go on after a stop."""

from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Int, UInt8

from embodied_mem.errors import ConfigError, StoreError
from embodied_mem.video.frames import natural_key
from embodied_mem.video.mask_files import mask_writer, read_mask
from perception.xmem.network import MemoryNetwork
from perception.xmem.tracker import ObjectTracker
from perception.xmem.tracker_config import TrackerConfig

MASKS, TRACKS, OVERLAY = "masks", "tracks.json", "overlay.mp4"
"""Names of what a run leaves in its folder."""
_NOTE, _RESUME = "run.json", "resume"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that masks depend on: the same settings, the same masks."""

    source: str
    """Digest of the video's name and size, or of those of its images."""
    annotations: str
    """Digest of masks or points."""
    weights: str
    """Digest of the weights."""
    tracker: TrackerConfig


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run."""

    frames: int
    skipped: int
    """Frames that could not be read."""
    missing: int
    """Frames that the video promises and does not hold."""
    objects: int
    frames_per_second: float
    """Of the network and all around it, since the run was last begun."""
    work_elements: int
    long_elements: int
    memory_bytes: int


class _Note(msgspec.Struct, frozen=True):
    settings: Settings
    done: Summary | None = None


class VideoRun:
    """Writes the files of one run. One writer at a time."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        *,
        largest: int,
        palette: UInt8[np.ndarray, "256 3"] | None = None,
    ):
        """Begin a run in a folder, or go on with the one there.

        Args:
            folder: Made where missing.
            settings: What is asked for.
            largest: Largest id that masks will hold.
            palette: Colours of masks.

        Raises:
            ConfigError: Something else lies in the folder.
            StoreError: It cannot be written.
        """
        self.folder, self._settings = folder, settings
        self._write = mask_writer(largest, palette)
        self.palette = palette
        self.done: Summary | None = None
        if (folder / _NOTE).is_file():
            self._go_on()
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"{folder} exists and is no tracking run. Give another `--out`.")
        else:
            self._note(None)

    def _go_on(self) -> None:
        try:
            note = msgspec.json.decode((self.folder / _NOTE).read_bytes(), type=_Note)
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(
                f"{self.folder / _NOTE} cannot be read: {error}. Give another `--out`."
            ) from error
        other = [
            name
            for name in Settings.__struct_fields__
            if getattr(note.settings, name) != getattr(self._settings, name)
        ]
        if other:
            raise ConfigError(
                f"{self.folder} holds a run with other {', '.join(other)}. Give the same again to "
                "go on with it, or another `--out`."
            )
        self.done = note.done

    def _note(self, done: Summary | None) -> None:
        path = self.folder / _NOTE
        partial = path.with_suffix(".partial")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(msgspec.json.encode(_Note(self._settings, done)))
            partial.replace(path)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}.") from error

    # -- masks -----------------------------------------------------------------------------------

    def write_mask(self, name: str, ids: Int[np.ndarray, "h w"]) -> None:
        """Write the mask of a frame."""
        self._write(self._mask(name), ids)

    def read_mask(self, name: str) -> Int[np.ndarray, "h w"] | None:
        """Return the mask of a frame, as it was written; None without one.

        Whether edges are hard is not asked here: a tracker's masks have thin parts of their own.
        """
        path = self._mask(name)
        return read_mask(path, strict=False).ids if path.is_file() else None

    def names(self) -> list[str]:
        """Return the names of the frames that have masks, in order."""
        stems = (path.stem for path in (self.folder / MASKS).glob("*.png"))
        return sorted(stems, key=natural_key)

    def _mask(self, name: str) -> Path:
        return self.folder / MASKS / f"{name}.png"

    # -- going on --------------------------------------------------------------------------------

    def save(self, tracker: ObjectTracker, position: int) -> None:
        """Keep a tracker that has seen the frames before `position`, all masks of them written.

        Raises:
            StoreError: It cannot be written.
        """
        tracker.save(self.folder / _RESUME / f"{position:08d}.safetensors")
        for older in self._saved()[:-1]:
            older.unlink()

    def resume(
        self, network: MemoryNetwork, config: TrackerConfig, device: str
    ) -> tuple[ObjectTracker, int]:
        """Return a tracker, and the number of the frame to go on with."""
        saved = self._saved()
        if not saved:
            return ObjectTracker(network, config, device=device), 0
        return ObjectTracker.load(saved[-1], network, device=device), int(saved[-1].stem)

    def finish(self, summary: Summary) -> None:
        """Note that all is done; what was kept for going on is removed."""
        self._note(summary)
        self.done = summary
        for path in (self.folder / _RESUME).glob("*"):
            path.unlink()
        if (self.folder / _RESUME).is_dir():
            (self.folder / _RESUME).rmdir()

    def _saved(self) -> list[Path]:
        return sorted((self.folder / _RESUME).glob("*.safetensors"))
