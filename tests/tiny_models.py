"""Models of the real kinds, shrunk to a few layers, with random weights, as folders on disk."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from embodied_mem.runtime.torchvision_ops import ensure_torchvision
from perception import TorchvisionConfig, torchvision_detector
from perception.feature_bank_config import FeatureBankConfig
from perception.label_map import vocabulary_in_words
from perception.video.detecting import VideoDetectorConfig

ensure_torchvision()

import transformers  # noqa: E402 - torchvision must be made to load first.
from torchvision.models import mobilenet_v3_small  # noqa: E402
from torchvision.models.detection import MaskRCNN  # noqa: E402
from torchvision.models.detection.anchor_utils import AnchorGenerator  # noqa: E402
from torchvision.ops import MultiScaleRoIAlign  # noqa: E402

SIDE = 32
"""Side of the images that the detectors look at [px]."""


def tiny_mask_rcnn(classes: int, *, score: float, most: int) -> nn.Module:
    """A Mask R-CNN with a small backbone and a single map."""
    backbone = mobilenet_v3_small(weights=None).features[:4]
    backbone.out_channels = 24  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    return MaskRCNN(
        backbone,
        num_classes=classes,
        min_size=SIDE,
        max_size=2 * SIDE,
        rpn_anchor_generator=AnchorGenerator(((8, 16, 24),), ((0.5, 1.0, 2.0),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 3, 2),
        mask_roi_pool=MultiScaleRoIAlign(["0"], 6, 2),
        box_head=nn.Sequential(nn.Flatten(), nn.Linear(24 * 9, 1024), nn.ReLU()),
        mask_head=nn.Conv2d(24, 256, 3, padding=1),
        rpn_post_nms_top_n_test=40,
        box_score_thresh=score,
        box_detections_per_img=most,
    )


CLASSES = ("background", "cup", "person", "book", "chair")
"""What the tiny detector tells apart."""


def use_tiny_networks() -> None:
    """Let torchvision's detectors be tiny ones in this process, whatever they are asked to be."""
    torchvision_detector.build_network = lambda config: tiny_mask_rcnn(
        len(config.classes), score=config.score, most=config.max_detections
    )


def tiny_detector(weights: Path, bank: FeatureBankConfig | None = None) -> VideoDetectorConfig:
    """A tiny Mask R-CNN for videos, whose weights are written where they are missing."""
    if not weights.exists():
        torch.manual_seed(0)
        save_file(tiny_mask_rcnn(len(CLASSES), score=0.0, most=6).state_dict(), weights)
    return VideoDetectorConfig(
        perception=TorchvisionConfig(
            weights=str(weights), classes=CLASSES, score=0.0, max_detections=6, bank=bank
        )
    )


def _clip_tokenizer(folder: Path) -> transformers.PreTrainedTokenizerBase:
    """CLIP's tokenizer over single letters."""
    letters = sorted(
        set("".join(vocabulary_in_words()).lower()) | set("abcdefghijklmnopqrstuvwxyz")
    )
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer.from_pretrained(folder, model_max_length=16)


