"""Masks of a whole video in one JSON file: COCO's layout with run lengths, and track ids."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Int, Int32

from embodied_mem.errors import FrameError, MissingExtraError

try:
    from pycocotools import mask as run_lengths
except ModuleNotFoundError as _error:
    raise MissingExtraError("masks as COCO run lengths", "video") from _error


class _Image(msgspec.Struct):
    id: int
    file_name: str
    height: int
    width: int


class _Runs(msgspec.Struct):
    size: tuple[int, int]
    counts: str | list[int]


class _Annotation(msgspec.Struct):
    image_id: int
    segmentation: _Runs
    track_id: int | None = None
    """The object; the category stands for it where this is missing."""
    category_id: int | None = None


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]


def write_coco(path: str | Path, masks: Iterable[tuple[str, Int[np.ndarray, "h w"]]]) -> None:
    """Write masks, whole or not at all.

    Each frame is an image, each object in it an annotation whose `track_id` is the object's id.

    Args:
        path: The file.
        masks: Name and ids of each frame, in the order of time.

    Raises:
        FrameError: The file cannot be written.
    """
    images, annotations = [], []
    for number, (name, ids) in enumerate(masks, start=1):
        height, width = ids.shape
        images.append({"id": number, "file_name": name, "height": height, "width": width})
        for object_id in (int(i) for i in np.unique(ids) if i):
            runs: Any = run_lengths.encode(np.asfortranarray(ids == object_id, np.uint8))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "track_id": object_id,
                    "segmentation": {"size": runs["size"], "counts": runs["counts"].decode()},
                    "area": int(run_lengths.area(runs)),
                    "bbox": run_lengths.toBbox(runs).tolist(),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": 1, "name": "object"}]
    document = {"images": images, "categories": categories, "annotations": annotations}
    path = Path(path)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(json.dumps(document))
        partial.replace(path)
    except OSError as error:
        raise FrameError(f"cannot write {path}: {error.strerror}.") from error


class CocoMasks:
    """Masks in a COCO file; those of a frame are decoded when they are asked for."""

    def __init__(self, path: str | Path):
        """Read the file.

        Raises:
            FrameError: It cannot be read, or does not fit itself.
        """
        self._path = Path(path)
        try:
            file = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except OSError as error:
            raise FrameError(f"cannot read {path}: {error.strerror}.") from error
        except msgspec.DecodeError as error:
            raise FrameError(f"{path} is not a COCO file with run lengths: {error}.") from error
        self._images = {Path(image.file_name).stem: image for image in file.images}
        self._annotations: dict[int, list[_Annotation]] = {image.id: [] for image in file.images}
        for annotation in file.annotations:
            if annotation.image_id not in self._annotations:
                raise FrameError(
                    f"{path} annotates image {annotation.image_id}, which it does not list."
                )
            self._annotations[annotation.image_id].append(annotation)
        self.objects = sorted({_object_id(self._path, one) for one in file.annotations})

    @property
    def frames(self) -> list[str]:
        """Names of the frames, without extensions."""
        return list(self._images)

    def read(self, frame: str) -> Int32[np.ndarray, "h w"]:
        """Return the ids of a frame; where objects overlap, the smaller one is kept whole.

        Raises:
            FrameError: The run lengths are damaged.
        """
        image = self._images[frame]
        annotations = self._annotations[image.id]
        parts = [(one, _decode(self._path, image, one)) for one in annotations]
        ids = np.zeros((image.height, image.width), np.int32)
        for annotation, mask in sorted(parts, key=lambda part: -np.count_nonzero(part[1])):
            ids[mask] = _object_id(self._path, annotation)
        return ids


def _object_id(path: Path, annotation: _Annotation) -> int:
    found = annotation.category_id if annotation.track_id is None else annotation.track_id
    if found is None or found < 1:
        raise FrameError(f"{path} has an annotation without a positive `track_id`, got {found}.")
    return found


def _decode(path: Path, image: _Image, annotation: _Annotation) -> np.ndarray:
    runs: Any = msgspec.structs.asdict(annotation.segmentation)
    height, width = annotation.segmentation.size
    if (height, width) != (image.height, image.width):
        raise FrameError(
            f"a mask of {image.file_name} in {path} must have the image's size, "
            f"{image.width}x{image.height}, got {width}x{height}."
        )
    counts = annotation.segmentation.counts
    try:
        packed = run_lengths.frPyObjects(runs, height, width) if isinstance(counts, list) else runs
        return run_lengths.decode(packed).astype(bool)
    except (ValueError, TypeError, MemoryError) as error:
        raise FrameError(
            f"the run lengths of a mask of {image.file_name} in {path} cannot be read: {error}."
        ) from error
