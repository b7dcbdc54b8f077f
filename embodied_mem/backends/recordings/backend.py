"""A recording as a backend: frames come as they were, whatever is done."""

import logging

from embodied_mem.backends.recordings.index import told
from embodied_mem.backends.recordings.recording import Recording, RecordingConfig
from embodied_mem.errors import BackendError
from embodied_mem.interfaces import Step
from embodied_mem.types import Action, Frame

_LOG = logging.getLogger(__name__)


class RecordingBackend:
    """Plays a recording; the step with its last frame is `done`, and so are those after it."""

    def __init__(self, config: RecordingConfig):
        """List what the recording holds.

        Raises:
            BackendError: It cannot be used; the message says why.
        """
        self._recording: Recording | None = Recording(config)
        self._reset: bool = False

    @property
    def recording(self) -> Recording:
        """What is played.

        Raises:
            BackendError: The backend was closed.
        """
        if self._recording is None:
            raise BackendError("this recording was closed; open it anew.")
        return self._recording

    def reset(self) -> Step:
        """Begin with the first frame.

        Raises:
            BackendError: No frame can be read.
        """
        self._frames = (frame for _, frame in self.recording.frames())
        self._next: Frame | None = next(self._frames)
        self._reset = True
        return self._advance()

    def step(self, action: Action) -> Step:  # noqa: ARG002 - the past does not listen.
        """Return the next frame; at the end the last one again."""
        self.recording  # noqa: B018 - Raises after `close`.
        if not self._reset:
            raise BackendError("no episode has begun: call `reset` first.")
        return self._advance()

    def close(self) -> None:
        """Let go of the files. May be called twice."""
        self._recording = None

    def _advance(self) -> Step:
        if self._next is not None:
            self._now, self._next = self._next, next(self._frames, None)
            if self._next is None and (skipped := self.recording.skipped):
                _LOG.warning("%s: left out %s.", self.recording.config.folder, told(skipped))
        return Step(frame=self._now, done=self._next is None)
