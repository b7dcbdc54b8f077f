"""What becomes of a zero-shot detector's output, and tiny ones of each kind that run."""
# ruff: noqa: E501 - messages stand as they are.

import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from box_backend import BoxBackend, furnished_room
from contracts.perceiver_contract import PerceiverContract

from embodied_mem.errors import ConfigError, DetectorError, WeightsError
from embodied_mem.interfaces import Perceiver
from embodied_mem.types import Frame
from perception import Detector, OpenVocabularyConfig, Pipeline
from perception.mask_model import MaskModel
from perception.open_vocabulary import (
    Boxes,
    OpenVocabulary,
    boxes_of,
    match_phrase,
    named,
    strongest,
)

pytest.importorskip("transformers", reason="the extra `words` cannot be imported")

from tiny_models import (
    save_grounding_dino,
    save_owl,
    save_sam,
    save_sam2,
)

LABELS = ("mug", "remote control", "sofa")


def recorded(*things: tuple[str, float, tuple[float, float, float, float]]) -> dict[str, object]:
    """An output in the form of the processors of transformers."""
    return {
        "boxes": torch.tensor([box for _, _, box in things]).reshape(-1, 4),
        "scores": torch.tensor([score for _, score, _ in things]),
        "text_labels": [text for text, _, _ in things],
    }


def rough(**changes: object) -> OpenVocabularyConfig:
    config = OpenVocabularyConfig(
        model="", labels=LABELS, score=0.0, text_score=0.0, min_pixels=1, max_detections=20
    )
    return msgspec.structs.replace(config, **changes)


def test_phrases_are_taken_for_the_prompt_that_is_most_like_them():
    prompts = ["a mug", "remote control", "dining table", "table"]
    answers = {
        "mug": 0, "remote": 1, "Remote Control.": 1, "control": 1, "table": 3, "dining table": 2,
        "remote control table": 1, "zebra": None, "": None,
    }  # fmt: skip
    assert {phrase: match_phrase(phrase, prompts) for phrase in answers} == answers


def test_boxes_of_words_nobody_asked_for_are_left_out():
    output = recorded(
        ("sofa", 0.9, (0, 0, 20, 20)), ("", 0.8, (1, 1, 2, 2)), ("control", 0.7, (3, 3, 9, 9))
    )
    found = boxes_of(output, LABELS, 40)
    assert found.words.tolist() == [42, 41]
    np.testing.assert_allclose(found.scores, (0.9, 0.7), rtol=1e-6)
    assert found.boxes.tolist() == [[0, 0, 20, 20], [3, 3, 9, 9]]
    assert len(boxes_of(recorded(), LABELS, 0).scores) == 0


def test_a_thing_that_two_prompts_find_is_one_thing():
    passes = [
        boxes_of(recorded(("mug", 0.5, (0, 0, 10, 10)), ("sofa", 0.3, (30, 0, 60, 20))), LABELS, 0),
        boxes_of(recorded(("cup", 0.6, (0, 1, 10, 10)), ("cup", 0.4, (4, 0, 14, 10))), ["cup"], 3),
    ]
    found = strongest(passes, rough())
    assert found.words.tolist() == [3, 3, 0 + 2]
    assert [round(float(score), 3) for score in found.scores] == [0.6, 0.4, 0.3]
    assert strongest(passes, rough(overlap=0.95)).words.tolist() == [3, 0, 3, 2]
    assert strongest(passes, rough(max_detections=1)).words.tolist() == [3]


def test_labels_are_the_users_then_ai2_thors_then_the_words():
    boxes = Boxes(np.zeros((4, 4)), np.array([0.9, 0.8, 0.7, 0.6]), np.array([0, 1, 2, 0]))
    masks = np.zeros((4, 5, 5), bool)
    masks[:3, :2, :2] = True
    words = ("couch", "blue toy", "mug")
    found = named(boxes, masks, words, rough(rename={"blue toy": "Toy"}))
    assert found.labels == ("Sofa", "Toy", "Mug")  # The fourth has no pixels.
    assert found.attributes == ({"called": "couch"}, {"called": "blue toy"}, {})
    assert found.scores.tolist() == [0.9, 0.8, 0.7]


