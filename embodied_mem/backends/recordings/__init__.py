"""Recorded RGB-D folders as frames."""

from embodied_mem.backends.recordings.backend import RecordingBackend as RecordingBackend
from embodied_mem.backends.recordings.folder import RecordingWriter as RecordingWriter
from embodied_mem.backends.recordings.recording import Recording as Recording
from embodied_mem.backends.recordings.recording import RecordingConfig as RecordingConfig
