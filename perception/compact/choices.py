"""Which frames and objects a batch shows, and how its pictures move: numbers, not yet pictures.

Places are in the coordinates of `grid_sample`, -1 to 1 from edge to edge. A placement maps places
in the picture that the network is shown to places in the film's.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from perception.compact.film_bank import FilmBank
from perception.compact.sampling_config import SamplingConfig

ABSENT = 1023
"""Id of no thing: stands for objects that a clip lacks."""
PASTED = 512
"""Ids of what is laid over a clip count on from this."""
LAYERS = 2
"""Things that are laid over a clip at most."""
_TRIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One thing of another film for each clip, cut out along its mask."""

    frames: Int64[np.ndarray, "b"]
    """Where it is cut from."""
    ids: Int64[np.ndarray, "b"]
    """What is cut out; `ABSENT` where nothing is."""
    placement: Float32[np.ndarray, "b t 2 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A batch of b clips of t frames with n objects."""

    frames: Int64[np.ndarray, "b t"]
    objects: Int64[np.ndarray, "b n"]
    placement: Float32[np.ndarray, "b t 2 3"]
    layers: tuple[Layer, ...]
    remembered: tuple[int, ...]
    """Frames after the first that are remembered."""


def choose(
    bank: FilmBank, config: SamplingConfig, share: float, rng: np.random.Generator
) -> Choice:
    """Decide on a batch.

    Args:
        bank: The films.
        config: How batches are made.
        share: Of the training that is done, 0..1.
        rng: Decides.
    """
    t = config.frames[min(int(share * len(config.frames)), len(config.frames) - 1)]
    b = config.load // t
    gap = round(config.gaps[0] + share * (config.gaps[1] - config.gaps[0]))
    odds = np.array(config.objects) / sum(config.objects)
    n = 1 + int(rng.choice(len(odds), p=odds))
    frames, natives = zip(*(_clip(bank, config, t, gap, rng) for _ in range(b)), strict=True)
    shown = np.stack(frames)
    still = (rng.random(b) < config.still) | (shown == shown[:, :1]).all(axis=1)
    shown[still] = shown[still, :1]
    laid = [still | (rng.random(b) < config.occluded), still & (rng.random(b) < 0.5)]
    layers = tuple(_layer(bank, laid[k], still, t, rng) for k in range(LAYERS))
    objects = np.full((b, n), ABSENT)
    for row in range(b):
        ids = [int(i) for i in natives[row]]
        if still[row]:  # What is laid over comes first: it moves by itself.
            pasted = [PASTED + k for k in range(LAYERS) if layers[k].ids[row] != ABSENT]
            ids = pasted + ids[: int(rng.integers(0, 3))]
        objects[row, : min(n, len(ids))] = ids[:n]
    middles = bank.centres[shown[:, 0], [int(ids[0]) for ids in natives]]
    most = min(config.remembered, t - 2)
    remembered = tuple(sorted(rng.choice(np.arange(1, t - 1), most, replace=False).tolist()))
    return Choice(
        frames=shown,
        objects=objects,
        placement=_crops(bank, config, middles, still, t, rng),
        layers=layers,
        remembered=remembered,
    )


def _clip(
    bank: FilmBank, config: SamplingConfig, t: int, gap: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose frames of a film, forwards or backwards, and things in the first in random order."""
    frames = np.zeros(t, int)
    for _ in range(_TRIES):
        film = int(rng.integers(len(bank.starts)))
        steps = np.concatenate(([0], np.cumsum(rng.integers(1, gap + 1, t - 1))))
        length = int(bank.lengths[film])
        if steps[-1] >= length:
            steps = np.linspace(0, length - 1, t).round().astype(int)
        frames = bank.starts[film] + int(rng.integers(length - steps[-1])) + steps
        if rng.random() < 0.4:
            frames = frames[::-1].copy()
        area = bank.areas[frames[0], 1:]
        fitting = 1 + np.flatnonzero((area >= config.least_area) & (area <= config.most_area))
        if len(fitting):
            return frames, rng.permutation(fitting)
    return frames, np.array([0])


def _crops(
    bank: FilmBank,
    config: SamplingConfig,
    middles: np.ndarray,
    still: np.ndarray,
    t: int,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "b t 2 3"]:
    """Cut out around a thing, rotated, mirrored at times, drifting; still frames drift farther."""
    b = len(middles)
    aspect = bank.ids.shape[1] / bank.ids.shape[2]
    drift = np.where(still, 1.0, 0.25)[:, None]
    path = _paths(b, t, rng) * drift[:, :, None]  # (b, t, 4): x, y, size, angle
    low, high = np.log(config.zoom)
    size = np.exp(rng.uniform(low, high, (b, 1)) + 0.25 * path[..., 2])
    angle = rng.uniform(-1, 1, (b, 1)) * config.turn + 20 * path[..., 3]
    room = np.maximum(1 - size[:, :1] * (aspect, 1), 0)  # (b, 2)
    aim = middles + rng.uniform(-0.6, 0.6, (b, 2)) * size[:, :1] * (aspect, 1)
    centre = np.clip(aim, -room, room)[:, None] + 0.35 * path[..., :2] * size[..., None]
    mirror = np.where(rng.random((b, 1)) < 0.5, -1.0, 1.0)
    return _placement(centre, size, np.radians(angle), mirror, aspect)


def _layer(
    bank: FilmBank,
    on: np.ndarray,
    still: np.ndarray,
    t: int,
    rng: np.random.Generator,
) -> Layer:
    """Choose what is laid over each clip, and its way: about the picture, or across it."""
    b, aspect = len(on), bank.ids.shape[1] / bank.ids.shape[2]
    frames = rng.integers(len(bank.areas), size=b)
    ids = np.full(b, ABSENT)
    for row in np.flatnonzero(on):
        area = bank.areas[frames[row], 1:]
        fitting = 1 + np.flatnonzero((area > 0.002) & (area < 0.2))
        if len(fitting):
            ids[row] = rng.choice(fitting)
    cut = np.where(ids == ABSENT, 0, ids)
    area = np.maximum(bank.areas[frames, cut], 1e-3)
    wanted = np.exp(rng.uniform(np.log(0.01), np.log(0.12), b))
    path = _paths(b, t, rng)
    size = np.sqrt(area / (aspect * wanted))[:, None] * np.exp(0.2 * path[..., 2])
    across = _across(b, t, rng)
    about = rng.uniform(-0.6, 0.6, (b, 1, 2)) + 0.7 * path[..., :2]
    way = np.where(still[:, None, None], about, across)
    angle = rng.uniform(-30, 30, (b, 1)) + 40 * path[..., 3]
    mirror = np.where(rng.random((b, 1)) < 0.5, -1.0, 1.0)
    placement = _placement(np.zeros((b, t, 2)), size, np.radians(angle), mirror, aspect)
    # The middle of what is cut out lies where the way is: p + A (x - way).
    moved = bank.centres[frames, cut][:, None] - np.einsum("btij,btj->bti", placement[..., :2], way)
    placement[..., 2] = moved
    return Layer(frames=frames, ids=ids, placement=placement.astype(np.float32))


def _paths(b: int, t: int, rng: np.random.Generator) -> np.ndarray:
    """Four smooth numbers for each clip that begin at zero: a trend and a swing, (b, t, 4)."""
    share = np.linspace(0, 1, t)[None, :, None]
    pace = np.exp(rng.normal(-0.7, 0.8, (b, 1, 1)))
    phase, cycles = rng.uniform(0, 2 * np.pi, (b, 1, 4)), rng.uniform(0.3, 1.5, (b, 1, 4))
    swing = np.sin(2 * np.pi * cycles * share + phase) - np.sin(phase)
    return pace * (rng.normal(0, 0.6, (b, 1, 4)) * share + rng.normal(0, 0.35, (b, 1, 4)) * swing)


def _across(b: int, t: int, rng: np.random.Generator) -> np.ndarray:
    """Straight ways through the picture, from outside to outside, (b, t, 2)."""
    angle = rng.uniform(0, 2 * np.pi, b)
    ahead = np.stack((np.cos(angle), np.sin(angle)), axis=1)[:, None]
    beside = np.stack((-np.sin(angle), np.cos(angle)), axis=1)[:, None] * rng.uniform(
        -0.7, 0.7, (b, 1, 1)
    )
    share = np.linspace(-1, 1, t)[None, :, None] * rng.uniform(0.5, 1.6, (b, 1, 1))
    return ahead * (share + rng.uniform(-0.6, 0.6, (b, 1, 1))) + beside


def _placement(
    centre: np.ndarray, size: np.ndarray, angle: np.ndarray, mirror: np.ndarray, aspect: float
) -> Float32[np.ndarray, "b t 2 3"]:
    """Scale, rotate and shift; rotations are rigid in pixels, whatever the film's aspect.

    Args:
        centre: Where the middle of the new picture is (b, t, 2).
        size: Height of the new picture, in heights of the film's (b, t).
        angle: (b, t) [rad].
        mirror: -1 where left and right change places (b, 1).
        aspect: Height over width of the film's picture.
    """
    cos, sin = np.cos(angle) * size, np.sin(angle) * size
    upper = np.stack((cos * mirror * aspect, -sin * aspect, centre[..., 0]), axis=-1)
    lower = np.stack((sin * mirror, cos, centre[..., 1]), axis=-1)
    return np.stack((upper, lower), axis=-2).astype(np.float32)
