"""Tracks as MOTChallenge files, and key frames with boxes and outlines as a COCO file.

An annotation has run lengths where the store keeps outlines: those of detectors that give masks,
and those of motion and colours where that was asked for.
"""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.records import Detail, ThingRow, VideoRow
from embodied_mem.memory.run_lengths import decode, encode, resized
from embodied_mem.runtime.exports.names import file_stem
from embodied_mem.runtime.exports.tracks import (
    Track,
    key_frames,
    picture_size,
    read_tracks,
    size_of,
)

_CATEGORIES = {"mover": 1, "thing": 2}
"""Of what has no name. Names follow, in the order of the alphabet."""


class _Settings(msgspec.Struct):
    """What is needed of how a video was taken in."""

    rate: float


def write_mot(index: EventIndex, folder: Path) -> None:
    """Write for each video a sequence as MOTChallenge lays them out: `gt/gt.txt`, `seqinfo.ini`.

    A frame is a tick of the rate at which the video was looked at, from 1: the picture of time t
    is frame floor(t * rate) + 1, whatever frames the file holds. Boxes are in pixels of key frames.
    """
    categories = _categories(index)
    for video in index.videos():
        size = picture_size(index, video)
        if size is None:
            continue
        rate = Fraction(msgspec.json.decode(video.settings, type=_Settings).rate)
        rate = rate.limit_denominator(1000)
        lines: list[tuple[float, ...]] = []
        for track in read_tracks(index, video):
            lines += _mot_lines(track, categories[_category(track.thing)], rate, size)
        lines.sort()
        last = int(max((line[0] for line in lines), default=0))
        sequence = folder / file_stem(video)
        (sequence / "gt").mkdir(parents=True)
        text = "".join(",".join(f"{value:.10g}" for value in line) + "\n" for line in lines)
        (sequence / "gt" / "gt.txt").write_text(text)
        (sequence / "seqinfo.ini").write_text(_sequence_info(video, rate, size, last))


def _mot_lines(
    track: Track, category: int, rate: Fraction, size: tuple[int, int]
) -> Iterator[tuple[float, ...]]:
    """Yield frame, id, left, top, width, height, confidence, class and visibility."""
    width, height = size
    for stamp, box in zip(track.stamps, track.boxes, strict=True):
        frame = int(Fraction(float(stamp)).limit_denominator(10**6) * rate) + 1
        left, top, right, bottom = (float(side) for side in box)
        x, y = round(left * width, 2), round(top * height, 2)
        w, h = round((right - left) * width, 2), round((bottom - top) * height, 2)
        yield (frame, track.number, x, y, w, h, 1, category, 1)


def _sequence_info(video: VideoRow, rate: Fraction, size: tuple[int, int], last: int) -> str:
    return (
        f"[Sequence]\nname={file_stem(video)}\nframeRate={float(rate):g}\nseqLength={last}\n"
        f"imWidth={size[0]}\nimHeight={size[1]}\nsource={video.name}\nsha256={video.digest}\n"
    )


def write_coco(index: EventIndex, folder: Path) -> None:
    """Write the key frames, and a COCO file of the things that each shows."""
    pictures = folder / "images"
    pictures.mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories = _categories(index)
    for video in index.videos():
        tracks = list(read_tracks(index, video))
        frames = key_frames(index, video)
        details = index.details(video.id, {position for _, position in frames})
        for name, position in frames:
            data = index.picture(name)
            (pictures / name).write_bytes(data)
            width, height = size_of(name, data)
            images.append(
                {
                    "id": len(images) + 1, "file_name": name, "width": width, "height": height,
                    "video": video.id, "video_sha256": video.digest, "position": position,
                }
            )  # fmt: skip
            for track in tracks:
                place = track.at(position)
                if place is not None:
                    annotation = _annotation(track, position, place, images[-1])
                    annotation["category_id"] = categories[_category(track.thing)]
                    told = _told(details.get((track.thing.id, position)), images[-1])
                    annotations.append(annotation | told)
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    named = [{"id": number, "name": name} for name, number in categories.items()]
    document = {"images": images, "annotations": annotations, "categories": named}
    (folder / "annotations.json").write_text(json.dumps(document, indent=1) + "\n")


def _annotation(
    track: Track, position: int, place: Float[np.ndarray, "4"], image: dict[str, Any]
) -> dict[str, Any]:
    """Return where a thing is in an image that shows it; its category is to be filled in."""
    left, top, right, bottom = (float(side) for side in place)
    width, height = image["width"], image["height"]
    box = [left * width, top * height, (right - left) * width, (bottom - top) * height]
    box = [round(value, 2) for value in box]
    return {
        "image_id": image["id"], "category_id": 0,
        "track_id": track.number, "bbox": box, "area": round(box[2] * box[3], 2), "iscrowd": 0,
        "segmentation": [], "thing": track.thing.id, "label": track.thing.label,
        "stamp": track.stamp(position), "position": position, "video": image["video"],
        "video_sha256": image["video_sha256"],
    }  # fmt: skip


def _told(detail: Detail | None, image: dict[str, Any]) -> dict[str, Any]:
    """Return what an annotation has where there are scores and outlines."""
    if detail is None:
        return {}
    if detail.outline is None:
        return {"score": detail.score}
    mask = resized(decode(detail.outline), (image["height"], image["width"]))
    runs = encode(mask)
    return {
        "score": detail.score,
        "segmentation": {"size": [runs.height, runs.width], "counts": runs.counts.decode()},
        "area": int(mask.sum()),
    }


def _categories(index: EventIndex) -> dict[str, int]:
    """Return the numbers of categories: movers, things, then what detectors call them."""
    names = {thing.name for thing in index.things() if thing.name} - set(_CATEGORIES)
    return _CATEGORIES | {name: number for number, name in enumerate(sorted(names), start=3)}


def _category(thing: ThingRow) -> str:
    return thing.name or thing.kind
