"""What a zero-shot detector can be told."""

import msgspec

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from perception.lift import LiftConfig
from perception.precision import Precision


class OpenVocabularyConfig(Config, frozen=True, tag="open_vocabulary"):
    """A zero-shot detector: OWL-ViT, OWLv2, Grounding DINO, OmDet-Turbo."""

    model: str
    """Folder of the detector, with its config, weights, preprocessor and tokenizer."""
    masks: str | None = None
    """Folder of a SAM or SAM 2 that outlines what is in each box; null cuts boxes by depth."""
    labels: tuple[str, ...] | None = None
    """What to look for, in words; AI2-THOR's vocabulary when null."""
    template: str = "{}"
    """Sentence that each label is put into; OWL-ViT was trained on `a photo of a {}`."""
    rename: dict[str, str] = msgspec.field(default_factory=dict)
    """Labels of detections by the words in `labels`, before AI2-THOR's names."""
    prompts_per_pass: int = 32
    """Labels that are looked for at once; more are looked for in several passes."""
    score: float = 0.25
    """Less certain detections are dropped, 0..1; OWL-ViT's scores are lower, 0.1 suits it."""
    text_score: float = 0.25
    """Grounding DINO's threshold for which words a box stands for, 0..1."""
    overlap: float = 0.6
    """Of two boxes with a larger intersection over union the less certain one goes, 0..1."""
    device: str = "cpu"
    """`cpu`, `cuda`, `cuda:1`."""
    precision: Precision = "float32"
    """float32, or half precision where that is safe."""
    max_detections: int = 100
    """Most detections in one frame."""
    min_pixels: int = 12
    """Smaller masks are dropped [px]."""
    lift: LiftConfig | None = LiftConfig()
    """How masks are placed in the world; null leaves them without points."""

    def __post_init__(self) -> None:
        for name in ("score", "text_score", "overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"open_vocabulary.{name} must lie in 0..1, got {getattr(self, name)}."
                )
        if self.prompts_per_pass < 1 or self.max_detections < 1:
            raise ConfigError("open_vocabulary needs prompts_per_pass and max_detections >= 1.")
        if self.template.count("{}") != 1:
            raise ConfigError(
                "open_vocabulary.template must hold {} once, where the label goes, got "
                f"'{self.template}'."
            )
        if self.labels is not None and not all(label.strip(" .") for label in self.labels or ("",)):
            raise ConfigError(f"open_vocabulary.labels must be words, got {self.labels}.")
