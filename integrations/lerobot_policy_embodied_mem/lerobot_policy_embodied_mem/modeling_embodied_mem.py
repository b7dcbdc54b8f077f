"""The policy as LeRobot trains and runs it.

Axes: b frames of a batch, t frames of a window, k actions of a chunk, a numbers each.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.pretrained import PreTrainedPolicy
from torch import Tensor

from embodied_mem.errors import ConfigError
from lerobot_policy_embodied_mem.configuration_embodied_mem import EmbodiedMemConfig
from lerobot_policy_embodied_mem.windows import pixels_of, window_groups
from planners.diffusion.encoders import begin, described
from planners.diffusion.loss import drawn_noise, policy_loss
from planners.diffusion.network import Interface, PolicyNetwork, Scales
from planners.diffusion.noise import SamplingConfig
from planners.diffusion.policy import PolicyAtWork
from planners.diffusion.weights import PolicyCard, load_policy

Statistics = dict[str, dict[str, Any]]
"""LeRobot's, of each feature."""


class EmbodiedMemPolicy(PreTrainedPolicy):
    """A policy that remembers.

    Args:
        config: What LeRobot was told.
        dataset_stats: Of the demonstrations, for a policy that begins anew.
        dataset_meta: Of the demonstrations; says which instructions there are.
    """

    config_class = EmbodiedMemConfig  # pyright: ignore[reportAssignmentType] - declared as None.
    name = "embodied_mem"  # pyright: ignore[reportAssignmentType]

    def __init__(
        self,
        config: PreTrainedConfig,
        dataset_stats: Statistics | None = None,
        dataset_meta: Any = None,
        **_: Any,
    ) -> None:
        super().__init__(config)
        assert isinstance(config, EmbodiedMemConfig)
        config.validate_features()
        self._told = config
        self.card, self.network = _network(config, dataset_stats, dataset_meta)
        self.network.requires_grad_(requires_grad=True)
        config.card = msgspec.json.encode(self.card).decode()
        self.reset()

    def get_optim_params(self) -> Any:
        """All of them."""
        return self.network.parameters()

    def reset(self) -> None:
        """Forget: episodes begin."""
        self._at_work: PolicyAtWork | None = None
        self._step = 0

    def forward(self, batch: dict[str, Any]) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Return the loss of a batch of windows, with the chunks that follow them."""
        config = self._told
        groups, asked = window_groups(
            images=batch[config.seen()],
            proprio=batch["observation.state"][..., self._columns(batch)],
            chunks=batch["action"],
            padded=batch[f"{config.seen()}_is_pad"],
            instructions=self._numbers(batch["task"]),
        )
        device = groups.images.device
        generator = torch.Generator(device).manual_seed(int(torch.randint(2**31, ())))
        noise = drawn_noise(groups, asked, generator, config.repeats)
        loss = policy_loss(
            self.network, groups, asked, noise, dropped=config.dropped, guess=config.guess
        )
        return loss, {"loss": float(loss.detach())}

    @torch.no_grad()
    def select_action(self, batch: dict[str, Any], **_: Any) -> Float[Tensor, "b a"]:
        """Take in a frame of each episode, and say what to do."""
        return self._asked(batch, whole=False)

    @torch.no_grad()
    def predict_action_chunk(self, batch: dict[str, Any], **_: Any) -> Float[Tensor, "b k a"]:
        """Take in a frame of each episode, and say what to do from it on."""
        return self._asked(batch, whole=True)

    def _asked(self, batch: dict[str, Any], *, whole: bool) -> Tensor:
        images = pixels_of(batch[self._told.seen()])
        if self._at_work is None:
            self._at_work = self._beginning(images.device, batch)
        count = len(images)
        act = self._at_work.chunk if whole else self._at_work.act
        actions = act(
            images.cpu().numpy(),
            batch["observation.state"].float().cpu().numpy(),
            _only(batch["task"]),
            steps=np.full(count, self._step, np.float32),
            begins=np.full(count, self._step == 0),
        )
        self._step += 1
        return torch.from_numpy(actions).to(images.device)

    def _beginning(self, device: torch.device, batch: dict[str, Any]) -> PolicyAtWork:
        return PolicyAtWork(
            (self.card, self.network),
            device=str(device),
            sampling=SamplingConfig(guidance=self._told.guidance),
            executed=self._told.executed,
            felt=self._columns(batch),
        )

    def _columns(self, batch: dict[str, Any]) -> list[int]:
        columns = self._told.state_columns
        return list(range(batch["observation.state"].shape[-1])) if columns is None else columns

    def _numbers(self, told: list[str]) -> Tensor:
        known = self.card.interface.instructions
        strange = sorted(set(told) - set(known))
        if strange:
            raise ConfigError(f"the policy was not trained to '{strange[0]}', but to {known}.")
        device = next(self.network.parameters()).device
        return torch.tensor([known.index(one) for one in told], device=device)


def _only(told: str | list[str]) -> str:
    instructions = {told} if isinstance(told, str) else set(told)
    if len(instructions) != 1:
        raise ConfigError(
            f"all episodes of a batch must be told the same, got {sorted(instructions)}."
        )
    return instructions.pop()


def _network(
    config: EmbodiedMemConfig, statistics: Statistics | None, meta: Any
) -> tuple[PolicyCard, PolicyNetwork]:
    """Build the network: of a file, of what was saved, or a new one for some data."""
    if config.weights is not None:
        return load_policy(Path(config.weights))
    card = config.network_card()
    if card is not None:  # LeRobot loads its weights afterwards.
        return card, card.build()
    if statistics is None or meta is None:
        raise ConfigError(
            "a policy that begins anew needs a dataset: its tasks and its statistics. "
            "Give `weights` otherwise."
        )
    card = _new_card(config, sorted(meta.tasks.index))
    network = card.build()
    begin(network.encoder, card.policy.encoder, card.interface.instructions, None)
    network.set_scales(_scales(config, card.interface, statistics))
    return card, network


def _new_card(config: EmbodiedMemConfig, instructions: list[str]) -> PolicyCard:
    state, action = config.robot_state_feature, config.action_feature
    assert state is not None
    assert action is not None
    _, height, width = config.image_features[config.seen()].shape
    policy = config.policy()
    encoder = described(policy.encoder, instructions, None)
    columns = config.state_columns
    return PolicyCard(
        policy=msgspec.structs.replace(policy, encoder=encoder),
        interface=Interface(
            instructions=tuple(instructions),
            height=height,
            width=width,
            proprio=state.shape[0] if columns is None else len(columns),
            actions=action.shape[0],
        ),
    )


def _scales(config: EmbodiedMemConfig, interface: Interface, statistics: Statistics) -> Scales:
    """Scales by LeRobot's statistics; what hardly varies is left as it is."""

    def of(feature: str, *names: str) -> Tensor:
        found = statistics[feature]
        name = next(name for name in names if name in found)
        return torch.as_tensor(np.asarray(found[name]), dtype=torch.float32)

    columns = config.state_columns or list(range(interface.proprio))
    low, high = of("action", "q01", "min"), of("action", "q99", "max")
    varies = high - low > 1e-3
    colour = 255 * of(config.seen(), "mean").flatten()
    return Scales(
        low=torch.where(varies, low, -1.0),
        high=torch.where(varies, high, 1.0),
        mean=of("observation.state", "mean")[columns],
        deviation=of("observation.state", "std")[columns].clamp(min=1e-3),
        usual=colour.expand(interface.height, interface.width, 3),
    )