def save_owl(folder: Path, *, second: bool = False) -> Path:
    """An OWL-ViT, or an OWLv2."""
    folder.mkdir(parents=True)
    tokenizer = _clip_tokenizer(folder)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    text = {"vocab_size": len(tokenizer), "num_hidden_layers": 1, "max_position_embeddings": 16}
    text |= {"bos_token_id": len(tokenizer) - 2, "eos_token_id": len(tokenizer) - 1, **small}
    vision = {"num_hidden_layers": 1, "image_size": SIDE, "patch_size": 8, **small}
    size = {"height": SIDE, "width": SIDE}
    if second:
        config = transformers.Owlv2Config(text_config=text, vision_config=vision, projection_dim=16)
        model = transformers.Owlv2ForObjectDetection(config)
        images = transformers.Owlv2ImageProcessor(size=size)
        processor = transformers.Owlv2Processor(images, tokenizer)
    else:
        config = transformers.OwlViTConfig(
            text_config=text, vision_config=vision, projection_dim=16
        )
        model = transformers.OwlViTForObjectDetection(config)
        images = transformers.OwlViTImageProcessor(size=size)
        processor = transformers.OwlViTProcessor(images, tokenizer)
    # Then each patch's box is the patch's own, and its logits are cosines, not nearly all alike.
    for layer in (
        model.box_head.dense2,
        model.class_head.logit_scale,
        model.class_head.logit_shift,
    ):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_grounding_dino(folder: Path) -> Path:
    """A Grounding DINO over whole words."""
    folder.mkdir(parents=True)
    words = [f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")] + [".", "?"]
    words += ["mug", "remote", "control", "sofa", "table", "dining", "a"]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizer.from_pretrained(folder)
    text = {"vocab_size": len(words), "hidden_size": 16, "num_hidden_layers": 1}
    text |= {"num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64}
    backbone = transformers.SwinConfig(
        image_size=SIDE, patch_size=2, embed_dim=8, depths=[1, 1, 1], num_heads=[1, 2, 2],
        window_size=4, out_features=["stage2", "stage3"],  # pyright: ignore[reportCallIssue]
    )  # fmt: skip
    config = transformers.GroundingDinoConfig(
        backbone_config=backbone, text_config={"model_type": "bert", **text}, d_model=32,
        num_queries=12, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
        encoder_attention_heads=2, decoder_attention_heads=2, num_feature_levels=3, max_text_len=24,
        encoder_n_points=2, decoder_n_points=2,
    )  # fmt: skip
    transformers.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    images = transformers.GroundingDinoImageProcessor(
        size={"shortest_edge": SIDE, "longest_edge": 2 * SIDE}
    )
    transformers.GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def save_sam(folder: Path) -> Path:
    """A SAM."""
    vision = transformers.SamVisionConfig(
        hidden_size=16, output_channels=16, num_hidden_layers=1, num_attention_heads=2,
        image_size=64, patch_size=16, global_attn_indexes=[0], window_size=2, mlp_dim=16,
        num_pos_feats=8,
    )  # fmt: skip
    prompts = transformers.SamPromptEncoderConfig(
        hidden_size=16, image_size=64, patch_size=16, mask_input_channels=4
    )
    decoder = transformers.SamMaskDecoderConfig(
        hidden_size=16, mlp_dim=16, num_hidden_layers=1, num_attention_heads=2,
        iou_head_depth=1, iou_head_hidden_dim=16,
    )  # fmt: skip
    config = transformers.SamConfig(
        vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
    )
    transformers.SamModel(config).save_pretrained(folder)
    images = transformers.SamImageProcessor(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}
    )
    transformers.SamProcessor(images).save_pretrained(folder)
    return folder


def save_sam2(folder: Path) -> Path:
    """A SAM 2."""
    backbone = {
        "model_type": "sam2_hiera_det_model", "hidden_size": 8, "image_size": [64, 64],
        "blocks_per_stage": [1, 1, 2, 1], "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 1, 1], "global_attention_blocks": [3],
        "window_size_per_stage": [4, 4, 4, 4],
        "window_positional_embedding_background_size": [4, 4],
    }  # fmt: skip
    config = transformers.Sam2Config(
        vision_config={
            "backbone_config": backbone, "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]], "fpn_hidden_size": 16,
        },
        prompt_encoder_config={
            "hidden_size": 16, "image_size": 64, "patch_size": 16, "mask_input_channels": 4,
        },
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "iou_head_depth": 2, "iou_head_hidden_dim": 16,
        },
    )  # fmt: skip
    transformers.Sam2Model(config).save_pretrained(folder)
    images = transformers.Sam2ImageProcessor(
        size={"height": 64, "width": 64}, mask_size={"height": 16, "width": 16}
    )
    transformers.Sam2Processor(images).save_pretrained(folder)
    return folder
