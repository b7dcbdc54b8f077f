"""What becomes of a torchvision detector's output, and a tiny one that runs."""
# ruff: noqa: E501 - messages stand as they are.

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from box_backend import BoxBackend, furnished_room
from contracts.perceiver_contract import PerceiverContract
from safetensors.torch import save_file
from tiny_models import tiny_mask_rcnn

from embodied_mem.errors import ConfigError, DetectorError, WeightsError
from embodied_mem.interfaces import Perceiver
from embodied_mem.types import Frame
from perception import Detector, Pipeline, TorchvisionConfig
from perception import torchvision_detector as module
from perception.label_map import COCO
from perception.torchvision_detector import TorchvisionDetector, detections_of

H, W = 20, 30


def blank(depth: float | None = None) -> Frame:
    deep = None if depth is None else np.full((H, W), depth, np.float32)
    return Frame(stamp=0.0, rgb=np.zeros((H, W, 3), np.uint8), depth=deep)


def recorded(*things: tuple[str, float, tuple[int, int, int, int]]) -> dict[str, np.ndarray]:
    """An output in torchvision's form: masks fill their boxes."""
    masks = np.zeros((len(things), H, W), bool)
    for mask, (_, _, (x1, y1, x2, y2)) in zip(masks, things, strict=True):
        mask[y1:y2, x1:x2] = True
    return {
        "boxes": np.array([box for _, _, box in things], np.float32).reshape(-1, 4),
        "labels": np.array([COCO.index(name) for name, _, _ in things], np.int64),
        "scores": np.array([score for _, score, _ in things], np.float32),
        "masks": masks,
    }


THINGS = (
    ("cup", 0.6, (2, 2, 8, 8)),
    ("couch", 0.9, (0, 0, 20, 20)),
    ("book", 0.4, (10, 10, 15, 15)),
    ("person", 0.8, (20, 0, 30, 20)),
    ("apple", 0.7, (1, 1, 3, 3)),
)


def test_output_becomes_detections_with_known_answers():
    found = detections_of(blank(), recorded(*THINGS), TorchvisionConfig())
    assert found.labels == ("Sofa", "person", "Mug")  # The apple is too small, the book unsure.
    np.testing.assert_allclose(found.scores, (0.9, 0.8, 0.6), rtol=1e-6)
    assert found.attributes == ({"called": "couch"}, {}, {"called": "cup"})
    assert found.source_ids is None
    assert found.masks.sum(axis=(1, 2)).tolist() == [400, 200, 36]


def test_thresholds_and_names_are_the_configs():
    config = TorchvisionConfig(
        score=0.3, max_detections=4, min_pixels=1, rename={"couch": "ArmChair"}
    )
    found = detections_of(blank(), recorded(*THINGS), config)
    assert found.labels == ("ArmChair", "person", "Apple", "Cup")


def test_numbers_that_mean_no_class_are_dropped():
    output = recorded(THINGS[0], THINGS[1])
    output["labels"][:] = (0, 12)
    assert len(detections_of(blank(), output, TorchvisionConfig())) == 0


def test_boxes_without_masks_are_cut_by_depth():
    output = recorded(("cup", 0.9, (5, 5, 15, 15)))
    del output["masks"]
    frame = blank(2.0)
    assert frame.depth is not None
    frame.depth[7:13, 7:13] = 1.0
    found = detections_of(frame, output, TorchvisionConfig())
    np.testing.assert_array_equal(found.masks[0], frame.depth == 1)


def test_nothing_is_nothing():
    found = detections_of(blank(), recorded(), TorchvisionConfig())
    assert (len(found), found.masks.shape) == (0, (0, H, W))


def test_configs_that_make_no_sense_are_refused():
    for wrong in ({"score": 1.5}, {"max_detections": 0}, {"image_size": 8}, {"classes": ("-",)}):
        with pytest.raises(ConfigError, match="torchvision"):
            TorchvisionConfig(**wrong)  # pyright: ignore[reportArgumentType]
    read = msgspec.yaml.decode(b"{type: torchvision, weights: a.pth}", type=TorchvisionConfig)
    assert read == TorchvisionConfig(weights="a.pth")


