"""Finds what words name: any zero-shot detector of `transformers`, from a local folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64

from embodied_mem.errors import ConfigError
from embodied_mem.runtime.hugging_face import load_model
from embodied_mem.runtime.torchvision_ops import suppress
from embodied_mem.types import Frame
from perception.box_masks import masks_in_boxes
from perception.detections import Detections
from perception.devices import choose_device, computing, memory_explained
from perception.label_map import called, folded, label_of, vocabulary_in_words
from perception.mask_model import MaskModel
from perception.open_vocabulary_config import OpenVocabularyConfig

_READS_PHRASES = ("grounding-dino", "mm-grounding-dino")
"""Kinds whose answer is a phrase out of the prompts, all of which they read as one text."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """n boxes that a detector drew in one image, for the words that it was asked for."""

    boxes: Float[np.ndarray, "n 4"]
    """x1, y1, x2, y2 [px]."""
    scores: Float[np.ndarray, "n"]
    words: Int64[np.ndarray, "n"]
    """Number of the label that was asked for."""

    def take(self, rows: np.ndarray) -> "Boxes":
        """Return the boxes at `rows`, in that order."""
        return Boxes(self.boxes[rows], self.scores[rows], self.words[rows])


class OpenVocabulary:
    """Finds things by name."""

    def __init__(self, config: OpenVocabularyConfig):
        """Load the models.

        Raises:
            ConfigError: There is no such device, or a model is of another kind.
            MissingExtraError: transformers is not installed.
            WeightsError: A folder is missing, holds no model, or a damaged one.
        """
        self.config = config
        self.labels: tuple[str, ...] = config.labels or tuple(vocabulary_in_words())
        self._device = choose_device(config.device)
        self._model, self._processor, self._kind = load_model(config.model, "detect", self._device)
        self._outline = (
            MaskModel(config.masks, self._device, config.precision) if config.masks else None
        )

    def __call__(self, frame: Frame) -> Detections:
        """Find the things in one frame.

        Raises:
            DetectorError: The device's memory is full.
        """
        return self.batch([frame])[0]

    @torch.inference_mode()
    def batch(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the things in several frames at once, which may differ in size.

        Raises:
            DetectorError: The device's memory is full.
        """
        advice = "Make prompts_per_pass smaller, precision bf16, or batches shorter."
        found: list[list[Boxes]] = [[] for _ in frames]
        with (
            memory_explained(f"the detector, given {len(frames)} frames,", advice),
            computing(self._device, self.config.precision),
        ):
            for first, prompts in self._passes():
                for boxes, one in zip(found, self._pass(frames, prompts, first), strict=True):
                    boxes.append(one)
        return [
            self._detections(frame, strongest(boxes, self.config))
            for frame, boxes in zip(frames, found, strict=True)
        ]

    def _passes(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the prompts of each pass, after the number of the first one."""
        step = self.config.prompts_per_pass
        for first in range(0, len(self.labels), step):
            chosen = self.labels[first : first + step]
            yield first, [self.config.template.format(label.strip(" .")) for label in chosen]

    def _pass(self, frames: Sequence[Frame], prompts: list[str], first: int) -> list[Boxes]:
        """Look for some prompts in all frames."""
        inputs = self._processor(
            images=[frame.rgb for frame in frames],
            text=[prompts] * len(frames),
            return_tensors="pt",
            **({} if self._kind in _READS_PHRASES else {"truncation": True}),
        ).to(self._device)
        phrases = self._kind in _READS_PHRASES
        if phrases:
            self._check_length(inputs["input_ids"].shape[1], len(prompts))
        outputs = self._processor.post_process_grounded_object_detection(
            self._model(**inputs),
            threshold=self.config.score,
            target_sizes=[frame.rgb.shape[:2] for frame in frames],
            text_labels=[prompts] * len(frames),
            **({"text_threshold": self.config.text_score} if phrases else {}),
        )
        return [boxes_of(output, prompts, first) for output in outputs]

    def _check_length(self, tokens: int, prompts: int) -> None:
        most = self._model.config.max_text_len
        if tokens > most:
            raise ConfigError(
                f"{prompts} prompts make a text of {tokens} tokens, and this model reads {most}. "
                "Make prompts_per_pass smaller, or labels shorter."
            )

    def _detections(self, frame: Frame, boxes: Boxes) -> Detections:
        masks = (
            self._outline(frame.rgb, boxes.boxes)
            if self._outline
            else masks_in_boxes(frame, boxes.boxes)
        )
        return named(boxes, masks, self.labels, self.config)


def boxes_of(output: Mapping[str, Any], prompts: Sequence[str], first: int) -> Boxes:
    """Read one image's output of a processor; boxes whose words are none of the prompts are left.

    Args:
        output: `boxes` (n, 4), `scores` (n,) and `text_labels`, n texts.
        prompts: What was asked for.
        first: Number of the first of them among all labels.
    """
    words = [match_phrase(text, prompts) for text in output["text_labels"]]
    kept = np.array([i for i, word in enumerate(words) if word is not None], dtype=int)
    return Boxes(
        output["boxes"].float().cpu().numpy().reshape(-1, 4)[kept],
        output["scores"].double().cpu().numpy().clip(0, 1)[kept],
        np.array([first + word for word in words if word is not None], dtype=np.int64),
    )


def match_phrase(phrase: str, prompts: Sequence[str]) -> int | None:
    """Return the number of the prompt that a phrase means: itself, or the one most like it.

    Detectors that read all prompts as one text may answer with part of one, or with words of two.
    """
    said = folded(phrase.strip(" ."))
    asked = [folded(prompt) for prompt in prompts]
    if said in asked:
        return asked.index(said)
    words = set(said.split())
    likeness = [len(words & set(a.split())) / len(words | set(a.split())) for a in asked]
    best = int(np.argmax(likeness))
    return best if likeness[best] > 0 else None


def strongest(passes: Sequence[Boxes], config: OpenVocabularyConfig) -> Boxes:
    """Join the boxes of all passes and keep one for each thing, the most certain first."""
    boxes = Boxes(
        np.concatenate([one.boxes for one in passes]),
        np.concatenate([one.scores for one in passes]),
        np.concatenate([one.words for one in passes]),
    )
    order = np.argsort(-boxes.scores, kind="stable")[: 20 * config.max_detections]
    boxes = boxes.take(order)
    kept = suppress(
        torch.from_numpy(boxes.boxes).double(), torch.from_numpy(boxes.scores), config.overlap
    )
    return boxes.take(kept.numpy()[: config.max_detections])


def named(
    boxes: Boxes,
    masks: Bool[np.ndarray, "n h w"],
    labels: tuple[str, ...],
    config: OpenVocabularyConfig,
) -> Detections:
    """Return boxes and their masks as detections; those with too few pixels are dropped."""
    kept = np.flatnonzero(masks.sum(axis=(1, 2)) >= max(config.min_pixels, 1))
    texts = [labels[int(word)] for word in boxes.words[kept]]
    names = [label_of(text, config.rename) for text in texts]
    return Detections(
        masks=masks[kept],
        labels=tuple(names),
        scores=boxes.scores[kept],
        attributes=tuple(called(t, name) for t, name in zip(texts, names, strict=True)),
    )
