"""Pictures and masks of a batch, made on the device from what was chosen."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from perception.compact.choices import ABSENT, PASTED, Layer, choose
from perception.compact.film_bank import FilmBank
from perception.compact.sampling_config import SamplingConfig
from perception.xmem.images import DEVIATION, MEAN


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from."""

    images: Float[Tensor, "b t 3 s s"]
    """Normalised."""
    masks: Float[Tensor, "b t n s s"]
    remembered: tuple[int, ...]


class BatchMaker:
    """Makes batches of films; the same chance gives the same batch."""

    def __init__(self, bank: FilmBank, config: SamplingConfig) -> None:
        self._bank, self._config = bank, config
        self._device = bank.rgb.device

    def draw(self, share: float, chance: tuple[int, int]) -> Batch:
        """Make the batch of a step.

        Args:
            share: Of the training that is done, 0..1.
            chance: Seed, and number of the step.
        """
        rng = np.random.default_rng(chance)
        generator = torch.Generator(self._device).manual_seed(int(rng.integers(1 << 62)))
        choice = choose(self._bank, self._config, share, rng)
        rgb, ids = self._film(choice.frames, choice.placement, outside="reflection")
        for number, layer in enumerate(choice.layers):
            rgb, ids = self._overlaid(rgb, ids, layer, PASTED + number)
        b, t = choice.frames.shape
        objects = torch.from_numpy(choice.objects).to(self._device)
        masks = ids.unflatten(0, (b, t))[:, :, None] == objects[:, None, :, None, None]
        seen = (
            masks[:, :1].flatten(3).any(dim=3)[..., None, None]
        )  # What begins later is not given.
        images = _recoloured(rgb.unflatten(0, (b, t)), rng, generator)
        return Batch(images, (masks & seen).float(), choice.remembered)

    def _film(
        self, frames: np.ndarray, placement: np.ndarray, *, outside: str
    ) -> tuple[Float[Tensor, "f 3 s s"], Int64[Tensor, "f s s"]]:
        """Cut pictures and ids out of frames of films."""
        at = torch.from_numpy(frames.reshape(-1)).to(self._device)
        theta = torch.from_numpy(placement.reshape(-1, 2, 3)).to(self._device)
        side = self._config.crop
        grid = functional.affine_grid(theta, [len(at), 1, side, side], align_corners=False)
        rgb = functional.grid_sample(
            self._bank.rgb[at].float() / 255, grid, padding_mode=outside, align_corners=False
        )
        ids = functional.grid_sample(
            self._bank.ids[at][:, None].float(),
            grid,
            mode="nearest",
            padding_mode=outside,
            align_corners=False,
        )
        return rgb, ids[:, 0].long()

    def _overlaid(
        self, rgb: Tensor, ids: Tensor, layer: Layer, number: int
    ) -> tuple[Tensor, Tensor]:
        """Lay one thing of another film over each clip that gets one, as the given id."""
        rows = np.flatnonzero(layer.ids != ABSENT)
        if not len(rows):
            return rgb, ids
        t = layer.placement.shape[1]
        frames = np.repeat(layer.frames[rows, None], t, axis=1)
        new, cut = self._film(frames, layer.placement[rows], outside="zeros")
        wanted = torch.from_numpy(np.repeat(layer.ids[rows], t)).to(self._device)
        where = cut == wanted[:, None, None]
        at = torch.from_numpy((rows[:, None] * t + np.arange(t)).reshape(-1)).to(self._device)
        rgb[at] = torch.where(where[:, None], new, rgb[at])
        ids[at] = torch.where(where, number, ids[at])
        return rgb, ids


def _recoloured(
    rgb: Float[Tensor, "b t 3 s s"], rng: np.random.Generator, generator: torch.Generator
) -> Float[Tensor, "b t 3 s s"]:
    """Change light and colours by clip, light a little by frame; add noise, normalise."""
    b, t = rgb.shape[:2]

    def drawn(*shape: int) -> Tensor:
        values = torch.from_numpy(rng.uniform(-1, 1, shape).astype(np.float32)).to(rgb.device)
        return values.reshape(*shape, *(1,) * (5 - len(shape)))

    grey = rgb.mean(dim=2, keepdim=True)
    saturation = torch.where(drawn(b) > 0.9, torch.zeros_like(drawn(b)), 1 + 0.4 * drawn(b))
    rgb = grey + (rgb - grey) * saturation
    rgb = rgb * (1 + 0.3 * drawn(b, 1, 1)) * (1 + 0.06 * drawn(b, 1, 3)) * (1 + 0.04 * drawn(b, t))
    rgb = 0.5 + (rgb - 0.5) * (1 + 0.3 * drawn(b)) + 0.08 * drawn(b)
    noise = torch.randn(rgb.shape, generator=generator, device=rgb.device)
    rgb = (rgb + noise * 0.025 * drawn(b).abs()).clamp(0, 1)
    mean, deviation = (rgb.new_tensor(part)[:, None, None] for part in (MEAN, DEVIATION))
    return (rgb - mean) / deviation
