"""What somebody said about some frames of a video: masks in a folder or a file, or points."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8

from embodied_mem.errors import FrameError
from embodied_mem.video.frames import FrameFolder, FrameSource, VideoFrame
from embodied_mem.video.mask_files import check_edges, check_size, read_mask
from embodied_mem.video.points import mask_from_points, read_points

_Read = Callable[[UInt8[np.ndarray, "h w 3"]], Int32[np.ndarray, "h w"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """Masks by the frames that they are of."""

    origin: Path
    by_frame: Mapping[str, _Read]
    """How to make the mask of a frame from its image, by what `FrameSource.key` makes of the
    frame's name, or by its number where `numbered`."""
    largest: int
    """Largest id."""
    digest: str
    """Of all that is said."""
    palette: UInt8[np.ndarray, "256 3"] | None = None
    """Colours of the first mask that has any."""
    numbered: bool = False
    """Whether frames are meant by their numbers."""

    def key(self, source: FrameSource, frame: VideoFrame) -> str:
        """Return what a frame is called in `by_frame`."""
        return str(frame.index) if self.numbered else source.key(frame.name)

    def strays(self, source: FrameSource, count: int | None) -> list[str]:
        """Return the masks that are of no frame.

        Args:
            source: The video.
            count: How many frames it has, where that is known.
        """
        names = source.names if isinstance(source, FrameFolder) and not self.numbered else None
        if names is not None:
            return sorted(set(self.by_frame) - set(names))
        most = float("inf") if count is None else count
        return sorted(key for key in self.by_frame if not key.isdecimal() or int(key) >= most)

    def of(self, source: FrameSource, frame: VideoFrame) -> Int32[np.ndarray, "h w"] | None:
        """Return the mask of a frame, if there is one.

        Raises:
            FrameError: It does not have the frame's size.
        """
        key = self.key(source, frame)
        if key not in self.by_frame or frame.rgb is None:
            return None
        ids = self.by_frame[key](frame.rgb)
        check_size(ids, frame.rgb.shape[:2], f"of frame {frame.name}")
        return ids


def read_annotations(path: str | Path, source: FrameSource) -> Annotations:
    """Read masks: a folder of PNGs called as the frames are, one PNG, or a COCO file.

    A single PNG is the mask of the first frame unless it is called as another one is. Everything
    is read and checked at once, so that mistakes show before hours of work.

    Raises:
        FrameError: There are none, or one of them is no mask.
        MissingExtraError: A COCO file is given and pycocotools is not installed.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(path.glob("*.[pP][nN][gG]"))
        if not files:
            others = sorted({file.suffix for file in path.iterdir() if file.suffix})
            found = f", only {', '.join(others)} files" if others else ""
            raise FrameError(
                f"the folder {path} holds no masks (PNG){found}. At least one frame needs one."
            )
        return _from_files(path, {source.key(file.stem): file for file in files})
    if not path.is_file():
        raise FrameError(
            f"there are no masks at {path}. Give a folder of PNGs called as the frames are, one "
            "PNG for the first frame, or a COCO file; or give `--points`."
        )
    if path.suffix.lower() == ".json":
        return _from_coco(path, source)
    return _from_files(path, {_frame_of(path, source): path})


def _frame_of(path: Path, source: FrameSource) -> str:
    """Return which frame a single mask is of: the one of its name, else the first."""
    key = source.key(path.stem)
    if isinstance(source, FrameFolder):
        return key if key in source.names else source.names[0]
    return key if key.isdecimal() and int(key) < (source.count or 0) else "0"


def annotations_from_points(path: str | Path) -> Annotations:
    """Read points, from which masks are made when the frames come by.

    Raises:
        FrameError: The file cannot be read, or holds none.
    """
    path = Path(path)
    frames = read_points(path)
    if not frames:
        raise FrameError(f"{path} holds no points. At least one object needs one.")

    def reader(number: int) -> _Read:
        return lambda rgb: mask_from_points(rgb, frames[number])

    return Annotations(
        origin=path,
        by_frame={str(number): reader(number) for number in frames},
        largest=max(object_id for objects in frames.values() for object_id in objects),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        numbered=True,
    )


def _from_files(origin: Path, files: Mapping[str, Path]) -> Annotations:
    digest, largest, palette = hashlib.sha256(), 0, None
    for key, file in sorted(files.items()):
        mask = read_mask(file)
        digest.update(key.encode() + b"\0" + file.read_bytes())
        largest = max(largest, *mask.objects, 0)
        palette = mask.palette if palette is None else palette
    _check_some(origin, largest)

    def reader(file: Path) -> _Read:
        return lambda rgb: read_mask(file, size=rgb.shape[:2]).ids

    return Annotations(
        origin=origin,
        by_frame={key: reader(file) for key, file in files.items()},
        largest=largest,
        digest=digest.hexdigest(),
        palette=palette,
    )


def _from_coco(path: Path, source: FrameSource) -> Annotations:
    from embodied_mem.video.coco import CocoMasks  # noqa: PLC0415 - an extra.

    masks = CocoMasks(path)
    _check_some(path, max(masks.objects, default=0))

    def reader(frame: str) -> _Read:
        def read(rgb: UInt8[np.ndarray, "h w 3"]) -> Int32[np.ndarray, "h w"]:  # noqa: ARG001
            ids = masks.read(frame)
            check_edges(ids, f"the mask of {frame} in {path}")
            return ids

        return read

    return Annotations(
        origin=path,
        by_frame={source.key(frame): reader(frame) for frame in masks.frames},
        largest=max(masks.objects),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _check_some(origin: Path, largest: int) -> None:
    if largest < 1:
        raise FrameError(
            f"the masks in {origin} show no objects: every pixel is 0, the background."
        )
