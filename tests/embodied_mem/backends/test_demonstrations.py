"""Demonstrations on disk."""

from pathlib import Path

import numpy as np
import pytest
from cue_task import demonstration
from safetensors.numpy import save_file

from embodied_mem.backends.demonstrations import Task, read_demonstrations, write_demonstrations
from embodied_mem.errors import StoreError, StoreFormatError

TASK = Task(name="cue", instruction="touch it")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = [demonstration(0, steps=5), demonstration(1, steps=8)]
    write_demonstrations(tmp_path / "a.safetensors", TASK, written)
    task, read = read_demonstrations(tmp_path / "a.safetensors")
    assert task == TASK
    for one, other in zip(written, read, strict=True):
        for name in ("frames", "proprio", "actions", "executed", "options"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        for name in ("cue", "reveal", "seed", "success"):
            assert getattr(one, name) == getattr(other, name)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read demonstrations"):
        read_demonstrations(tmp_path / "missing.safetensors")
    save_file({"x": np.zeros(1)}, tmp_path / "other.safetensors", metadata={"a": "b"})
    with pytest.raises(StoreFormatError, match="no demonstrations of this version"):
        read_demonstrations(tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(StoreFormatError, match="damaged"):
        read_demonstrations(tmp_path / "broken.safetensors")
