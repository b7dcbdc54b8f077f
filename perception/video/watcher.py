"""Pictures of a part of a video in; what came, moved, was hidden and went out, as events."""

import numpy as np
from jaxtyping import UInt8

from perception.video.eye import Eye, WatcherConfig
from perception.video.look import Look
from perception.video.teller import Seen, Teller


class Watcher:
    """Looks at the pictures of one video, one after another, and tells what they mean."""

    def __init__(self, video: int, config: WatcherConfig, look: Look, *, prefix: str | None = None):
        """Begin.

        Args:
            video: Its number in the index.
            config: How to look.
            look: Describes a whole picture.
            prefix: Of the ids of things; of the video by default.
        """
        self._eye = Eye(config, look)
        self._teller = Teller(video, config, prefix=prefix)

    def __call__(self, rgb: UInt8[np.ndarray, "h w 3"], stamp: float) -> Seen:
        """Look at the next picture."""
        return self._teller(self._eye(rgb, stamp), stamp)

    def finish(self, stamp: float) -> Seen:
        """Tell what the end of the part ends."""
        return self._teller.finish(stamp)
