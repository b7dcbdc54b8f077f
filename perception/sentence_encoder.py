"""Sentence vectors from a model on this machine, for `Memory.encoder`."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from embodied_mem.errors import ConfigError
from embodied_mem.runtime.torchvision_ops import ensure_torchvision


class SentenceEncoder:
    """A sentence-transformers model from a folder; nothing is ever downloaded."""

    def __init__(self, folder: str | Path, *, device: str = "cpu", batch: int = 64):
        """Load a model.

        Args:
            folder: As written by `SentenceTransformer.save`.
            device: Where it runs.
            batch: Texts at a time.

        Raises:
            ConfigError: There is no such folder, or no model in it.
        """
        path = Path(folder)
        if not (path / "modules.json").is_file():
            raise ConfigError(
                f"there is no sentence-transformers model in {path}: it has no modules.json. "
                "Give the folder that `SentenceTransformer.save` wrote; nothing is downloaded."
            )
        ensure_torchvision()
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - imports torchvision.

        try:
            self._model = SentenceTransformer(
                os.fspath(path), device=device, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"the model in {path} cannot be loaded: {error}.") from error
        self._batch = batch

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "n d"]:
        """Return one unit vector for each text."""
        if not texts:
            return np.zeros((0, 0), np.float32)
        vectors = self._model.encode(
            list(texts),
            batch_size=self._batch,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, np.float32)
