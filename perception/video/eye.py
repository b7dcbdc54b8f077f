"""What one picture of a video shows by itself, beside the background before it."""

import msgspec
import numpy as np
from jaxtyping import UInt8

from embodied_mem.config import Config
from embodied_mem.video.samples import shrink
from perception.video.background import Background, BackgroundConfig
from perception.video.colours import ColouredThingsConfig, colour_terms, coloured_things
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
    """Looks at pictures of one video, one after another; it remembers the background alone."""

    def __init__(self, config: WatcherConfig, look: Look):
        """Begin.

        Args:
            config: How to look.
            look: Describes a whole picture.
        """
        self.config = config
        self._look = look
        self._background = Background(config.background)

    def learn(self, rgb: UInt8[np.ndarray, "h w 3"], stamp: float) -> None:
        """Learn the background from a picture that is not looked at."""
        self._background(shrink(rgb, self.config.side), stamp)

    def __call__(self, rgb: UInt8[np.ndarray, "h w 3"], stamp: float) -> Glance:
        """Look at the next picture."""
        small = shrink(rgb, self.config.side)
        terms = colour_terms(small)
        front = self._background(small, stamp)
        return Glance(
            movers=movers(front.mask, terms, self.config.movers),
            things=coloured_things(small, terms, self.config.things) if front.steady else [],
            steady=front.steady,
            motion=float(front.mask.mean()),
            vector=self._look(rgb, front.mask),
        )