def test_configs_that_make_no_sense_are_refused():
    for wrong in (
        {"score": -0.1}, {"overlap": 2.0}, {"prompts_per_pass": 0}, {"template": "a photo"},
        {"labels": ()}, {"labels": ("mug", " . ")},
    ):  # fmt: skip
        with pytest.raises(ConfigError, match="open_vocabulary"):
            OpenVocabularyConfig(model="a", **wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(msgspec.ValidationError, match="missing required field `model`"):
        msgspec.yaml.decode(b"type: open_vocabulary", type=OpenVocabularyConfig)


KINDS: dict[str, Callable[[Path], Path]] = {
    "owlvit": save_owl,
    "owlv2": lambda folder: save_owl(folder, second=True),
    "grounding-dino": save_grounding_dino,
    "sam": save_sam,
    "sam2": save_sam2,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    return {name: save(folder / name) for name, save in KINDS.items()}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any attempt to reach another machine fail the test."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(name="frame")
def a_view() -> Frame:
    return BoxBackend(furnished_room(64)).reset().frame


class TestOpenVocabularyPipeline(PerceiverContract):
    @pytest.fixture
    def perceiver(self, models: dict[str, Path]) -> Perceiver:
        return Pipeline(rough(model=str(models["owlv2"]), masks=str(models["sam"])))

    @pytest.fixture
    def frame(self) -> Frame:
        return BoxBackend(furnished_room(64)).reset().frame


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("kind", ["owlvit", "owlv2", "grounding-dino"])
def test_every_kind_runs_alone_in_batches_and_in_half_precision(
    kind: str, models: dict[str, Path], frame: Frame
):
    config = rough(model=str(models[kind]))
    detector = OpenVocabulary(config)
    assert isinstance(detector, Detector)
    alone = detector(frame)
    assert 0 < len(alone) <= 20
    assert set(alone.labels) <= {"Mug", "RemoteControl", "Sofa"}
    assert (np.diff(alone.scores) <= 0).all()
    together = detector.batch([frame, frame])
    for found in together:
        assert found.labels == alone.labels
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-5)
        np.testing.assert_array_equal(found.masks, alone.masks)
    half = OpenVocabulary(msgspec.structs.replace(config, precision="bf16"))(frame)
    assert len(half) > 0


@pytest.mark.parametrize(("kind", "patch"), [("owlvit", (15, 10)), ("owlv2", (15, 15))])
def test_boxes_are_in_the_pixels_of_the_image(
    kind: str, patch: tuple[int, int], models: dict[str, Path]
):
    """OWL-ViT stretches an image of 60x40 to a square of 4x4 patches, OWLv2 pads it to one."""
    frame = Frame(stamp=0.0, rgb=np.zeros((40, 60, 3), np.uint8))
    detector = OpenVocabulary(rough(model=str(models[kind]), overlap=1.0))
    with torch.inference_mode():
        found = detector._pass([frame], list(LABELS), 0)[0]
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    np.testing.assert_allclose(sizes, np.tile(patch, (16, 1)), atol=0.1)
    middles = (found.boxes[:, 2:] + found.boxes[:, :2]) / 2
    expected = [((i + 1) * patch[0], (j + 1) * patch[1]) for j in range(4) for i in range(4)]
    np.testing.assert_allclose(middles, expected, atol=0.1)


def test_prompts_in_several_passes_find_what_one_pass_finds(models: dict[str, Path], frame: Frame):
    config = rough(model=str(models["owlvit"]), labels=("mug", "sofa", "bed"), template="my {}")
    one = OpenVocabulary(config)(frame)
    several = OpenVocabulary(msgspec.structs.replace(config, prompts_per_pass=1))(frame)
    assert len(one) == 16
    np.testing.assert_allclose(one.scores, several.scores, atol=1e-6)
    assert one.labels == several.labels


def test_without_labels_the_vocabulary_is_ai2_thors(models: dict[str, Path], frame: Frame):
    detector = OpenVocabulary(rough(model=str(models["owlvit"]), labels=None, max_detections=5))
    assert {"mug", "dining table", "TV stand"} <= set(detector.labels)
    assert len(detector(frame)) <= 5


def test_more_prompts_than_a_model_reads_are_refused(models: dict[str, Path], frame: Frame):
    detector = OpenVocabulary(rough(model=str(models["grounding-dino"]), labels=LABELS * 5))
    with pytest.raises(ConfigError) as caught:
        detector(frame)
    assert str(caught.value) == (
        "15 prompts make a text of 37 tokens, and this model reads 24. Make prompts_per_pass smaller, or labels shorter."
    )


@pytest.mark.parametrize("kind", ["sam", "sam2"])
def test_masks_stay_in_their_boxes_however_many_there_are(kind: str, models: dict[str, Path]):
    outline = MaskModel(str(models[kind]), torch.device("cpu"))
    random = np.random.default_rng(0)
    rgb = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    corner = random.uniform(0, 30, (18, 2))
    boxes = np.concatenate((corner, corner + random.uniform(4, 20, (18, 2))), axis=1)
    masks = outline(rgb, boxes)
    assert masks.shape == (18, 48, 64)
    assert masks.any()
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.round().astype(int), strict=True):
        mask[y1:y2, x1:x2] = False
        assert not mask.any()
    np.testing.assert_array_equal(outline(rgb, boxes[17:])[0], outline(rgb, boxes)[17])
    assert outline(rgb, boxes[:0]).shape == (0, 48, 64)


