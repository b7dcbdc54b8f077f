"""What one picture of a video shows by itself, beside the background before it."""

import msgspec
import numpy as np
from jaxtyping import UInt8

from embodied_mem.config import Config
from embodied_mem.video.samples import shrink
from perception.video.background import Background, BackgroundConfig, Foreground
from perception.video.colours import ColouredThingsConfig, colour_terms, coloured_things
from perception.video.detecting import VideoDetector
from perception.video.follower import FollowerConfig
from perception.video.look import Look
from perception.video.movers import MoversConfig, movers
from perception.video.sighting import Sighting


class WatcherConfig(Config, frozen=True):
    """How a video is looked at."""

    side: int = 160
    """Longer side of the pictures in which motion and colours are looked for [px]."""
    background: BackgroundConfig = BackgroundConfig()
    movers: MoversConfig = MoversConfig()
    things: ColouredThingsConfig = ColouredThingsConfig()
    follow_movers: FollowerConfig = FollowerConfig(confirmed=0.5, reach=0.3)
    follow_things: FollowerConfig = FollowerConfig(confirmed=0.5)
    stay: float = 2.0
    """What moves beside another mover for less long is a part or a shadow of it [s]."""
    steady: float = 0.7
    """Least share of the pictures that show a thing, for it to be told of."""
    beginning: float = 1.0
    """What is there so soon was there from the start [s]."""
    lately: float = 5.0
    """What moved so long ago at most may be what covers a thing [s]."""


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be seen in one picture."""

    movers: list[Sighting]
    things: list[Sighting]
    steady: bool
    """Whether the camera stands still."""
    motion: float
    """Share of the picture that moves."""
    vector: np.ndarray
    """How it looks, of unit length, float32."""


class Eye:
    """Looks at pictures of one part of a video, one after another.

    It remembers the background, and what a detector keeps of the pictures before.
    """

    def __init__(
        self,
        config: WatcherConfig,
        look: Look,
        detector: VideoDetector | None = None,
        *,
        outlined: bool = False,
    ):
        """Begin.

        Args:
            config: How to look.
            look: Describes a whole picture.
            detector: Finds things, in place of what moves and of patches of one colour.
            outlined: Whether the masks of those are kept.
        """
        self.config = config
        self._look = look
        self._background = Background(config.background)
        self._detector, self._outlined = detector, outlined
        if detector is not None:
            detector.begin()

    def learn(self, rgb: UInt8[np.ndarray, "h w 3"], stamp: float) -> None:
        """Learn from a picture that is not looked at."""
        self._background(shrink(rgb, self.config.side), stamp)
        if self._detector is not None:
            self._detector.learn(rgb, stamp)

    def __call__(self, rgb: UInt8[np.ndarray, "h w 3"], stamp: float) -> Glance:
        """Look at the next picture."""
        small = shrink(rgb, self.config.side)
        front = self._background(small, stamp)
        moving, things = self._found(rgb, small, front, stamp)
        return Glance(
            movers=moving,
            things=things,
            steady=front.steady,
            motion=float(front.mask.mean()),
            vector=self._look(rgb, front.mask),
        )

    def _found(
        self,
        rgb: UInt8[np.ndarray, "h w 3"],
        small: UInt8[np.ndarray, "p q 3"],
        front: Foreground,
        stamp: float,
    ) -> tuple[list[Sighting], list[Sighting]]:
        """Return what moves by itself, and other things."""
        if self._detector is not None:
            return self._detector(rgb, stamp)
        config, outlined = self.config, self._outlined
        terms = colour_terms(small)
        moving = movers(front.mask, terms, config.movers, outlined=outlined)
        if not front.steady:
            return moving, []
        return moving, coloured_things(small, terms, config.things, outlined=outlined)
