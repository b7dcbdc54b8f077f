"""A vision-language model as a policy's encoder: real kinds, tiny and untrained."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch

pytest.importorskip("transformers", reason="needs the extra `words`", exc_type=ImportError)

from cue_task import demonstrations
from encoder_policies import acted, trained
from tiny_vlm import save_llava, save_paligemma

from embodied_mem.errors import ConfigError, WeightsError
from planners.diffusion.encoders import begin, build_encoder, described
from planners.diffusion.vlm_encoder import VlmEncoder, VlmEncoderConfig
from planners.diffusion.vlm_folder import loaded_state
from planners.diffusion.weights import load_policy

TOLD = ("touch the cube", "leave the colour that was")
PROMPT = "{instruction}"


@pytest.fixture(scope="module", params=[save_llava, save_paligemma])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    save: Callable[[Path], Path] = request.param
    return save(tmp_path_factory.mktemp(save.__name__))


def config_of(folder: Path, **changes: object) -> VlmEncoderConfig:
    plain = VlmEncoderConfig(folder=str(folder), prompt=PROMPT, perceptual=16, cognitive=32)
    return msgspec.structs.replace(plain, **changes)


def built(config: VlmEncoderConfig, told: tuple[str, ...] = TOLD) -> VlmEncoder:
    whole = described(config, told, None)
    torch.manual_seed(1)  # Other weights than the folder's.
    encoder = build_encoder(whole, height=16, width=24, proprio=4, instructions=len(told))
    begin(encoder, whole, told, None)
    assert isinstance(encoder, VlmEncoder)
    return encoder.eval()


def encoded(encoder: VlmEncoder, instructions: list[int], seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(instructions), 16, 24, 3)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    pixels = encoder.scaled(images, torch.zeros(16, 24, 3))
    return encoder(pixels, torch.zeros(len(instructions), 4), torch.tensor(instructions))


@torch.no_grad()
def test_the_grid_becomes_perceptual_tokens_and_the_prompts_end_the_cognitive_one(
    folder: Path,
) -> None:
    encoder = built(config_of(folder))
    tokens, meant = encoded(encoder, [0, 1])
    assert (tokens.shape, meant.shape) == ((2, 16, 16), (2, 1, 32))
    other, differently = encoded(encoder, [1, 1])
    torch.testing.assert_close(tokens, other)  # What is seen does not depend on what is told.
    assert not torch.allclose(meant[0], differently[0], atol=1e-4)
    seen, looked = encoded(encoder, [0, 1], seed=1)
    assert not torch.allclose(tokens, seen, atol=1e-4)
    assert not torch.allclose(meant, looked, atol=1e-4)


@torch.no_grad()
def test_padding_of_shorter_prompts_says_nothing(folder: Path) -> None:
    both, alone = built(config_of(folder)), built(config_of(folder), TOLD[:1])
    assert both.ids.shape[1] > alone.ids.shape[1]
    torch.testing.assert_close(encoded(both, [0])[1], encoded(alone, [0])[1])


@torch.no_grad()
def test_it_is_what_the_model_itself_says_of_image_and_prompt(folder: Path) -> None:
    encoder = built(config_of(folder))
    network, trunk = encoder.trunk.network, encoder.trunk
    pixels = torch.rand(1, 3, 32, 32)
    image = int(network.config.image_token_id)  # pyright: ignore
    row = encoder.ids[0][encoder.used[0]].tolist()
    assert row == [1, 4, 6, 8, 2]  # <s> touch the cube </s>
    ids = torch.tensor([[row[0], *[image] * 16, *row[1:]]])
    extra = {"token_type_ids": torch.zeros_like(ids)} if "gemma" in str(folder) else {}
    wanted = network(input_ids=ids, pixel_values=pixels, **extra).last_hidden_state[:, -1]
    _, hidden = trunk(pixels, encoder.ids[:1], encoder.used[:1])
    torch.testing.assert_close(hidden, wanted)


@pytest.mark.parametrize("frozen", [True, False])
def test_gradients_reach_the_model_unless_it_is_frozen(folder: Path, frozen: bool) -> None:
    encoder = built(config_of(folder, frozen=frozen)).train()
    tokens, meant = encoded(encoder, [0, 1])
    (tokens.square().sum() + meant[..., 0].sum()).backward()
    reached = {
        name.split(".")[0]
        for name, parameter in encoder.trunk.network.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    whole = {"vision_tower", "multi_modal_projector", "language_model"}
    assert reached == (set() if frozen else whole)
    assert encoder.bottleneck.widen.weight.grad is not None
    assert encoder.trunk.network.training != frozen


def test_a_trained_policy_needs_the_folder_no_more(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    weights = trained(tmp_path / "run", config_of(copy))
    begun = loaded_state(copy)
    shutil.rmtree(copy)
    _, network = load_policy(weights)
    assert isinstance(network.encoder, VlmEncoder)
    for name, tensor in network.encoder.trunk.network.state_dict().items():
        torch.testing.assert_close(tensor, begun[name], atol=1e-3, rtol=1e-3)
    assert acted(weights).shape == (1, demonstrations(1)[0][1].actions.shape[1])


def test_weights_can_be_drawn_instead(folder: Path) -> None:
    begun = loaded_state(folder)
    drawn = built(config_of(folder, pretrained=False)).trunk.network.state_dict()
    assert begun.keys() == drawn.keys()
    assert any(not torch.equal(tensor, drawn[name]) for name, tensor in begun.items())


def test_what_cannot_be_used_is_said_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"has no config\.json"):
        built(config_of(tmp_path))
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    said = json.loads((copy / "config.json").read_text())
    (copy / "model.safetensors").unlink()
    torch.save(loaded_state(folder), copy / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="cannot be loaded"):  # It would have to be unpickled.
        built(config_of(copy))
    (copy / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsError, match="does not say which colours"):
        built(config_of(copy))
    (copy / "config.json").write_text(json.dumps({**said, "model_type": "bert"}))
    with pytest.raises(ConfigError, match=r"of the kind 'bert'\. Kinds that can: llava"):
        built(config_of(copy))
    with pytest.raises(ConfigError, match="must say where the instruction goes"):
        VlmEncoderConfig(folder="model", prompt="do it")
    with pytest.raises(ConfigError, match="is not known yet"):
        VlmEncoder(proprio=4, config=config_of(folder))