@pytest.mark.usefixtures("offline")
def test_a_folder_without_a_model_is_one_sentence(models: dict[str, Path], tmp_path: Path):
    for nowhere in (str(tmp_path), "google/owlv2-base-patch16"):
        with pytest.raises(WeightsError, match=r"no config\.json.*nothing is fetched"):
            OpenVocabulary(rough(model=nowhere))
    with pytest.raises(ConfigError, match=r"is a 'sam', which cannot find things by words.*owlv2"):
        OpenVocabulary(rough(model=str(models["sam"])))
    with pytest.raises(ConfigError, match="is a 'owlvit', which cannot outline what is in a box"):
        OpenVocabulary(rough(model=str(models["owlvit"]), masks=str(models["owlvit"])))
    broken = save_owl(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        OpenVocabulary(rough(model=str(broken)))
    (broken / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="cannot be loaded"):
        OpenVocabulary(rough(model=str(broken)))
    (broken / "config.json").write_text('{"model_type": "nonsense"}')
    with pytest.raises(WeightsError, match="cannot be loaded"):
        OpenVocabulary(rough(model=str(broken)))


def test_a_model_with_missing_tensors_is_refused(tmp_path: Path):
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    path = save_owl(tmp_path / "owl") / "model.safetensors"
    state = load_file(path)
    state.pop("class_head.dense0.weight")
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lacks 1 of its tensors, `class_head\.dense0\.weight`"):
        OpenVocabulary(rough(model=str(tmp_path / "owl")))


def test_a_folders_own_code_is_never_run(tmp_path: Path):
    folder = save_owl(tmp_path / "owl")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: pass\n")
    config = msgspec.json.decode((folder / "config.json").read_bytes())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "evil.Config"}}
    (folder / "config.json").write_bytes(msgspec.json.encode(config))
    with pytest.raises(WeightsError, match="cannot be loaded"):
        OpenVocabulary(rough(model=str(folder)))
    assert not (tmp_path / "ran").exists()


def test_a_full_device_says_what_to_reduce(
    models: dict[str, Path], frame: Frame, monkeypatch: pytest.MonkeyPatch
):
    detector = OpenVocabulary(rough(model=str(models["owlvit"])))

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(detector._model, "forward", full)
    with pytest.raises(DetectorError, match=r"no more memory.*prompts_per_pass smaller"):
        detector(frame)
