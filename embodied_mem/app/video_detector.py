"""What finds and names the things of a video, as the command line asks for it."""

import hashlib
from pathlib import Path
from typing import assert_never

import msgspec

from embodied_mem.app.video_commands import VideoRemember
from embodied_mem.config import load_config
from embodied_mem.errors import ConfigError
from embodied_mem.runtime.hugging_face import model_folder
from perception.feature_bank_config import FeatureBankConfig
from perception.open_vocabulary_config import OpenVocabularyConfig
from perception.torchvision_config import TorchvisionConfig
from perception.video.detecting import VideoDetectorConfig
from perception.video.likeness import weights_digest
from perception.weights import RELEASES, find_weights


def chosen_detector(command: VideoRemember) -> VideoDetectorConfig | None:
    """Return the detector that is asked for, if one is; its paths as they are on this machine.

    Raises:
        ConfigError: Its file cannot be read, or it can have no bank and one is asked for.
    """
    if command.detector is None:
        if command.bank:
            raise ConfigError("`--bank` needs `--detector`, one of torchvision's.")
        return None
    config = VideoDetectorConfig(perception=TorchvisionConfig())
    if command.detector != "torchvision":
        config = load_config(command.detector, VideoDetectorConfig)
    perception = config.perception
    if command.bank:
        if not isinstance(perception, TorchvisionConfig):
            raise ConfigError("`--bank` is of torchvision's detectors alone.")
        perception = msgspec.structs.replace(
            perception, bank=perception.bank or FeatureBankConfig()
        )
    return msgspec.structs.replace(config, perception=_absolute(perception))


def detector_name(config: VideoDetectorConfig) -> str:
    """Return what tells a detector from others: its settings, with digests for its files.

    Raises:
        ConfigError: A file cannot be read.
        WeightsError: The weights are missing, or others than were meant.
    """
    change, perception = msgspec.structs.replace, config.perception
    match perception:
        case TorchvisionConfig(bank=bank):
            if bank is not None and bank.weights is not None:
                bank = change(bank, weights=_digest(bank.weights, bank.sha256), sha256=None)
            digest = _digest(perception.weights, perception.sha256)
            known = change(perception, weights=digest, sha256=None, bank=bank, lift=None)
        case OpenVocabularyConfig(masks=masks):
            outlines = None if masks is None else _folder_digest(masks)
            digest = _folder_digest(perception.model)
            known = change(perception, model=digest, masks=outlines, lift=None)
        case _:
            assert_never(perception)
    return msgspec.json.encode(change(config, perception=known)).decode()


def _digest(weights: str, sha256: str | None) -> str:
    return weights_digest(str(find_weights(weights, sha256=sha256)))


def _folder_digest(folder: str) -> str:
    """Return one digest of the names and contents of a model's files."""
    path = model_folder(folder)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [f"{file.relative_to(path).as_posix()} {weights_digest(str(file))}" for file in files]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def _absolute(
    perception: TorchvisionConfig | OpenVocabularyConfig,
) -> TorchvisionConfig | OpenVocabularyConfig:
    """Return a config that means the same files in any folder: a worker's is another one."""
    change = msgspec.structs.replace
    if isinstance(perception, OpenVocabularyConfig):
        masks = None if perception.masks is None else _resolved(perception.masks)
        return change(perception, model=_resolved(perception.model), masks=masks)
    bank = perception.bank
    if bank is not None and bank.weights is not None:
        bank = change(bank, weights=_resolved(bank.weights))
    return change(perception, weights=_resolved(perception.weights), bank=bank)


def _resolved(path: str) -> str:
    return path if path in RELEASES else str(Path(path).expanduser().resolve())
