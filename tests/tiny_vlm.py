"""Vision-language models of the real kinds, shrunk, with random weights, as folders on disk."""

import json
from pathlib import Path

import torch

from embodied_mem.runtime.torchvision_ops import ensure_torchvision

ensure_torchvision()

import transformers  # noqa: E402 - torchvision must be made to load first.
from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402

WORDS = ("<pad>", "<s>", "</s>", "<unk>", "touch", "leave", "the", "colour", "cube", "that", "was")
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
VISION = {**SMALL, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
TEXT = {**SMALL, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}
TEXT |= {"vocab_size": len(WORDS), "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def save_llava(folder: Path) -> Path:
    """LLaVA, whose tower of CLIP has a token that is no place."""
    config = transformers.LlavaConfig(
        vision_config={"model_type": "clip_vision_model", "projection_dim": 16, **VISION},
        text_config={"model_type": "llama", **TEXT},
        image_token_index=3,
    )
    return _saved(folder, transformers.LlavaForConditionalGeneration, config)


def save_paligemma(folder: Path) -> Path:
    """PaliGemma, which reads image and prompt in both directions."""
    config = transformers.PaliGemmaConfig(
        vision_config={"model_type": "siglip_vision_model", **VISION},
        text_config={"model_type": "gemma", **TEXT},
        image_token_index=3,
        projection_dim=16,
    )
    return _saved(folder, transformers.PaliGemmaForConditionalGeneration, config)


def _saved(
    folder: Path,
    kind: type[transformers.PreTrainedModel],
    config: transformers.PreTrainedConfig,
) -> Path:
    torch.manual_seed(0)
    kind(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore
    tokenizer.post_processor = processors.TemplateProcessing(  # pyright: ignore
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)
    colours = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    (folder / "preprocessor_config.json").write_text(json.dumps(colours))
    return folder
