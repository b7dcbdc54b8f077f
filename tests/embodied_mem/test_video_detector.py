"""What the command line says of detectors for videos."""

import re
from pathlib import Path

import pytest
from films import content, write_minute
from named_films import SHORT
from tiny_models import CLASSES, save_owl, tiny_detector, use_tiny_networks

from embodied_mem.app.cli import execute
from embodied_mem.app.video_commands import Video, VideoRemember
from embodied_mem.app.video_detector import chosen_detector, detector_name
from embodied_mem.errors import ConfigError, WeightsError
from embodied_mem.memory.events.index import EventIndex
from perception import OpenVocabularyConfig, TorchvisionConfig, torchvision_detector
from perception.feature_bank_config import FeatureBankConfig
from perception.video.detecting import VideoDetectorConfig


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_minute(tmp_path_factory.mktemp("film") / "short.mp4", SHORT)


def remember(film: Path, store: Path, **more: object) -> int:
    task = VideoRemember(sources=(str(film),), store=str(store), rate=2.0, side=80, **more)  # type: ignore[arg-type]
    return execute(Video(task=task))


def chosen(**more: object) -> VideoDetectorConfig | None:
    return chosen_detector(VideoRemember(sources=("a",), store="s", **more))  # type: ignore[arg-type]


def test_a_file_says_what_looks(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torchvision_detector, "build_network", torchvision_detector.build_network)
    use_tiny_networks()
    weights = tmp_path / "tiny.safetensors"
    tiny_detector(weights)
    (tmp_path / "detector.yaml").write_text(
        f"perception:\n  type: torchvision\n  weights: {weights}\n  score: 0.0\n"
        f"  max_detections: 6\n  classes: [{', '.join(CLASSES)}]\nmovers: [person, chair]\n"
    )
    chosen_file = str(tmp_path / "detector.yaml")
    assert remember(film, tmp_path / "store", detector=chosen_file, bank=True) == 0
    with EventIndex(tmp_path / "store", read_only=True) as index:
        kinds = {thing.name: thing.kind for thing in index.things()}
    assert kinds
    assert all((kind == "mover") == (name in {"person", "chair"}) for name, kind in kinds.items())
    before = content(tmp_path / "store")
    assert remember(film, tmp_path / "store", detector=chosen_file, bank=True) == 0
    assert content(tmp_path / "store") == before


def test_what_cannot_be_is_told_in_one_sentence(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("EMBODIED_MEM_CACHE", str(tmp_path))

    def said(**more: object) -> str:
        capsys.readouterr()
        assert remember(film, tmp_path / "store", **more) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "'maskrcnn_resnet50_fpn_v2_coco' are not on this machine" in said(detector="torchvision")
    assert "cannot read config nowhere.yaml" in said(detector="nowhere.yaml")
    assert "`--bank` needs `--detector`" in said(bank=True)
    (tmp_path / "bad.pth").write_bytes(b"none")
    (tmp_path / "bad.yaml").write_text(
        f"perception: {{type: torchvision, weights: {tmp_path}/bad.pth}}\n"
    )
    assert "no PyTorch file" in said(detector=str(tmp_path / "bad.yaml"))
    words = tmp_path / "words.yaml"
    words.write_text(f"perception: {{type: open_vocabulary, model: {tmp_path}/none}}\n")
    assert "there is no model in" in said(detector=str(words))
    assert "torchvision's detectors alone" in said(detector=str(words), bank=True)
    (tmp_path / "oracle.yaml").write_text("perception: {type: oracle}\n")
    assert "is not a VideoDetectorConfig" in said(detector=str(tmp_path / "oracle.yaml"))
    assert not (tmp_path / "store").exists()


def test_the_file_on_the_page_about_videos_can_be_written(tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs" / "long_videos.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "detector.yaml").write_text(text)
    config = chosen(detector=str(tmp_path / "detector.yaml"), bank=True)
    assert config is not None
    assert config.remembers
    assert "robot arm" in config.movers


def test_a_detector_is_known_by_its_settings_and_the_content_of_its_files(tmp_path: Path):
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    config = tiny_detector(one)
    other.write_bytes(one.read_bytes())
    assert detector_name(config) == detector_name(tiny_detector(other))
    bank = tiny_detector(one, FeatureBankConfig(seed=1))
    assert (
        len({detector_name(c) for c in (config, bank, tiny_detector(one, FeatureBankConfig()))})
        == 3
    )
    other.write_bytes(one.read_bytes()[:-4] + b"abcd")
    assert detector_name(config) != detector_name(tiny_detector(other))
    with pytest.raises(WeightsError, match="there is no file of weights"):
        detector_name(VideoDetectorConfig(perception=TorchvisionConfig(weights="none.pth")))


def test_a_folder_of_a_model_is_known_by_its_files(tmp_path: Path):
    pytest.importorskip("transformers", reason="the extra `words` cannot be imported")
    folder = save_owl(tmp_path / "owl")
    config = VideoDetectorConfig(perception=OpenVocabularyConfig(model=str(folder)))
    before = detector_name(config)
    assert str(folder) not in before
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    assert detector_name(config) != before


def test_paths_mean_the_same_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.yaml").write_text("perception: {type: torchvision, weights: w.pth}\n")
    config = chosen(detector="d.yaml")
    assert config is not None
    assert isinstance(config.perception, TorchvisionConfig)
    assert config.perception.weights == str(tmp_path / "w.pth")
    assert chosen() is None
    with pytest.raises(ConfigError, match="cannot read config"):
        chosen(detector="e.yaml")
