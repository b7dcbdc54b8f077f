"""Where weights are looked for, and what is refused."""

import hashlib
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from embodied_mem.errors import ConfigError, WeightsError
from embodied_mem.runtime.torchvision_ops import ensure_torchvision
from perception.weights import RELEASES, cache_folder, fill, find_weights, load_state

ensure_torchvision()


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (Path("/nonexistent").touch, ())


def test_the_cache_folder_follows_the_environment():
    assert cache_folder({"EMBODIED_MEM_CACHE": "/a"}) == Path("/a/weights")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/embodied-mem/weights")
    home = Path.home() / ".cache/embodied-mem/weights"
    assert cache_folder({}) == home
    assert cache_folder({"XDG_CACHE_HOME": "not/absolute"}) == home  # As XDG asks.


def test_releases_are_torchvisions_own():
    from torchvision.models import ResNet18_Weights, ResNet50_Weights, detection  # noqa: PLC0415

    theirs = {
        kind.url: kind.url[-12:-4]
        for kind in (
            detection.MaskRCNN_ResNet50_FPN_Weights.COCO_V1,
            detection.MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
            detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
            detection.FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
            ResNet18_Weights.IMAGENET1K_V1,
            ResNet50_Weights.IMAGENET1K_V2,
        )
    }
    assert {release.url: release.sha256[:8] for release in RELEASES.values()} == theirs


def test_a_missing_release_says_how_to_get_it_and_where_to_put_it(tmp_path: Path):
    with pytest.raises(WeightsError) as caught:
        find_weights("resnet18_imagenet", folder=tmp_path)
    release = RELEASES["resnet18_imagenet"]
    assert str(caught.value) == (
        "the weights 'resnet18_imagenet' are not on this machine. Run `embodied-mem weights "
        f"resnet18_imagenet`, or fetch {release.url} yourself and put it at "
        f"{tmp_path / release.file}."
    )


def test_a_missing_file_says_what_can_be_given():
    with pytest.raises(WeightsError, match=r"no file of weights nowhere\.pth.*resnet18_imagenet"):
        find_weights("nowhere.pth")


def test_digests_are_checked_by_path_and_by_release(tmp_path: Path):
    path = tmp_path / "a.pth"
    path.write_bytes(b"abc")
    right = hashlib.sha256(b"abc").hexdigest()
    assert find_weights(str(path), sha256=right) == path
    assert find_weights(str(path), sha256=right[:8]) == path
    with pytest.raises(WeightsError, match="not the file that was asked for"):
        find_weights(str(path), sha256="0" * 64)
    for bad in ("abc", right.upper(), "z" * 8):
        with pytest.raises(ConfigError, match="8 to 64 digits"):
            find_weights(str(path), sha256=bad)
    (tmp_path / RELEASES["resnet18_imagenet"].file).write_bytes(b"abc")
    with pytest.raises(WeightsError, match="not the file that was asked for"):
        find_weights("resnet18_imagenet", folder=tmp_path)


@pytest.mark.parametrize("wrapped", [None, "model", "state_dict"])
def test_states_are_read_from_either_format(tmp_path: Path, wrapped: str | None):
    state = {"a": torch.arange(3.0)}
    torch.save({wrapped: state, "epoch": 3} if wrapped else state, tmp_path / "a.pth")
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        assert torch.equal(load_state(tmp_path / name)["a"], state["a"])


def test_files_that_could_run_code_are_not_opened(tmp_path: Path):
    torch.save({"a": Bomb()}, tmp_path / "bomb.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.pth", "plain.pth"):
        with pytest.raises(WeightsError, match="could run code"):
            load_state(tmp_path / name)


def test_damaged_files_are_one_sentence(tmp_path: Path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "whole.pth")
    safetensors.torch.save_file({"a": torch.zeros(1000)}, tmp_path / "whole.safetensors")
    for whole in ("whole.pth", "whole.safetensors"):
        content = (tmp_path / whole).read_bytes()
        path = tmp_path / f"cut{Path(whole).suffix}"
        for length in (0, 3, 9, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:length])
            with pytest.raises(WeightsError):
                load_state(path)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no state of a network"):
        load_state(tmp_path / "list.pth")


def test_a_network_gets_its_own_tensors_or_nothing():
    path, state = Path("a.pth"), nn.Linear(3, 2).state_dict()
    network = nn.Linear(3, 2)
    fill(network, {**state, "head.weight": torch.zeros(1)}, path, name="linear")
    assert torch.equal(network.weight, state["weight"])
    with pytest.raises(WeightsError, match=r"1 of its 2 tensors are missing, `bias` first"):
        fill(network, {"weight": state["weight"]}, path, name="linear")
    with pytest.raises(WeightsError, match=r"`weight` is \(2, 3\), not \(2, 4\)"):
        fill(nn.Linear(4, 2), state, path, name="linear")
