"""Encoders of timm and instructions as sentences: learnt with, saved, loaded, refused."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from cue_task import HEIGHT, INSTRUCTION, WIDTH
from encoder_policies import acted, trained, understood
from safetensors import safe_open
from safetensors.torch import save_file

from embodied_mem.app.policy_commands import TrainPolicy
from embodied_mem.app.train_policy import sentence_encoder, training_config
from embodied_mem.errors import ConfigError, EmbodiedMemError, WeightsError
from embodied_mem.memory.cognitive_bank import BankConfig
from embodied_mem.memory.text import HashedEncoder
from planners.diffusion.encoder import EncoderConfig
from planners.diffusion.encoders import begin, build_encoder
from planners.diffusion.instructions import SentenceInstructionsConfig
from planners.diffusion.network import PolicyConfig
from planners.diffusion.timm_encoder import TimmEncoder, TimmEncoderConfig, timm_network
from planners.diffusion.training import PolicyTrainingConfig
from planners.diffusion.weights import FORMAT, SHIPPED, load_policy, tagged

SMALL: dict[str, Any] = {"perceptual": 16, "cognitive": 32, "heads": 2}
RESNET = TimmEncoderConfig(model="test_resnet", side=64, **SMALL)
TOLD = EncoderConfig(channels=(8, 16), told=SentenceInstructionsConfig(folder="nowhere"), **SMALL)


def built(config: TimmEncoderConfig) -> TimmEncoder:
    encoder = build_encoder(config, height=HEIGHT, width=WIDTH, proprio=4, instructions=1)
    assert isinstance(encoder, TimmEncoder)
    return encoder


def test_a_policy_that_sees_with_timm_is_trained_saved_and_loaded(tmp_path: Path) -> None:
    weights = trained(tmp_path, RESNET)
    card, network = load_policy(weights)
    assert card.policy.encoder == RESNET
    assert isinstance(network.encoder, TimmEncoder)
    assert acted(weights).shape == (1, 7)
    np.testing.assert_array_equal(acted(weights), acted(weights))


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_network_stays_as_it_is(tmp_path: Path, frozen: bool) -> None:
    begun = tmp_path / "resnet.safetensors"
    before = timm_network(RESNET, (64, 64)).state_dict()
    save_file(before, begun)
    config = msgspec.structs.replace(RESNET, weights=str(begun), frozen=frozen)
    _, network = load_policy(trained(tmp_path / "run", config))
    after = network.encoder.grid.network.state_dict()  # pyright: ignore
    same = [
        torch.equal(_rounded(tensor), after[name])
        for name, tensor in before.items()
        if not name.endswith("num_batches_tracked")
    ]
    assert all(same) == frozen


def _rounded(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half().float() if tensor.ndim > 1 else tensor


def test_images_of_any_size_become_what_a_transformer_takes() -> None:
    encoder = built(TimmEncoderConfig(model="test_vit", side=32, **SMALL))
    images = torch.randint(256, (2, HEIGHT, WIDTH, 3), dtype=torch.uint8)
    pixels = encoder.scaled(images, torch.zeros(HEIGHT, WIDTH, 3))
    tokens, meant = encoder(pixels, torch.zeros(2, 4), torch.zeros(2, dtype=torch.long))
    assert pixels.shape == (2, 32, 32, 3)
    assert (tokens.shape, meant.shape) == ((2, encoder.places, 16), (2, 1, 32))
    assert encoder.places == 4


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (TimmEncoderConfig(model="no_such_net"), "timm has no model 'no_such_net'"),
        (TimmEncoderConfig(model="test_vit", side=50), "patches of 16 x 16 px, which 50 x 50 px"),
        (TimmEncoderConfig(model="test_resnet", layer=9), "gives no map 9 of"),
    ],
)
def test_what_timm_does_not_have_is_said(config: TimmEncoderConfig, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        built(config)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    encoder = built(RESNET)
    for name, said in (
        ("absent.safetensors", "there are no weights for test_resnet at"),
        ("pickled.pth", "give a .safetensors file"),
        ("damaged.safetensors", "are damaged"),
        ("other.safetensors", "are not for test_resnet"),
    ):
        path = tmp_path / name
        if name.startswith("other"):
            save_file({"weight": torch.zeros(1)}, path)
        elif not name.startswith("absent"):
            path.write_bytes(b"no tensors at all")
        config = msgspec.structs.replace(RESNET, weights=str(path))
        with pytest.raises(WeightsError, match=said):
            begin(encoder, config, [INSTRUCTION], None)


def test_told_by_sentences_a_policy_takes_instructions_that_it_was_not_trained_on(
    tmp_path: Path,
) -> None:
    sentences = HashedEncoder(24)
    weights = trained(tmp_path, TOLD, sentences)
    card, network = load_policy(weights)
    assert card.policy.encoder.told.width == 24  # pyright: ignore
    known = torch.from_numpy(sentences([INSTRUCTION]))
    torch.testing.assert_close(network.encoder.told.vectors, known, atol=1e-3, rtol=0)  # pyright: ignore
    np.testing.assert_array_equal(understood(weights), understood(weights, INSTRUCTION, sentences))
    other = understood(weights, "leave the cube", sentences)
    assert not np.allclose(understood(weights), other, atol=1e-4)
    with pytest.raises(ConfigError, match="was not trained to 'leave the cube'"):
        understood(weights, "leave the cube")


def test_sentences_need_what_gives_their_vectors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing gives them here"):
        trained(tmp_path, TOLD)


def test_the_command_line_takes_a_policy_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "encoder: {type: timm, model: test_resnet, side: 64, frozen: true}\nmemory: {type: lstm}\n"
    )
    command = TrainPolicy(data="data", out="out", policy=str(path))
    config = training_config(command).policy
    assert config.encoder == TimmEncoderConfig(model="test_resnet", side=64, frozen=True)
    assert config.memory.__class__.__name__ == "LstmConfig"
    bank = training_config(msgspec.structs.replace(command, memory="bank")).policy.memory
    assert isinstance(bank, BankConfig)
    told = PolicyTrainingConfig(policy=PolicyConfig(encoder=TOLD))
    with pytest.raises(EmbodiedMemError, match="no sentence-transformers model in nowhere"):
        sentence_encoder(told)


def test_weights_of_before_there_was_a_choice_load_as_they_did() -> None:
    with safe_open(SHIPPED, framework="pt") as file:  # pyright: ignore
        said = json.loads(file.metadata()["card"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert "type" not in said["policy"]["encoder"]
    assert tagged(tagged(said)) == tagged(said)
    card, network = FORMAT.load(SHIPPED)
    encoder = msgspec.convert({"type": "cnn", **said["policy"]["encoder"]}, EncoderConfig)
    assert card.policy.encoder == encoder
    assert network.state_dict().keys() == tensors.keys()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, tensors[name].float()), name
