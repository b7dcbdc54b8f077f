"""Tracks as MOTChallenge files, and key frames with their boxes as a COCO file.

A store of videos keeps boxes, not masks: an annotation has no run lengths. (Masks come from `video
track`, which writes COCO's run lengths itself.)
"""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from embodied_mem.errors import StoreError
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import VideoRow
from embodied_mem.runtime.exports.names import file_stem
from embodied_mem.runtime.exports.tracks import Track, key_frames, read_tracks

_CATEGORIES = {"mover": 1, "thing": 2}


class _Settings(msgspec.Struct):
    """What is needed of how a video was taken in."""

    rate: float


def write_mot(index: EventIndex, folder: Path) -> None:
    """Write for each video a sequence as MOTChallenge lays them out: `gt/gt.txt`, `seqinfo.ini`.

    A frame is a tick of the rate at which the video was looked at, from 1: the picture of time t
    is frame floor(t * rate) + 1, whatever frames the file holds. Boxes are in pixels of key frames.
    """
    for video in index.videos():
        size = _picture_size(index, video)
        if size is None:
            continue
        rate = Fraction(msgspec.json.decode(video.settings, type=_Settings).rate)
        rate = rate.limit_denominator(1000)
        lines: list[tuple[float, ...]] = []
        for track in read_tracks(index, video):
            lines += _mot_lines(track, rate, size)
        lines.sort()
        last = int(max((line[0] for line in lines), default=0))
        sequence = folder / file_stem(video)
        (sequence / "gt").mkdir(parents=True)
        text = "".join(",".join(f"{value:.10g}" for value in line) + "\n" for line in lines)
        (sequence / "gt" / "gt.txt").write_text(text)
        (sequence / "seqinfo.ini").write_text(_sequence_info(video, rate, size, last))


def _mot_lines(track: Track, rate: Fraction, size: tuple[int, int]) -> Iterator[tuple[float, ...]]:
    """Yield frame, id, left, top, width, height, confidence, class and visibility."""
    width, height = size
    kind = _CATEGORIES[track.thing.kind]
    for stamp, box in zip(track.stamps, track.boxes, strict=True):
        frame = int(Fraction(float(stamp)).limit_denominator(10**6) * rate) + 1
        left, top, right, bottom = (float(side) for side in box)
        x, y = round(left * width, 2), round(top * height, 2)
        w, h = round((right - left) * width, 2), round((bottom - top) * height, 2)
        yield (frame, track.number, x, y, w, h, 1, kind, 1)


def _sequence_info(video: VideoRow, rate: Fraction, size: tuple[int, int], last: int) -> str:
    return (
        f"[Sequence]\nname={file_stem(video)}\nframeRate={float(rate):g}\nseqLength={last}\n"
        f"imWidth={size[0]}\nimHeight={size[1]}\nsource={video.name}\nsha256={video.digest}\n"
    )


def write_coco(index: EventIndex, folder: Path) -> None:
    """Write the key frames, and a COCO file of the boxes of all things that each shows."""
    pictures = folder / "images"
    pictures.mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for video in index.videos():
        tracks = list(read_tracks(index, video))
        for name, position in key_frames(index, video):
            data = index.picture(name)
            (pictures / name).write_bytes(data)
            width, height = _size(name, data)
            images.append(
                {
                    "id": len(images) + 1, "file_name": name, "width": width, "height": height,
                    "video": video.id, "video_sha256": video.digest, "position": position,
                }
            )  # fmt: skip
            shown = filter(None, (_annotation(track, position, images[-1]) for track in tracks))
            annotations += shown
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    categories = [{"id": number, "name": name} for name, number in _CATEGORIES.items()]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(document, indent=1) + "\n")


def _annotation(track: Track, position: int, image: dict[str, Any]) -> dict[str, Any] | None:
    """Return where a thing is in an image; None where it is not seen."""
    place = track.at(position)
    if place is None:
        return None
    left, top, right, bottom = (float(side) for side in place)
    width, height = image["width"], image["height"]
    box = [left * width, top * height, (right - left) * width, (bottom - top) * height]
    box = [round(value, 2) for value in box]
    return {
        "image_id": image["id"], "category_id": _CATEGORIES[track.thing.kind],
        "track_id": track.number, "bbox": box, "area": round(box[2] * box[3], 2), "iscrowd": 0,
        "segmentation": [], "thing": track.thing.id, "label": track.thing.label,
        "stamp": track.stamp(position), "position": position, "video": image["video"],
        "video_sha256": image["video_sha256"],
    }  # fmt: skip


def _picture_size(index: EventIndex, video: VideoRow) -> tuple[int, int] | None:
    """Return width and height of a video's key frames [px]; None where it has none."""
    frames = key_frames(index, video)
    return _size(frames[0][0], index.picture(frames[0][0])) if frames else None


def _size(name: str, data: bytes) -> tuple[int, int]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise StoreError(f"the key frame {name} is damaged. Take the video in again.")
    height, width = picture.shape[:2]
    return width, height
