"""Mask files: what goes in comes out, and what is no mask is refused with a reason."""

import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools.coco import COCO

from embodied_mem.errors import FrameError, MissingExtraError
from embodied_mem.video.coco import CocoMasks, write_coco
from embodied_mem.video.mask_files import read_mask, write_id_png, write_palette_png
from embodied_mem.video.palette import colour_of, davis_palette
from embodied_mem.video.soft_edges import soft_edge_ids


def boxes(*objects: int) -> np.ndarray:
    ids = np.zeros((48, 64), np.int32)
    for place, object_id in enumerate(objects):
        ids[8:30, 4 + 15 * place : 14 + 15 * place] = object_id
    return ids


def test_the_palette_is_that_of_davis():
    palette = davis_palette()
    assert palette[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert palette[8].tolist() == [64, 0, 0]
    assert palette[255].tolist() == [224, 224, 192]
    assert len({tuple(colour) for colour in palette.tolist()}) == 256
    assert colour_of(3) == (128, 128, 0)
    assert colour_of(70_000) == colour_of(70_000) != colour_of(70_001)


@given(arrays(np.int32, (5, 7), elements=st.integers(0, 255)))
@settings(max_examples=30, deadline=None)
def test_palette_images_keep_ids_and_colours(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("masks") / "one.png"
    palette = davis_palette()[::-1].copy()
    write_palette_png(path, ids, palette)
    mask = read_mask(path, strict=False)
    np.testing.assert_array_equal(mask.ids, ids)
    assert mask.palette is not None
    np.testing.assert_array_equal(mask.palette, palette)
    assert [p.name for p in path.parent.iterdir()] == ["one.png"], "nothing half written is left"


@pytest.mark.parametrize(
    ("largest", "mode"), [(7, "L"), (255, "L"), (256, "I;16"), (65535, "I;16")]
)
def test_id_images_take_the_bits_that_they_need(tmp_path: Path, largest: int, mode: str):
    path = tmp_path / "one.png"
    write_id_png(path, boxes(1, largest))
    with Image.open(path) as image:
        assert image.mode == mode
    mask = read_mask(path)
    np.testing.assert_array_equal(mask.ids, boxes(1, largest))
    assert mask.objects == tuple(sorted({1, largest}))
    assert mask.palette is None


def test_ids_that_do_not_fit_are_refused(tmp_path: Path):
    for write, ids, words in (
        (write_palette_png, boxes(256), "holds ids up to 255, got 256"),
        (write_id_png, boxes(70_000), "holds ids up to 65535, got 70000"),
        (write_id_png, boxes(-1), "must be positive, got -1"),
    ):
        with pytest.raises(FrameError, match=words):
            write(tmp_path / "one.png", ids)
    assert not list(tmp_path.iterdir())


def test_black_and_white_is_one_object(tmp_path: Path):
    Image.fromarray(boxes(1) > 0).save(tmp_path / "one.png")
    assert read_mask(tmp_path / "one.png").objects == (1,)


def test_what_is_no_mask_is_refused(tmp_path: Path):
    grey = boxes(40, 80).astype(np.uint8)
    colour = davis_palette()[boxes(1, 2)]
    told = {
        "rgb.png": (Image.fromarray(colour), r"colour image \(RGB, 3 colours\).*palette PNG"),
        "rgba.png": (Image.fromarray(colour).convert("RGBA"), r"colour image \(RGBA, 3 colours\)"),
        "la.png": (Image.fromarray(grey).convert("LA"), r"colour image \(LA, 3 colours\)"),
        "grey.jpg": (Image.fromarray(grey), "is a JPEG, which blurs ids along edges"),
        "grey.bmp": (Image.fromarray(grey), "is a BMP. Save masks as"),
    }
    for name, (image, words) in told.items():
        image.save(tmp_path / name)
        with pytest.raises(FrameError, match=words):
            read_mask(tmp_path / name)
    (tmp_path / "text.png").write_text("no image")
    noise = np.random.default_rng(0).integers(0, 256, (50, 60))
    write_id_png(tmp_path / "whole.png", noise)
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-80])
    for name, words in (
        ("text.png", "is not an image"),
        ("none.png", "cannot be read: .*No such file"),
        ("half.png", "cannot be read"),
    ):
        with pytest.raises(FrameError, match=words):
            read_mask(tmp_path / name)


def test_a_mask_of_another_size_names_the_frame(tmp_path: Path):
    write_id_png(tmp_path / "00012.png", boxes(1))
    with pytest.raises(FrameError, match=r"00012.png must have its frame's size, 32x24, got 64x48"):
        read_mask(tmp_path / "00012.png", size=(24, 32))


def disks(*ids: int) -> np.ndarray:
    mask = np.zeros((96, 128), np.uint8)
    for place, value in enumerate(ids):
        cv2.circle(mask, (30 + 50 * place, 45), 20, value, cv2.FILLED)
    return mask


SOFT = {
    "blurred": lambda: cv2.GaussianBlur(disks(200), (3, 3), 0),
    "drawn with soft lines": lambda: cv2.circle(
        np.zeros((96, 128), np.uint8), (60, 45), 25, 90, cv2.FILLED, cv2.LINE_AA
    ),
    "shrunk by area": lambda: cv2.resize(disks(100, 250), (86, 64), interpolation=cv2.INTER_AREA),
    "enlarged bilinearly": lambda: cv2.resize(disks(60, 180), (200, 150)),
}


