"""A vision-language model of `transformers` as a policy's encoder, as in MemoryVLA.

Its vision tower's grid of features, as the model's own projector gets it, goes through the
squeeze-and-excite bottleneck to perceptual tokens. The last layer's hidden state at the end of the
prompt becomes the cognitive token (arXiv:2508.19236, section 3.1). Other than there, the cognitive
token is narrowed, and the robot's own state is added to it.

Axes: b images, n perceptual tokens, p, c their widths, v, h widths of the tower and of the language
model, l tokens of a prompt.
"""

import math

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError
from planners.diffusion.encoder import Bottleneck, proprioception, standing_out
from planners.diffusion.pretrained import Colour, Trunk, gradients, squared
from planners.diffusion.vlm_folder import built_network, loaded_state


class VlmArchitecture(Config, frozen=True):
    """What a model's folder says of it."""

    network: str
    """Its config.json."""
    prompts: tuple[tuple[int, ...], ...]
    """Tokens of the prompt for each instruction, with the one that ends it."""
    before: int
    """How many of them come before the image: the one that begins a text, if there is one."""
    mean: Colour
    """Of the colours that it was trained on."""
    deviation: Colour
    """Likewise."""


class VlmEncoderConfig(Config, frozen=True, tag="vlm"):
    """A vision-language model from a folder on this machine."""

    folder: str
    """As `save_pretrained` writes it; needed when training begins, and not at a robot."""
    pretrained: bool = True
    """Whether training begins with the folder's weights; else they are drawn."""
    frozen: bool = True
    """Whether the model stays as it is."""
    perceptual: int = 32
    """Width of a perceptual token."""
    cognitive: int = 64
    """Width of the cognitive token."""
    prompt: str = "In: What action should the robot take to {instruction}?\nOut:"
    architecture: VlmArchitecture | None = None
    """What the folder says; training fills it in."""

    def __post_init__(self) -> None:
        if "{instruction}" not in self.prompt:
            raise ConfigError(
                f"vlm.prompt must say where the instruction goes, by {{instruction}}, "
                f"got '{self.prompt}'."
            )


class VlmEncoder(nn.Module):
    """What is seen, and what it means for the task, by a vision-language model.

    Args:
        proprio: Numbers that tell of the robot's own state.
        config: Which model, and sizes.

    Raises:
        ConfigError: What the folder says is not known yet, or is of a kind that is not supported.
        MissingExtraError: transformers is not installed.
    """

    ids: Tensor
    used: Tensor

    def __init__(self, *, proprio: int, config: VlmEncoderConfig) -> None:
        super().__init__()
        said = config.architecture
        if said is None:
            raise ConfigError(
                "what vision-language model this is is not known yet: training reads it from "
                "the folder. Train with `embodied-mem train policy`."
            )
        self.trunk = VlmTrunk(built_network(said.network), said.before, frozen=config.frozen)
        self.places = self.trunk.side**2
        self.bottleneck = Bottleneck(self.trunk.seen_width, config.perceptual)
        self.place = nn.Parameter(torch.randn(1, self.places, config.perceptual) * 0.1)
        self.meant = nn.Linear(self.trunk.meant_width, config.cognitive)
        self.felt = proprioception(proprio, config.cognitive)
        self.normal = nn.LayerNorm(config.cognitive)
        self._mean, self._deviation = said.mean, said.deviation
        longest = max(map(len, said.prompts))
        ids = [[*prompt, *[0] * (longest - len(prompt))] for prompt in said.prompts]
        used = [[place < len(prompt) for place in range(longest)] for prompt in said.prompts]
        self.register_buffer("ids", torch.tensor(ids), persistent=False)
        self.register_buffer("used", torch.tensor(used), persistent=False)

    def scaled(
        self,
        images: UInt8[Tensor, "b h w 3"],
        usual: Float[Tensor, "h w 3"],  # noqa: ARG002 - the model was trained without.
    ) -> Float[Tensor, "b y x 3"]:
        """Bring images to the size and colours that the model expects."""
        size = self.trunk.image_size
        return squared(images, (size, size), self._mean, self._deviation)

    def forward(
        self,
        pixels: Float[Tensor, "b y x 3"],
        proprio: Float[Tensor, "b m"],
        instructions: Int[Tensor, "b"],
    ) -> tuple[Float[Tensor, "b n p"], Float[Tensor, "b 1 c"]]:
        """Encode; pixels and proprioception are scaled."""
        grid, hidden = self.trunk(
            pixels.permute(0, 3, 1, 2), self.ids[instructions], self.used[instructions]
        )
        tokens = standing_out(self.bottleneck(grid).flatten(2).transpose(1, 2)) + self.place
        return tokens, self.normal(self.meant(hidden) + self.felt(proprio))[:, None]

    def begin(self, config: VlmEncoderConfig) -> None:
        """Begin with the folder's weights, if the config says so.

        Raises:
            WeightsError: They are missing or damaged.
        """
        if config.pretrained:
            self.trunk.network.load_state_dict(loaded_state(config.folder))


