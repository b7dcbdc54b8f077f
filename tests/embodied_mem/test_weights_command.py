"""`embodied-mem weights`, against a real server on the loopback."""

import hashlib
from pathlib import Path

import pytest
from weights_server import Behaviour, serve_file

from embodied_mem.app.cli import execute
from embodied_mem.app.commands import Weights
from perception import weights
from perception.weights import Release

CONTENT = bytes(range(256)) * 100


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBODIED_MEM_CACHE", str(tmp_path))
    return tmp_path / "weights"


def test_a_release_is_fetched_and_listed(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with serve_file(Behaviour(CONTENT)) as url:
        digest = hashlib.sha256(CONTENT).hexdigest()
        release = Release(name="tiny", url=url, sha256=digest, about="noise")
        monkeypatch.setitem(weights.RELEASES, "tiny", release)  # pyright: ignore[reportArgumentType]
        assert execute(Weights(names=("tiny",))) == 0
    assert (cache / "tiny.pth").read_bytes() == CONTENT
    assert execute(Weights()) == 0
    listed = capsys.readouterr().out
    assert "resnet18_imagenet" in listed
    assert "yes" in listed


def test_a_release_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]):
    assert execute(Weights(names=("yolo",))) == 2
    assert "no release 'yolo'. There are: maskrcnn_resnet50_fpn_coco" in capsys.readouterr().err