def test_older_weights_are_normalised_as_they_were_trained():
    for name, epsilon in (("maskrcnn_resnet50_fpn", 0.0), ("maskrcnn_resnet50_fpn_v2", 1e-5)):
        with torch.device("meta"):
            network = module.build_network(TorchvisionConfig(architecture=name))  # pyright: ignore[reportArgumentType]
        found = {m.eps for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)}
        assert found == {epsilon}, name


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(tiny_mask_rcnn(5, score=0.0, most=7).state_dict(), path)
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build a tiny network of the same family; the real builders are tried above."""
    monkeypatch.setattr(
        module,
        "build_network",
        lambda c: tiny_mask_rcnn(len(c.classes), score=c.score, most=c.max_detections),
    )


def config(weights: Path, **changes: object) -> TorchvisionConfig:
    base = TorchvisionConfig(
        weights=str(weights), classes=("-", "cup", "book", "tv", "bed"), score=0.05, max_detections=7,
        min_pixels=1,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


@pytest.mark.usefixtures("tiny")
class TestTorchvisionPipeline(PerceiverContract):
    @pytest.fixture
    def perceiver(self, weights: Path) -> Perceiver:
        return Pipeline(config(weights))

    @pytest.fixture
    def frame(self) -> Frame:
        return BoxBackend(furnished_room(96)).reset().frame


@pytest.mark.usefixtures("tiny")
def test_a_batch_is_its_frames_one_by_one(weights: Path):
    detector = TorchvisionDetector(config(weights))
    assert isinstance(detector, Detector)
    large, small = (BoxBackend(furnished_room(size)).reset().frame for size in (96, 64))
    alone = [detector(large), detector(large)]
    assert len(alone[0]) > 0
    assert set(alone[0].labels) <= {"Mug", "Book", "Television", "Bed"}
    np.testing.assert_array_equal(alone[0].masks, alone[1].masks)  # Nothing is drawn at random.
    together = detector.batch([large, small])
    assert [found.masks.shape[1:] for found in together] == [(96, 96), (64, 64)]
    assert together[0].labels == alone[0].labels
    np.testing.assert_allclose(together[0].scores, alone[0].scores, atol=1e-4)


@pytest.mark.usefixtures("tiny")
def test_half_precision_finds_much_the_same(weights: Path):
    frame = BoxBackend(furnished_room(96)).reset().frame
    full = TorchvisionDetector(config(weights))(frame)
    half = TorchvisionDetector(config(weights, precision="bf16"))(frame)
    assert abs(full.scores.max() - half.scores.max()) < 0.05


@pytest.mark.usefixtures("tiny")
def test_wrong_weights_and_devices_are_one_sentence(weights: Path, tmp_path: Path):
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"not for maskrcnn_resnet50_fpn_v2: .* are missing"):
        TorchvisionDetector(config(tmp_path / "other.safetensors"))
    with pytest.raises(WeightsError, match=r"is \(5, 1024\), not \(3, 1024\)"):
        TorchvisionDetector(config(weights, classes=("-", "cup", "book")))
    with pytest.raises(ConfigError, match="no device 'tpu9' on this machine"):
        TorchvisionDetector(config(weights, device="tpu9"))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no device 'cuda' on this machine"):
            TorchvisionDetector(config(weights, device="cuda"))


@pytest.mark.usefixtures("tiny")
def test_a_full_device_says_what_to_reduce(weights: Path, monkeypatch: pytest.MonkeyPatch):
    detector = TorchvisionDetector(config(weights))

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(detector._network, "forward", full)
    with pytest.raises(DetectorError) as caught:
        detector.batch([blank(), replace(blank(), stamp=1.0)])
    assert str(caught.value) == (
        "the detector, given 2 frames, found no more memory on its device. Make image_size smaller, precision bf16, or batches shorter."
    )
