"""Outlines what is in a box: SAM, SAM 2 and their kin (arXiv:2304.02643, arXiv:2408.00714)."""

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from embodied_mem.runtime.hugging_face import load_model
from perception.box_masks import box_window
from perception.devices import computing, memory_explained
from perception.precision import Precision

_BOXES_AT_ONCE = 16
"""Bounds the memory of the mask decoder; the image is looked at once."""


class MaskModel:
    """A promptable segmenter from a folder on this machine."""

    def __init__(self, folder: str, device: torch.device, precision: Precision = "float32"):
        """Load the model.

        Raises:
            ConfigError: The model is of another kind.
            MissingExtraError: transformers is not installed.
            WeightsError: The folder is missing, holds no model, or a damaged one.
        """
        self._device = device
        self._precision: Precision = precision
        self._model, self._processor, _ = load_model(folder, "mask", device)

    @torch.inference_mode()
    def __call__(
        self, rgb: UInt8[np.ndarray, "h w 3"], boxes: Float[np.ndarray, "n 4"]
    ) -> Bool[np.ndarray, "n h w"]:
        """Return the mask of what each box is about; nothing of it lies outside the box.

        Args:
            rgb: The image.
            boxes: x1, y1, x2, y2 [px].

        Raises:
            DetectorError: The device's memory is full.
        """
        masks = np.zeros((len(boxes), *rgb.shape[:2]), dtype=bool)
        seen = None
        with (
            memory_explained("the mask model", "Make precision bf16, or take a smaller model."),
            computing(self._device, self._precision),
        ):
            for first in range(0, len(boxes), _BOXES_AT_ONCE):
                part = slice(first, first + _BOXES_AT_ONCE)
                inputs = self._processor(
                    images=rgb, input_boxes=[boxes[part].tolist()], return_tensors="pt"
                ).to(self._device)
                sizes = {
                    name: inputs.pop(name)
                    for name in ("original_sizes", "reshaped_input_sizes")
                    if name in inputs
                }
                pixels = inputs.pop("pixel_values")
                if seen is None:
                    seen = self._model.get_image_embeddings(pixels)
                output = self._model(**inputs, image_embeddings=seen, multimask_output=False)
                drawn = self._processor.post_process_masks(output.pred_masks.float(), **sizes)
                masks[part] = drawn[0][:, 0].cpu().numpy()
        inside = np.zeros_like(masks)
        for i, box in enumerate(boxes):
            inside[i][box_window(box, *rgb.shape[:2])] = True
        return masks & inside