class VlmTrunk(Trunk):
    """A vision-language model: the tower's grid, and the hidden state at the prompt's end.

    Args:
        network: It.
        before: Tokens of a prompt that come before the image.
        frozen: Whether it stays as it is.

    Raises:
        ConfigError: Its tower's grid is not square.
    """

    def __init__(self, network: nn.Module, before: int, *, frozen: bool) -> None:
        super().__init__(network, frozen=frozen)
        config = network.config
        tower = config.vision_config  # pyright: ignore
        layers = getattr(config, "vision_feature_layer", -1)
        self._before = before
        self._tells_kinds = config.model_type == "paligemma"  # pyright: ignore
        self.image_size: int = tower.image_size  # pyright: ignore
        self.side: int = self.image_size // tower.patch_size  # pyright: ignore
        self.seen_width: int = tower.hidden_size * (  # pyright: ignore
            1 if isinstance(layers, int) else len(layers)  # pyright: ignore[reportArgumentType]
        )
        self.meant_width: int = config.get_text_config().hidden_size  # pyright: ignore

    def forward(
        self,
        pixels: Float[Tensor, "b 3 y x"],
        ids: Int[Tensor, "b l"],
        used: Bool[Tensor, "b l"],
    ) -> tuple[Float[Tensor, "b v s s"], Float[Tensor, "b h"]]:
        """Read an image and a prompt; prompts are padded at their ends."""
        with gradients(self):
            seen, projected = self._seen(pixels)
            words = self.network.get_input_embeddings()(ids)  # pyright: ignore
            inputs = torch.cat(
                [words[:, : self._before], projected.to(words.dtype), words[:, self._before :]], 1
            )
            places = projected.shape[1]
            mask = torch.cat([used.new_ones(len(used), places), used], 1)
            # Images and prompts are read in both directions where a model was trained so.
            kinds = {"token_type_ids": mask.new_zeros(mask.shape, dtype=torch.long)}
            hidden = self.network(
                inputs_embeds=inputs,
                attention_mask=mask.long(),
                use_cache=False,
                **(kinds if self._tells_kinds else {}),
            ).last_hidden_state
            last = places + used.sum(1) - 1
            meant = hidden[torch.arange(len(hidden), device=hidden.device), last]
        return self._grid(seen), meant

    def _seen(
        self, pixels: Float[Tensor, "b 3 y x"]
    ) -> tuple[Float[Tensor, "b n v"], Float[Tensor, "b n h"]]:
        """Return what the model's projector gets, and what it makes of it."""
        given: list[Tensor] = []
        projector: nn.Module = self.network.multi_modal_projector  # pyright: ignore
        handle = projector.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        try:
            projected = self.network.get_image_features(pixels).pooler_output  # pyright: ignore
        finally:
            handle.remove()
        return given[0], projected if isinstance(projected, Tensor) else torch.stack(projected)

    def _grid(self, seen: Float[Tensor, "b n v"]) -> Float[Tensor, "b v s s"]:
        side = math.isqrt(seen.shape[1])
        if side != self.side or side**2 != seen.shape[1]:
            raise ConfigError(
                f"the model's vision tower must give a grid of {self.side} x {self.side} "
                f"features, got {seen.shape[1]}."
            )
        return seen.transpose(1, 2).unflatten(2, (side, side))
