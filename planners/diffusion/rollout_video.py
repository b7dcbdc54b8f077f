"""An episode of a policy as a video: what it saw, enlarged, and what was decided, touched, reached.

What lies behind a picture is given by steps: a cue, then nothing, then the choice. Rings are drawn
only from the choice on, around things as they stand.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from embodied_mem.video.overlay import OverlayVideo
from planners.diffusion.trial import EpisodeOutcome, Moment, Seen, Trial

RATE = Fraction(5)
"""Steps shown in a second [Hz]: a quarter of the simulator's speed."""

_HELD = 8
"""Pictures for which the last step stays."""

_WIDTH = 640
"""Of the video, about [px]; a pixel of the image becomes a square of whole pixels."""
_HEADER, _FOOTER = 48, 84
"""Heights of what stands above and below the image [px]."""
_RING = 26
"""Radius of the inner ring [px]."""

_GROUND, _WORDS, _FAINT = (22, 24, 28), (238, 238, 238), (150, 154, 162)
_RIGHT, _WRONG = (90, 214, 120), (255, 120, 100)
_PHASES = {"cue": (86, 156, 240), "nothing": (122, 126, 134), "choice": (240, 180, 70)}


def phase(seen: Seen) -> str:
    """Name what is shown: the cue, nothing, or the choice."""
    if seen.step < seen.hides:
        return "cue"
    return "nothing" if seen.step < seen.reveal else "choice"


def file_name(outcome: EpisodeOutcome) -> str:
    """Name an episode's file; other weights and seeds have other names."""
    policy = outcome.policy.replace(".safetensors", "").replace(", ", "-")
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in policy)
    return f"{outcome.task}-{outcome.seed}-{kept}.mp4"


def write_rollout(path: Path, trial: Trial) -> None:
    """Write an episode as a video, whole or not at all.

    Raises:
        BackendError: The file cannot be written.
    """
    with OverlayVideo(path, RATE) as video:
        for step in range(len(trial.moments)):
            picture = draw(trial.moments, step)
            for _ in range(_HELD if step + 1 == len(trial.moments) else 1):
                video.write(picture)


def draw(moments: Sequence[Moment], step: int) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a step of an episode."""
    moment = moments[step]
    image = moment.seen.image
    scale = max(1, _WIDTH // image.shape[1])
    large = np.repeat(np.repeat(image, scale, 0), scale, 1)
    height, width = large.shape[:2]
    canvas = Image.new("RGB", (width, _HEADER + height + _FOOTER), _GROUND)
    canvas.paste(Image.fromarray(large), (0, _HEADER))
    pen = ImageDraw.Draw(canvas)
    _draw_header(pen, moment, moments[-1].seen.step)
    if moment.seen.step >= moment.seen.reveal:
        _draw_rings(pen, moment, scale, (width, height))
    _draw_footer(pen, moments, step, (width, _HEADER + height))
    return np.asarray(canvas)


def _draw_header(pen: ImageDraw.ImageDraw, moment: Moment, last: int) -> None:
    name = phase(moment.seen)
    pen.rounded_rectangle((12, 9, 132, 39), 8, _PHASES[name])
    pen.text((72, 24), name, _GROUND, _font(20), anchor="mm")
    pen.text((150, 24), f"step {moment.seen.step} of {last}", _WORDS, _font(20), anchor="lm")


def _draw_rings(
    pen: ImageDraw.ImageDraw, moment: Moment, scale: int, size: tuple[int, int]
) -> None:
    """Ring what was decided on, and, wider, what was touched; both green if it is right."""
    seen = moment.seen
    places = pixels(seen) * scale
    marks = [(moment.decision, _RING, "decided", -1), (moment.touched, _RING + 9, "touched", 1)]
    for thing, radius, words, side in marks:
        if thing is None or not np.isfinite(places[thing]).all():
            continue
        colour = _RIGHT if thing == seen.cue else _WRONG
        x, y = places[thing] + (0, _HEADER)
        pen.circle((x, y), radius + 2, outline=_GROUND, width=7)
        pen.circle((x, y), radius, outline=colour, width=4)
        half = pen.textlength(words, _font(16)) / 2 + 6
        x, y = min(max(x, half), size[0] - half), y + side * (_RING + 26)
        pen.rounded_rectangle((x - half, y - 12, x + half, y + 12), 6, _GROUND)
        pen.text((x, y), words, colour, _font(16), anchor="mm")


def _draw_footer(
    pen: ImageDraw.ImageDraw, moments: Sequence[Moment], step: int, corner: tuple[int, int]
) -> None:
    """Draw a line of time in the colours of phases, and say what is known so far."""
    width, top = corner
    share = (width - 24) / len(moments)
    for number, moment in enumerate(moments):
        left = 12 + number * share
        colour = _PHASES[phase(moment.seen)]
        if number > step:
            colour = tuple(2 * c // 5 for c in colour)
        pen.rectangle((left, top + 14, left + share - 3, top + 26), colour)
    moment = moments[step]
    said = (
        ("decided", _verdict(moment.decision, moment.seen.cue)),
        ("touched", _verdict(moment.touched, moment.seen.cue)),
        ("success", ("yes", _RIGHT) if moment.success else ("not yet", _FAINT)),
    )
    if step + 1 == len(moments) and not moment.success:
        said = (*said[:2], ("success", ("no", _WRONG)))
    for column, (what, (words, colour)) in enumerate(said):
        left = 12 + column * (width - 24) / 3
        pen.text((left, top + 56), f"{what}: ", _FAINT, _font(20), anchor="lm")
        left += pen.textlength(f"{what}: ", _font(20))
        pen.text((left, top + 56), words, colour, _font(20), anchor="lm")


def _verdict(thing: int | None, cue: int) -> tuple[str, tuple[int, int, int]]:
    if thing is None:
        return "nothing yet", _FAINT
    return ("right one", _RIGHT) if thing == cue else ("wrong one", _WRONG)


def pixels(seen: Seen) -> Float[np.ndarray, "o 2"]:
    """Where the things to choose from stand in the image, (column, row); NaN behind the camera."""
    places = np.concatenate([seen.options, np.ones((len(seen.options), 1))], 1)
    columns, rows, depth = (seen.camera @ places.T).astype(np.float64)
    depth = np.where(depth > 1e-6, depth, np.nan)
    return np.stack([columns / depth, rows / depth], 1)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
