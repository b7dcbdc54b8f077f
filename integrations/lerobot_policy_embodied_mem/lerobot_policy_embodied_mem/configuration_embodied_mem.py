"""What LeRobot's command line can be told of the policy."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.types import NormalizationMode
from lerobot.optim.optimizers import AdamWConfig
from lerobot.optim.schedulers import DiffuserSchedulerConfig

from embodied_mem.config import load_config
from embodied_mem.errors import ConfigError
from planners.diffusion.batches import FELT
from planners.diffusion.network import PolicyConfig
from planners.diffusion.weights import PolicyCard, load_policy


@PreTrainedConfig.register_subclass("embodied_mem")
@dataclass
class EmbodiedMemConfig(PreTrainedConfig):
    """A policy that remembers. Fields of LeRobot's own keep their meaning."""

    normalization_mapping: dict[str, NormalizationMode] = field(
        default_factory=lambda: dict.fromkeys(
            ("VISUAL", "STATE", "ACTION"), NormalizationMode.IDENTITY
        )
    )
    """The network scales by itself; LeRobot asks for this when it goes on with a checkpoint."""
    weights: str | None = None
    """File of `embodied-mem train policy` to begin with."""
    made_of: str | None = None
    """YAML file of a `PolicyConfig`, for a policy that begins anew."""
    card: str | None = None
    """What the network is, as JSON; filled in."""
    camera: str | None = None
    """Feature that is seen; None: the only one."""
    state_columns: list[int] | None = field(default_factory=lambda: list(FELT))
    """Columns of the state that the network is told; None: all."""
    window: int = 25
    """Frames up to the present one that are remembered in training."""
    executed: int = 1
    """Actions of a chunk that are done before the next is drawn."""
    guidance: float = 1.5
    """How far past the unconditional prediction to go."""
    repeats: int = 4
    """Draws of noise for each chunk."""
    dropped: float = 0.1
    """Share of chunks whose condition is left out."""
    guess: float = 1.0
    """Weight of the guess from the condition alone."""
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warm_up_steps: int = 60

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < 1:
            raise ConfigError(f"a window has 1 or more frames, got {self.window}.")
        if self.card is None and self.weights is not None:
            card, _ = load_policy(Path(self.weights))
            self.card = msgspec.json.encode(card).decode()

    def _save_pretrained(self, save_directory: Path) -> None:
        """Save without paths: what they say is in the card and in the weights beside it."""
        plain = replace(self, weights=None, made_of=None)
        super(EmbodiedMemConfig, plain)._save_pretrained(save_directory)

    def network_card(self) -> PolicyCard | None:
        """Return what the network is, if that is known yet."""
        return None if self.card is None else msgspec.json.decode(self.card, type=PolicyCard)

    def policy(self) -> PolicyConfig:
        """Return what the network is made of."""
        card = self.network_card()
        if card is not None:
            return card.policy
        return PolicyConfig() if self.made_of is None else load_config(self.made_of, PolicyConfig)

    @property
    def observation_delta_indices(self) -> list[int]:
        """Frames before the present one, and it."""
        return list(range(1 - self.window, 1))

    @property
    def action_delta_indices(self) -> list[int]:
        """The actions of a chunk."""
        return list(range(self.policy().head.chunk))

    @property
    def reward_delta_indices(self) -> None:
        """None are asked for."""
        return

    def get_optimizer_preset(self) -> AdamWConfig:
        """As `embodied-mem train policy` does it."""
        return AdamWConfig(
            lr=self.learning_rate, weight_decay=self.weight_decay, grad_clip_norm=1.0
        )

    def get_scheduler_preset(self) -> DiffuserSchedulerConfig:
        """Rise in a line, then fall along half a cosine."""
        return DiffuserSchedulerConfig(name="cosine", num_warmup_steps=self.warm_up_steps)

    def validate_features(self) -> None:
        """See that there is an image, a state and an action.

        Raises:
            ConfigError: One is missing.
        """
        self.seen()
        if self.robot_state_feature is None or self.action_feature is None:
            raise ConfigError(
                "the policy needs the features `observation.state` and `action`, got "
                f"{sorted([*(self.input_features or {}), *(self.output_features or {})])}."
            )

    def seen(self) -> str:
        """Return the feature that is seen.

        Raises:
            ConfigError: There is none, or there are several.
        """
        cameras = sorted(self.image_features)
        if self.camera is not None and self.camera in cameras:
            return self.camera
        if self.camera is not None or len(cameras) != 1:
            raise ConfigError(
                "the policy sees one camera: set `camera` to one of "
                f"{', '.join(cameras) or '(the data have none)'}, got {self.camera}."
            )
        return cameras[0]
