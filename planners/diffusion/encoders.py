"""What a policy may see with: a small network of its own, timm's, or a vision-language model."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch

from embodied_mem.errors import ConfigError
from embodied_mem.memory.text import TextEncoder
from planners.diffusion.encoder import Encoder, EncoderConfig
from planners.diffusion.instructions import SentenceInstructionsConfig, SentenceVectors
from planners.diffusion.timm_encoder import TimmEncoder, TimmEncoderConfig
from planners.diffusion.vlm_encoder import VlmArchitecture, VlmEncoder, VlmEncoderConfig
from planners.diffusion.vlm_folder import colours, network_description, prompt_tokens

AnyEncoderConfig = EncoderConfig | TimmEncoderConfig | VlmEncoderConfig
AnyEncoder = Encoder | TimmEncoder | VlmEncoder


def build_encoder(
    config: AnyEncoderConfig, *, height: int, width: int, proprio: int, instructions: int
) -> AnyEncoder:
    """Build what a config names, untrained.

    Args:
        config: Which, and its sizes.
        height: Of the images [px].
        width: Of the images [px].
        proprio: Numbers that tell of the robot's own state.
        instructions: How many there are.
    """
    size = {"height": height, "width": width, "proprio": proprio, "instructions": instructions}
    match config:
        case EncoderConfig():
            return Encoder(**size, config=config)
        case TimmEncoderConfig():
            return TimmEncoder(**size, config=config)
        case VlmEncoderConfig():
            return VlmEncoder(proprio=proprio, config=config)


def described(
    config: AnyEncoderConfig, instructions: Sequence[str], sentences: TextEncoder | None
) -> AnyEncoderConfig:
    """Fill in what models on this machine say, so that weights can be loaded without them.

    Args:
        config: As a user gives it.
        instructions: Those that the policy shall know.
        sentences: Gives vectors of sentences, if the config asks for such.

    Raises:
        ConfigError: Sentences have no vectors here, or a model is of a kind that is not supported.
        WeightsError: A model's folder is missing or damaged.
    """
    if isinstance(config, VlmEncoderConfig):
        folder = Path(config.folder).expanduser()
        network = network_description(folder)
        prompts, before = prompt_tokens(folder, config.prompt, instructions)
        mean, deviation = colours(folder)
        said = VlmArchitecture(
            network=network, prompts=prompts, before=before, mean=mean, deviation=deviation
        )
        return msgspec.structs.replace(config, architecture=said)
    if isinstance(config.told, SentenceInstructionsConfig):
        width = _vectors(sentences, instructions).shape[1]
        return msgspec.structs.replace(
            config, told=msgspec.structs.replace(config.told, width=width)
        )
    return config


def begin(
    encoder: AnyEncoder,
    config: AnyEncoderConfig,
    instructions: Sequence[str],
    sentences: TextEncoder | None,
) -> None:
    """Give an untrained encoder the weights and vectors that it begins with.

    Raises:
        WeightsError: Weights are missing, damaged, or another network's.
    """
    match config:
        case TimmEncoderConfig():
            assert isinstance(encoder, TimmEncoder)
            encoder.begin(config)
        case VlmEncoderConfig():
            assert isinstance(encoder, VlmEncoder)
            encoder.begin(config)
        case EncoderConfig():
            pass
    if not isinstance(encoder, VlmEncoder) and isinstance(encoder.told, SentenceVectors):
        encoder.told.set_vectors(_vectors(sentences, instructions))


def _vectors(sentences: TextEncoder | None, instructions: Sequence[str]) -> torch.Tensor:
    if sentences is None:
        raise ConfigError(
            "instructions are to be vectors of sentences, but nothing gives them here. "
            "Train with `embodied-mem train policy`, which loads `told.folder`."
        )
    return torch.from_numpy(sentences(list(instructions)))
