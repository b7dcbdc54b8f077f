"""Vision-language models of `transformers` from folders: what they are, and their weights.

No network, no code of theirs, no pickle.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from embodied_mem.errors import ConfigError, MissingExtraError, WeightsError
from embodied_mem.runtime.hugging_face import (
    OFFLINE,
    check_whole,
    explained,
    model_folder,
    quiet,
)
from embodied_mem.runtime.torchvision_ops import ensure_torchvision
from planners.diffusion.pretrained import Colour

KINDS = ("llava", "paligemma")
"""Kinds of models: those with one square grid to an image, and a projector after it."""

_DESCRIPTION = "config.json"


def network_description(folder: Path) -> str:
    """Read what a network is: its config.json.

    Raises:
        ConfigError: It is of a kind that is not supported.
        WeightsError: There is no such folder, or no model in it.
    """
    text = (model_folder(folder) / _DESCRIPTION).read_text()
    with explained(folder):
        kind = json.loads(text).get("model_type")
    _check_kind(kind)
    return text


def built_network(description: str) -> nn.Module:
    """Build a network that a config.json describes, with random weights and no head for words.

    Raises:
        ConfigError: It is of a kind that is not supported, or transformers refuses it.
        MissingExtraError: transformers is not installed.
    """
    transformers = _transformers()
    said = json.loads(description)
    kind = said.pop("model_type", None)
    _check_kind(kind)
    said.pop("auto_map", None)  # Names of code that others would have us run.
    try:
        config = transformers.AutoConfig.for_model(kind, **said)
        return transformers.AutoModel.from_config(
            config, dtype=torch.float32, attn_implementation="sdpa"
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"transformers builds no vision-language model of this description: {error}."
        ) from error


def loaded_state(folder: str | Path) -> dict[str, Tensor]:
    """Read a model's weights, without its head for words.

    Raises:
        WeightsError: There is no such folder, no safetensors in it, or tensors are missing.
    """
    path = model_folder(folder)
    transformers = _transformers()
    with explained(path), quiet(transformers.utils.logging):
        network, loading = transformers.AutoModel.from_pretrained(
            path, output_loading_info=True, use_safetensors=True, dtype=torch.float32, **OFFLINE
        )
    check_whole(path, loading)
    return network.state_dict()


def prompt_tokens(
    folder: Path, prompt: str, instructions: Sequence[str]
) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Return the tokens of a prompt for each instruction, and how many precede the image.

    Raises:
        WeightsError: The folder has no tokenizer.
    """
    with explained(folder):
        tokenizer = _transformers().AutoTokenizer.from_pretrained(folder, **OFFLINE)
        rows = [tokenizer(prompt.format(instruction=told))["input_ids"] for told in instructions]
    end, beginning = tokenizer.eos_token_id, tokenizer.bos_token_id
    if end is None:
        raise WeightsError(f"the tokenizer in {folder} has no token that ends a text.")
    ended = tuple(tuple(row if row[-1:] == [end] else [*row, end]) for row in rows)
    return ended, int(all(row[0] == beginning for row in ended))


def colours(folder: Path) -> tuple[Colour, Colour]:
    """Return mean and deviation of the colours that a model was trained on.

    Raises:
        WeightsError: The folder does not say.
    """
    for said in _image_processors(folder):
        if {"image_mean", "image_std"} <= said.keys():
            (red, green, blue), (reds, greens, blues) = said["image_mean"], said["image_std"]
            return (red, green, blue), (reds, greens, blues)
    raise WeightsError(
        f"the model in {folder} does not say which colours it was trained on: it has no "
        "preprocessor_config.json with image_mean and image_std. Fetch its files again."
    )


def _image_processors(folder: Path) -> Iterator[dict[str, Any]]:
    """What a folder says of images, where older and newer models say it."""
    older, newer = folder / "preprocessor_config.json", folder / "processor_config.json"
    with explained(folder):
        if older.is_file():
            yield json.loads(older.read_text())
        if newer.is_file():
            yield json.loads(newer.read_text()).get("image_processor", {})


def _check_kind(kind: str | None) -> None:
    if kind not in KINDS:
        raise ConfigError(
            f"a policy's encoder cannot be of the kind '{kind}'. Kinds that can: "
            f"{', '.join(KINDS)}."
        )


def _transformers() -> Any:
    ensure_torchvision()
    try:
        import transformers  # noqa: PLC0415 - an extra, which imports torchvision.
    except ImportError as error:
        raise MissingExtraError("an encoder of a vision-language model", "words") from error
    return transformers
