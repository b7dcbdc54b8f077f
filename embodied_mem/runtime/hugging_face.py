"""Models of `transformers` from folders on this machine: no network, no code of theirs."""

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError

from embodied_mem.errors import ConfigError, MissingExtraError, WeightsError
from embodied_mem.runtime.torchvision_ops import ensure_torchvision

Task = Literal["detect", "mask"]
"""detect: find things that words name; mask: outline what is in a box."""

_FAULTS = (OSError, KeyError, RuntimeError, TypeError, ImportError, ValueError, SafetensorError)
_FAULTS += (pickle.UnpicklingError,)
"""What reading a damaged folder may end in."""

OFFLINE = {"local_files_only": True, "trust_remote_code": False}
"""What every call of transformers' `from_pretrained` gets."""


def load_model(folder: str | Path, task: Task, device: torch.device) -> tuple[Any, Any, str]:
    """Load a model and what prepares its input.

    Args:
        folder: As `save_pretrained` wrote it, or as a model's repository is laid out.
        task: What the model must be able to do.
        device: Where it runs.

    Returns:
        The model, its processor, and its type, such as `owlv2`.

    Raises:
        ConfigError: The model is of another kind.
        MissingExtraError: transformers is not installed.
        WeightsError: There is no such folder, no model in it, or a damaged one.
    """
    path = model_folder(folder)
    ensure_torchvision()
    try:
        import transformers  # noqa: PLC0415 - an extra, which imports torchvision.
    except ImportError as error:
        raise MissingExtraError("detection by words", "words") from error

    auto = {
        "detect": transformers.AutoModelForZeroShotObjectDetection,
        "mask": transformers.AutoModelForMaskGeneration,
    }[task]
    with explained(path):
        kind = transformers.AutoConfig.from_pretrained(path, **OFFLINE).model_type
    _check_kind(path, kind, task)
    with explained(path), quiet(transformers.utils.logging):
        model, loading = auto.from_pretrained(path, output_loading_info=True, **OFFLINE)
        processor = transformers.AutoProcessor.from_pretrained(path, **OFFLINE)
    check_whole(path, loading)
    return model.to(device).eval(), processor, kind


def model_folder(folder: str | Path) -> Path:
    """Return the folder of a model.

    Raises:
        WeightsError: There is no model in it.
    """
    path = Path(folder).expanduser()
    if not (path / "config.json").is_file():
        raise WeightsError(
            f"there is no model in {path}: it has no config.json. Give a folder on this machine "
            "with a model's files (config.json, model.safetensors, preprocessor and tokenizer "
            "files); nothing is fetched."
        )
    return path


@contextmanager
def quiet(logging: Any) -> Iterator[None]:
    """Leave progress to the caller, and what is missing to `check_whole`."""
    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Tell in one sentence what transformers finds wrong with a folder."""
    try:
        yield
    except _FAULTS as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise WeightsError(f"the model in {path} cannot be loaded: {reason}") from error


_ABLE = {"detect": "find things by words", "mask": "outline what is in a box"}


def _check_kind(path: Path, kind: str, task: Task) -> None:
    from transformers.models.auto import modeling_auto  # noqa: PLC0415 - an extra.

    known = {
        "detect": modeling_auto.MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES,
        "mask": modeling_auto.MODEL_FOR_MASK_GENERATION_MAPPING_NAMES,
    }[task]
    if kind not in known:
        raise ConfigError(
            f"the model in {path} is a '{kind}', which cannot {_ABLE[task]}. "
            f"Kinds that can: {', '.join(sorted(known))}."
        )


def check_whole(path: Path, loading: Mapping[str, Any]) -> None:
    """Refuse a model of which tensors are missing: transformers would draw them at random."""
    missing = sorted(map(str, loading.get("missing_keys", ())))
    if missing:
        raise WeightsError(
            f"the model in {path} lacks {len(missing)} of its tensors, `{missing[0]}` first. "
            "Fetch its files again."
        )