@pytest.mark.parametrize("how", SOFT)
def test_soft_edges_are_found(tmp_path: Path, how: str):
    Image.fromarray(SOFT[how]()).save(tmp_path / "one.png")
    with pytest.raises(FrameError, match=r"anti-aliased: ids .* only as thin bands.*hard edges"):
        read_mask(tmp_path / "one.png")


def test_colours_that_were_blended_and_then_indexed_are_found():
    """The order of ids tells nothing then; that there are many thin ones does."""
    soft = cv2.GaussianBlur(davis_palette()[disks(1, 2)], (3, 3), 0)
    image = Image.fromarray(soft).quantize(32, dither=Image.Dither.NONE)
    assert len(soft_edge_ids(np.asarray(image).astype(np.int32))) >= 3


def slivered(share: float) -> np.ndarray:
    """Return a disk with slivers of many other objects along some of its edge, as trackers make."""
    ids = disks(1, 2)
    for number, start in enumerate(range(0, int(share * 360), 12)):
        cv2.ellipse(ids, (30, 45), (20, 20), 0, start, start + 9, 5 + number % 7, 1)
    return ids


def thin_things() -> dict[str, np.ndarray]:
    wire = disks(3)
    cv2.line(wire, (0, 90), (127, 5), 1, 1)
    dots = disks(2, 9)
    dots[5:90:9, 3:120:11] = 5
    strap = disks(2, 9)
    strap[45, 30:51] = 1
    outlined = disks(7)
    cv2.circle(outlined, (30, 45), 22, 255, 5)
    halves = np.where(np.arange(128) < 64, 1, 2) * np.ones((96, 1), np.int32)
    halves[40:44, 62:66] = 7
    return {"wire": wire, "dots": dots, "strap": strap, "outlined": outlined, "halves": halves,
            "none": disks(), "one": disks(4), "slivers": slivered(0.6),
            "touching": boxes(5, 3, 9, 1)}  # fmt: skip


@pytest.mark.parametrize("name", thin_things())
def test_thin_things_proper_are_masks(name: str):
    assert soft_edge_ids(thin_things()[name].astype(np.int32)) == []


@given(st.lists(st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(3, 30)] * 2), max_size=8))
@settings(max_examples=60, deadline=None)
def test_boxes_anywhere_are_masks(corners):
    ids = np.zeros((70, 70), np.int32)
    for number, (top, left, height, width) in enumerate(corners, start=1):
        ids[top : top + height, left : left + width] = number
    scaled = np.kron(ids, np.ones((3, 3), np.int32))  # Nothing is thinner than 3 px.
    assert soft_edge_ids(scaled) == []


def test_run_lengths_give_back_what_they_were_made_of(tmp_path: Path):
    path = tmp_path / "tracks.json"
    masks = {"00000": boxes(3, 300), "00001": np.zeros((48, 64), np.int32), "00002": boxes(0, 7)}
    write_coco(path, ((f"{name}.png", ids) for name, ids in masks.items()))
    read = CocoMasks(path)
    assert read.frames == list(masks)
    assert read.objects == [3, 7, 300]
    for name, ids in masks.items():
        np.testing.assert_array_equal(read.read(name), ids)
    theirs = COCO(str(path))
    annotation = theirs.loadAnns(theirs.getAnnIds(imgIds=[3]))[0]
    np.testing.assert_array_equal(theirs.annToMask(annotation), boxes(0, 7) == 7)
    assert annotation["bbox"] == [19, 8, 10, 22]
    assert annotation["area"] == 220


def test_plain_counts_and_overlaps_are_read(tmp_path: Path):
    """COCO's other form: counts as numbers, down the columns. The smaller object lies on top."""
    path = tmp_path / "a.json"
    images = [{"id": 4, "file_name": "f.jpg", "height": 2, "width": 3}]
    annotations = [
        {"image_id": 4, "track_id": 2, "segmentation": {"size": [2, 3], "counts": [4, 1, 1]}},
        {"image_id": 4, "track_id": 1, "segmentation": {"size": [2, 3], "counts": [2, 4]}},
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    np.testing.assert_array_equal(CocoMasks(path).read("f"), [[0, 1, 2], [0, 1, 1]])


def test_damaged_run_lengths_are_refused(tmp_path: Path):
    path = tmp_path / "a.json"
    image = {"id": 1, "file_name": "f.png", "height": 4, "width": 4}
    for words, frame, track_id, size, counts in (
        ("does not list", 9, 1, [4, 4], []),
        ("must have the image's size", 1, 1, [4, 5], [20]),
        ("positive `track_id`", 1, None, [4, 4], [16]),
        ("cannot be read", 1, 1, [4, 4], "~~~~"),
    ):
        runs = {"size": size, "counts": counts}
        annotation = {"image_id": frame, "track_id": track_id, "segmentation": runs}
        path.write_text(json.dumps({"images": [image], "annotations": [annotation]}))
        with pytest.raises(FrameError, match=words):
            CocoMasks(path).read("f")
    path.write_text("[]")
    with pytest.raises(FrameError, match="is not a COCO file"):
        CocoMasks(path)


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    monkeypatch.delitem(sys.modules, "embodied_mem.video.coco")
    with pytest.raises(MissingExtraError, match=r"embodied-mem\[video\]"):
        importlib.import_module("embodied_mem.video.coco")
