"""What a policy may remember with: a bank, a recurrent network of the same size, or nothing.

Axes: b episodes, t steps, q steps asked about, n perceptual tokens, m cognitive tokens, d, e
widths.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from embodied_mem.config import Config
from embodied_mem.memory.cognitive_bank import BankConfig, BankState, CognitiveBank


class LstmConfig(Config, frozen=True, tag="lstm"):
    """A recurrent network instead of the bank."""

    width: int | None = None
    """Numbers that it remembers; None: so many that it has as many parameters as a bank has."""


class ForgetfulConfig(Config, frozen=True, tag="none"):
    """No memory: what is not seen now does not count."""


MemoryConfig = BankConfig | LstmConfig | ForgetfulConfig

NAMED: dict[str, MemoryConfig] = {
    "bank": BankConfig(),
    "lstm": LstmConfig(),
    "none": ForgetfulConfig(),
}
"""What each is called on the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LstmState:
    """What a recurrent network remembers of a batch of episodes."""

    hidden: Float[Tensor, "1 b w"]
    cell: Float[Tensor, "1 b w"]


MemoryState = BankState | LstmState | None


class LstmMemory(nn.Module):
    """Remembers the cognitive token and the largest of the perceptual ones in one vector.

    Their mean says nothing: it is taken off by the encoder.

    Args:
        perceptual: Width of a perceptual token.
        cognitive: Width of a cognitive token.
        width: Numbers that it remembers.
    """

    def __init__(self, *, perceptual: int, cognitive: int, width: int) -> None:
        super().__init__()
        self._perceptual, self._width = perceptual, width
        self.network = nn.LSTM(perceptual + cognitive, width, batch_first=True)
        self.out = nn.Linear(width, perceptual + cognitive)

    def initial(
        self,
        perceptual: Float[Tensor, "b n d"],
        cognitive: Float[Tensor, "b m e"],  # noqa: ARG002
    ) -> LstmState:
        """Return the memory of episodes that begin."""
        nothing = perceptual.new_zeros(1, len(perceptual), self._width)
        return LstmState(hidden=nothing, cell=nothing)

    def step(
        self,
        state: LstmState,
        perceptual: Float[Tensor, "b n d"],
        cognitive: Float[Tensor, "b m e"],
        *,
        times: Float[Tensor, "b"],  # noqa: ARG002 - it counts by itself.
        begins: Bool[Tensor, "b"],
        overwrites: bool = False,  # noqa: ARG002 - it is small.
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b m e"], LstmState]:
        """Remember, and mix in what is remembered."""
        kept = ~begins[None, :, None]
        seen, meant, after = self._run(
            perceptual[:, None], cognitive[:, None], (state.hidden * kept, state.cell * kept)
        )
        return seen[:, 0], meant[:, 0], LstmState(hidden=after[0], cell=after[1])

    def sequence(
        self,
        perceptual: Float[Tensor, "b t n d"],
        cognitive: Float[Tensor, "b t m e"],
        times: Float[Tensor, "b t"],  # noqa: ARG002
        asked: Int[Tensor, "b q"] | None = None,
    ) -> tuple[Float[Tensor, "b q n d"], Float[Tensor, "b q m e"]]:
        """Do what `step` does for each step of whole episodes, or for those asked about."""
        seen, meant, _ = self._run(perceptual, cognitive, None)
        return chosen_steps(seen, asked), chosen_steps(meant, asked)

    def _run(
        self, perceptual: Tensor, cognitive: Tensor, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        summary = torch.cat([perceptual.amax(2), cognitive.mean(2)], -1)
        with torch.autocast(summary.device.type, enabled=False):  # Not all kernels know bfloat16.
            hidden, after = self.network(summary.to(self.out.weight.dtype), state)
        seen, meant = self.out(hidden).split(
            [self._perceptual, summary.shape[-1] - self._perceptual], -1
        )
        return perceptual + seen[:, :, None], cognitive + meant[:, :, None], after


class NoMemory(nn.Module):
    """Leaves tokens as they are."""

    def initial(
        self,
        perceptual: Float[Tensor, "b n d"],  # noqa: ARG002
        cognitive: Float[Tensor, "b m e"],  # noqa: ARG002
    ) -> None:
        """Return nothing: there is no state."""
        return

    def step(
        self,
        state: None,
        perceptual: Float[Tensor, "b n d"],
        cognitive: Float[Tensor, "b m e"],
        *,
        times: Float[Tensor, "b"],  # noqa: ARG002
        begins: Bool[Tensor, "b"],  # noqa: ARG002
        overwrites: bool = False,  # noqa: ARG002
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b m e"], None]:
        """Pass on what is seen now."""
        return perceptual, cognitive, state

    def sequence(
        self,
        perceptual: Float[Tensor, "b t n d"],
        cognitive: Float[Tensor, "b t m e"],
        times: Float[Tensor, "b t"],  # noqa: ARG002
        asked: Int[Tensor, "b q"] | None = None,
    ) -> tuple[Float[Tensor, "b q n d"], Float[Tensor, "b q m e"]]:
        """Pass on what is seen at each step, or at those asked about."""
        return chosen_steps(perceptual, asked), chosen_steps(cognitive, asked)


def chosen_steps(
    values: Shaped[Tensor, "b t *rest"], asked: Int[Tensor, "b q"] | None
) -> Shaped[Tensor, "b q *rest"]:
    """Pick steps of each episode; None: all of them."""
    if asked is None:
        return values
    return values[torch.arange(len(asked), device=asked.device)[:, None], asked]


def build_memory(
    config: MemoryConfig, *, perceptual: int, cognitive: int
) -> CognitiveBank | LstmMemory | NoMemory:
    """Build what a config names, for tokens of these widths."""
    match config:
        case BankConfig():
            return CognitiveBank(perceptual=perceptual, cognitive=cognitive, config=config)
        case LstmConfig(width=width):
            if width is None:
                width = _as_large_as_a_bank(perceptual, cognitive)
            return LstmMemory(perceptual=perceptual, cognitive=cognitive, width=width)
        case ForgetfulConfig():
            return NoMemory()


def _as_large_as_a_bank(perceptual: int, cognitive: int) -> int:
    """Width at which a recurrent network has about the parameters of a bank."""
    with torch.device("meta"):
        bank = CognitiveBank(perceptual=perceptual, cognitive=cognitive, config=BankConfig())
    wanted = sum(p.numel() for p in bank.parameters())
    inputs = perceptual + cognitive
    # 4 w (w + inputs + 2) + (w + 1) inputs = wanted
    linear = 5 * inputs + 8
    return round((-linear + (linear**2 + 16 * (wanted - inputs)) ** 0.5) / 8)
