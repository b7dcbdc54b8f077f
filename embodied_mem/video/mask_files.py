"""Masks as PNG files: palette images and images of ids, read strictly.

What looks like a mask and is none is the most common trouble with trackers: pictures of masks whose
colours were blended along edges give objects that do not exist. Such files are refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int32, UInt8
from PIL import Image, UnidentifiedImageError

from embodied_mem.errors import FrameError
from embodied_mem.video.palette import davis_palette
from embodied_mem.video.soft_edges import soft_edge_ids

_ID_MODES = ("P", "L", "1", "I", "I;16", "I;16B")
"""Pillow's names of images with one whole number a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """The objects in one frame, as a file tells them."""

    ids: Int32[np.ndarray, "h w"]
    """Object at each pixel; 0 is background."""
    palette: UInt8[np.ndarray, "256 3"] | None = None
    """Colours of the ids, where the file has any."""

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids that the mask shows, in rising order."""
        return tuple(int(i) for i in np.unique(self.ids) if i)


def read_mask(
    path: str | Path, *, size: tuple[int, int] | None = None, strict: bool = True
) -> Mask:
    """Read a palette PNG, or a grey PNG of 8 or 16 bits whose values are ids.

    Args:
        path: The file.
        size: Height and width of the frame that the mask is of [px].
        strict: Whether soft edges are refused; masks that a tracker made have thin parts anyway.

    Raises:
        FrameError: It cannot be read, has another size, or is a picture and no mask.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            _check_kind(path, image)
            ids = np.asarray(image).astype(np.int32)
            palette = _palette(image)
    except UnidentifiedImageError as error:
        raise FrameError(f"{path} is not an image. Give a PNG of ids.") from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, FrameError):
            raise
        raise FrameError(f"the mask {path} cannot be read: {error}.") from error
    if size is not None:
        check_size(ids, size, path.name)
    if strict:
        check_edges(ids, str(path))
    return Mask(ids=ids, palette=palette)


def check_size(ids: Int[np.ndarray, "h w"], size: tuple[int, int], name: str) -> None:
    """Check that a mask has its frame's height and width.

    Raises:
        FrameError: It has not.
    """
    if ids.shape != size:
        raise FrameError(
            f"the mask {name} must have its frame's size, {size[1]}x{size[0]}, got "
            f"{ids.shape[1]}x{ids.shape[0]}. Resize it by nearest neighbours."
        )


def check_edges(ids: Int[np.ndarray, "h w"], name: str) -> None:
    """Check that no ids come from blending others along their edges.

    Raises:
        FrameError: Some do.
    """
    blended = soft_edge_ids(ids)
    if blended:
        shown = ", ".join(str(i) for i in blended[:6]) + (", ..." if len(blended) > 6 else "")
        raise FrameError(
            f"{name} is anti-aliased: ids {shown} occur only as thin bands along edges between "
            "others. Save it with hard edges; if it was resized, resize by nearest neighbours."
        )


def _check_kind(path: Path, image: Image.Image) -> None:
    if image.format != "PNG":
        lossy = ", which blurs ids along edges" if image.format == "JPEG" else ""
        raise FrameError(
            f"the mask {path} is a {image.format}{lossy}. Save masks as palette or grey PNG."
        )
    if image.mode not in _ID_MODES:
        colours = image.convert("RGBA").getcolors(1 << 16)
        count = len(colours) if colours else "more than 65536"
        raise FrameError(
            f"the mask {path} is a colour image ({image.mode}, {count} colours), which does not "
            "say which object is which. Save it as a palette PNG, or as a grey one of ids."
        )


def _palette(image: Image.Image) -> UInt8[np.ndarray, "256 3"] | None:
    values = image.getpalette("RGB") if image.mode == "P" else None
    if values is None:
        return None
    table = np.zeros((256, 3), np.uint8)
    given = np.asarray(values, np.uint8).reshape(-1, 3)
    table[: len(given)] = given
    return table


def write_palette_png(
    path: str | Path,
    ids: Int[np.ndarray, "h w"],
    palette: UInt8[np.ndarray, "256 3"] | None = None,
) -> None:
    """Write ids of at most 255 with colours, those of DAVIS when none are given.

    Raises:
        FrameError: An id is too large or negative, or the file cannot be written.
    """
    _check_range(ids, 255, "a palette PNG", "Write a grey one of 16 bits instead.")
    image = Image.fromarray(ids.astype(np.uint8))  # A palette makes it mode P.
    image.putpalette((davis_palette() if palette is None else palette).tobytes())
    _save(image, Path(path))


def write_id_png(path: str | Path, ids: Int[np.ndarray, "h w"]) -> None:
    """Write ids as grey values, of 8 bits where they fit, else of 16.

    Raises:
        FrameError: An id is too large or negative, or the file cannot be written.
    """
    _check_range(ids, 65535, "a grey PNG", "Renumber the objects.")
    kind = np.uint8 if ids.max(initial=0) < 256 else np.uint16
    _save(Image.fromarray(ids.astype(kind)), Path(path))


def mask_writer(
    largest: int, palette: UInt8[np.ndarray, "256 3"] | None = None
) -> Callable[[Path, np.ndarray], None]:
    """Return what writes the masks of a video whose ids go up to `largest`."""
    if largest > 255:
        return write_id_png
    return lambda path, ids: write_palette_png(path, ids, palette)


def _check_range(ids: Int[np.ndarray, "h w"], most: int, kind: str, advice: str) -> None:
    low, high = int(ids.min(initial=0)), int(ids.max(initial=0))
    if low < 0:
        raise FrameError(f"object ids must be positive, got {low}.")
    if high > most:
        raise FrameError(f"{kind} holds ids up to {most}, got {high}. {advice}")


def _save(image: Image.Image, path: Path) -> None:
    """Write a PNG whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(partial, format="PNG")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise FrameError(f"cannot write {path}: {error.strerror or error}.") from error
