"""Time that goes on from session to session, although a sensor's clock may start anew."""

from embodied_mem.config import Config


class ClockConfig(Config, frozen=True):
    """When a clock has started anew."""

    jitter: float = 1.0
    """Stamps that go back by less are late frames of the same session [s]."""
    gap: float = 60.0
    """Time that is taken to lie between two sessions when the clock does not tell [s]."""


class SessionClock:
    """Turns the stamps of a source into the memory's time, which never starts anew.

    A source that counts on (the wall clock) is taken as it is. One that starts at zero in each
    session is shifted, so that the session begins `gap` after what was last remembered.
    """

    def __init__(self, config: ClockConfig | None = None):
        self.config = config or ClockConfig()
        self.restore(0, 0.0)

    def restore(self, session: int, stamp: float) -> None:
        """Go on after the newest stored stamp [s]; the next percept begins a session."""
        self.session = session
        """Number of the session; 0 before the first percept."""
        self._newest = stamp
        self._offset = 0.0
        self._begun = False

    def begin(self) -> None:
        """Let the next percept begin a session."""
        self._begun = False

    def take(self, stamp: float) -> tuple[float, bool]:
        """Take in a percept's stamp.

        Args:
            stamp: Of the percept, on its source's clock [s].

        Returns:
            The memory's time [s], and whether a session begins.
        """
        time = stamp + self._offset
        restarted = self.session > 0 and time < self._newest - self.config.jitter
        begins = restarted or not self._begun
        if restarted or (begins and self.session > 0 and time <= self._newest):
            self._offset = self._newest + self.config.gap - stamp
            time = stamp + self._offset
        self.session += begins
        self._begun = True
        self._newest = max(self._newest, time)
        return time, begins

    def at(self, stamp: float) -> float:
        """Return the memory's time for a stamp of this session [s]."""
        return stamp + self._offset
