"""Demonstrations on the device that trains, and groups of their frames as it needs them.

A group is some frames of one episode in their order, with the times at which they were seen. Most
frames after the arm has moved give the answer away; so some of the frames that are learnt from are
always decisions: the first that shows the choice, with the arm still at rest.

Axes: n frames, e episodes, b groups, t frames of a group, q questions, k actions of a chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from embodied_mem.backends.demonstrations import Demonstration
from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from planners.diffusion.network import Scales

FELT = (0, 1, 2, 15)
"""Columns of a demonstration's proprioception that a policy is told: the tool's place, a finger."""

_AVERAGED = 1000
"""Frames, about, that the mean image is of."""

_SIDEWAYS = 1
"""The axis that a mirrored image turns around, of places and motions."""

_TURNED = (3, 5)
"""Angles that a mirrored image turns around, of actions."""


class SamplerConfig(Config, frozen=True):
    """How frames are chosen, and what is done to them."""

    group: int = 6
    """Frames of an episode at once: its first, its decision, and others by chance."""
    questions: int = 3
    """Frames of a group that an action chunk is asked for, drawn with replacement."""
    repeats: int = 4
    """Draws of noise for each of them: looking back costs more than the action head."""
    decisions: float = 0.5
    """Share of them that are decisions."""
    waiting: float = 0.1
    """Share of them that come before."""
    shift: int = 0
    """Images are moved by up to so much [px]."""
    mirror: bool = True
    """Whether half of the episodes are mirrored, left for right."""
    recoloured: float = 0.0
    """Share of episodes whose red, green and blue change places, all along and wherever they
    differ from the mean image: for tasks that ask which colours are the same, not which they
    are."""

    def __post_init__(self) -> None:
        if self.group < 2 or self.questions < 1 or self.repeats < 1:
            raise ConfigError(
                "training needs groups of 2 or more frames, 1 or more questions and repeats, "
                f"got {self.group}, {self.questions} and {self.repeats}."
            )
        if not 0 <= self.recoloured <= 1:
            raise ConfigError(
                f"the share of recoloured episodes must lie in [0, 1], got {self.recoloured}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Frames of some episodes, padded at their ends."""

    images: UInt8[Tensor, "b t h w 3"]
    proprio: Float[Tensor, "b t m"]
    instructions: Int[Tensor, "b"]
    times: Float[Tensor, "b t"]
    """Steps since the episode began."""
    chunks: Float[Tensor, "b t k a"]
    """What the expert would do from each frame on; past an episode's end, its last action."""
    used: Bool[Tensor, "b t"]
    """Which frames are no padding."""
    decision: Int[Tensor, "b"]
    """Which of the frames is the decision."""

    def rows(self, rows: slice) -> "Groups":
        """Return some of the groups."""
        return Groups(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


class DemonstrationSet:
    """All frames of some episodes.

    Args:
        episodes: At least one.
        instructions: Number of each episode's instruction.
        chunk: Actions of a chunk.
        device: Where they are kept.
    """

    def __init__(
        self,
        episodes: Sequence[Demonstration],
        instructions: Sequence[int],
        chunk: int,
        device: torch.device,
    ) -> None:
        if not episodes:
            raise ConfigError("training needs at least one episode.")
        self.episodes, self._chunk, self._device = episodes, chunk, device
        lengths = np.array([len(episode.frames) for episode in episodes])
        self._lengths = self._kept(lengths)
        self._starts = self._kept(np.cumsum(lengths) - lengths)
        self._reveals = self._kept(np.array([episode.reveal for episode in episodes]))
        self._instructions = self._kept(np.array(instructions))
        self._images = self._kept(np.concatenate([episode.frames for episode in episodes]))
        self._actions = self._kept(np.concatenate([episode.actions for episode in episodes]))
        proprio = np.concatenate([episode.proprio for episode in episodes])
        self._proprio = self._kept(proprio[:, FELT])
        self._usual = self._images[:: max(1, len(self._images) // _AVERAGED)].float().mean(0)

    def _kept(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def __len__(self) -> int:
        return len(self.episodes)

    def scales(self) -> Scales:
        """How large actions and states are; what hardly varies is left as it is."""
        low, high = (torch.quantile(self._actions, share, dim=0) for share in (0.01, 0.99))
        varies = high - low > 1e-3
        return Scales(
            low=torch.where(varies, low, -1.0),
            high=torch.where(varies, high, 1.0),
            mean=self._proprio.mean(0),
            deviation=self._proprio.std(0).clamp(min=1e-3),
            usual=self._usual,
        )

    def draw(self, count: int, config: SamplerConfig, generator: torch.Generator) -> Groups:
        """Draw groups from any episodes, moved and mirrored."""
        chosen = self._integers(len(self), (count,), generator)
        times = self._chosen_frames(chosen, config.group, generator)
        reach = 2 * config.shift + 1
        shifts = self._integers(reach, (2, count), generator) - config.shift
        mirrored = torch.zeros(count, dtype=torch.bool, device=self._device)
        if config.mirror:
            mirrored = self._integers(2, (count,), generator) > 0
        groups = self._gathered(chosen, times, shifts, mirrored)
        if config.recoloured:
            images = self._recoloured(groups.images, mirrored, config.recoloured, generator)
            groups = replace(groups, images=images)
        return groups

    def until_decision(self, chosen: Sequence[int]) -> Groups:
        """Return episodes as they are, up to their decisions and padded."""
        which = torch.tensor(list(chosen), device=self._device)
        last = self._reveals[which]
        times = torch.arange(int(last.max()) + 1, device=self._device).expand(len(which), -1)
        still = torch.zeros(2, len(which), dtype=torch.long, device=self._device)
        return self._gathered(
            which, torch.where(times <= last[:, None], times, -1), still, still[0] > 0
        )

    def _integers(
        self, high: int, shape: tuple[int, ...], generator: torch.Generator
    ) -> Int[Tensor, "..."]:
        return torch.randint(high, shape, generator=generator, device=self._device)

    def _chosen_frames(
        self, chosen: Int[Tensor, "b"], group: int, generator: torch.Generator
    ) -> Int[Tensor, "b t"]:
        """Frames of each episode in order: its first, its decision, others; -1 for padding."""
        longest = int(self._lengths.max())
        time = torch.arange(longest, device=self._device)[None]
        order = torch.rand(len(chosen), longest, generator=generator, device=self._device)
        order = torch.where((time == 0) | (time == self._reveals[chosen, None]), 2.0, order)
        order = torch.where(time < self._lengths[chosen, None], order, -1.0)
        best, frames = order.topk(min(group, longest), dim=1)
        frames = torch.where(best < 0, longest, frames).sort(dim=1).values
        return torch.where(frames < longest, frames, -1)

    def _gathered(
        self,
        chosen: Int[Tensor, "b"],
        times: Int[Tensor, "b t"],
        shifts: Int[Tensor, "2 b"],
        mirrored: Bool[Tensor, "b"],
    ) -> Groups:
        used = times >= 0
        times = times.clamp(min=0)
        starts, last = self._starts[chosen, None], self._lengths[chosen, None] - 1
        ahead = torch.arange(self._chunk, device=self._device)
        later = torch.minimum(times[..., None] + ahead, last[..., None])  # (b, t, k)
        sign = torch.where(mirrored, -1.0, 1.0)
        proprio = self._proprio[starts + times].clone()
        proprio[..., _SIDEWAYS] *= sign[:, None]
        chunks = self._actions[starts[..., None] + later].clone()
        for axis in (_SIDEWAYS, *_TURNED):
            chunks[..., axis] *= sign[:, None, None]
        decision = used & (times == self._reveals[chosen, None])
        return Groups(
            images=self._moved(starts + times, shifts, mirrored),
            proprio=proprio,
            instructions=self._instructions[chosen],
            times=times.float(),
            chunks=chunks,
            used=used,
            decision=decision.int().argmax(1),
        )

    def _moved(
        self, frames: Int[Tensor, "b t"], shifts: Int[Tensor, "2 b"], mirrored: Bool[Tensor, "b"]
    ) -> UInt8[Tensor, "b t h w 3"]:
        """Move and mirror whole episodes; what comes into view repeats the edge."""
        if not shifts.any():  # Much the faster way.
            images = self._images[frames]
            return torch.where(mirrored[:, None, None, None, None], images.flip(3), images)
        height, width = self._images.shape[1:3]
        rows = torch.arange(height, device=self._device) + shifts[0][:, None]
        columns = torch.arange(width, device=self._device) + shifts[1][:, None]
        columns = torch.where(mirrored[:, None], width - 1 - columns, columns)
        rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
        return self._images[
            frames[:, :, None, None], rows[:, None, :, None], columns[:, None, None, :]
        ]

    def _recoloured(
        self,
        images: UInt8[Tensor, "b t h w 3"],
        mirrored: Bool[Tensor, "b"],
        share: float,
        generator: torch.Generator,
    ) -> UInt8[Tensor, "b t h w 3"]:
        """Exchange the colours of some episodes' differences from the mean image."""
        options = {"generator": generator, "device": self._device}
        order = torch.rand(len(images), 3, **options).argsort(1)
        some = torch.rand(len(images), 1, **options) < share
        order = torch.where(some, order, torch.arange(3, device=self._device))
        usual = self._usual.round().short()
        usual = torch.where(mirrored[:, None, None, None], usual.flip(1), usual)[:, None]
        apart = images.short() - usual
        exchanged = apart.gather(4, order[:, None, None, None].expand(apart.shape))
        return (usual + exchanged).clamp(0, 255).byte()


def questions(
    groups: Groups, config: SamplerConfig, generator: torch.Generator
) -> Int[Tensor, "b q"]:
    """Choose the frames that chunks are asked for."""
    place = torch.arange(groups.used.shape[1], device=groups.used.device)[None]
    decision = groups.decision[:, None]
    parts = (
        (place == decision, config.decisions),
        ((place < decision) & groups.used, config.waiting),
        ((place > decision) & groups.used, 1 - config.decisions - config.waiting),
    )
    weights = sum(share * part / part.sum(1, keepdim=True).clamp(min=1) for part, share in parts)
    return torch.multinomial(
        torch.as_tensor(weights), config.questions, replacement=True, generator=generator
    )
