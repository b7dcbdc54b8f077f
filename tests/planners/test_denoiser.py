"""The action head: its published sizes, that it looks, and its samplers."""

import math
from typing import Literal

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from embodied_mem.errors import ConfigError
from planners.diffusion.denoiser import Block, Denoiser, DenoiserConfig, published
from planners.diffusion.noise import TIMES, SamplingConfig, corrupted, cosine_alphas
from planners.diffusion.sampling import built, sample


@pytest.mark.parametrize(
    ("size", "without", "with_perception"),
    [("S", 12.48, 16.1), ("B", 88.99, 117.6), ("L", 307.76, 408.8)],
)
def test_sizes_have_the_published_numbers_of_parameters(
    size: Literal["S", "B", "L"], without: float, with_perception: float
) -> None:
    config = published(size)
    # CogACT also counts an embedder of past actions that is never used.
    unused = 7 * config.width + config.width
    with torch.device("meta"):
        bare = Denoiser(actions=7, cognitive=4096, perceptual=None, config=config)
        looking = Denoiser(actions=7, cognitive=4096, perceptual=256, config=config)
    assert round((parameters(bare) + unused) / 1e6, 2) == without
    assert round((parameters(looking) + unused) / 1e6, 1) == with_perception


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_what_is_seen_learns_and_changes_the_actions() -> None:
    torch.manual_seed(0)
    head = Denoiser(actions=7, cognitive=8, perceptual=8, config=DenoiserConfig(depth=2, width=32))
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    noisy, seen = torch.randn(4, 8, 7), torch.randn(4, 5, 8, requires_grad=True)
    meant, times = torch.randn(4, 8), torch.full((4,), 50.0)
    for _ in range(3):
        optimizer.zero_grad()
        seen.grad = None
        (head(noisy, times, meant, seen) - noisy).square().mean().backward()
        optimizer.step()
    assert seen.grad is not None
    assert seen.grad.abs().max() > 1e-6
    for block in head.blocks:
        assert isinstance(block, Block)
        assert block.look is not None
        for part in (block.look.query, block.look.key, block.look.value):
            assert part.weight.grad is not None
            assert part.weight.grad.abs().max() > 0
    changed = head(noisy, times, meant, torch.randn(4, 5, 8)) - head(noisy, times, meant, seen)
    assert changed.abs().max() > 1e-3


def test_a_dropped_condition_does_not_count_but_what_is_seen_does() -> None:
    torch.manual_seed(0)
    head = Denoiser(actions=2, cognitive=8, perceptual=8, config=DenoiserConfig(depth=1, width=32))
    torch.nn.init.normal_(head.out.weight)
    noisy, times, dropped = torch.randn(2, 8, 2), torch.zeros(2), torch.tensor([True, False])
    seen, meant, other = torch.randn(2, 5, 8), torch.randn(2, 8), torch.randn(2, 8)
    first = head(noisy, times, meant, seen, dropped=dropped)
    second = head(noisy, times, other, seen, dropped=dropped)
    assert torch.equal(first[0], second[0])
    assert not torch.allclose(first[1], second[1])
    assert not torch.allclose(head(noisy, times, meant, seen + 1, dropped=dropped)[0], first[0])


def test_repeats_share_what_is_seen() -> None:
    torch.manual_seed(0)
    head = Denoiser(actions=2, cognitive=8, perceptual=8, config=DenoiserConfig(depth=2, width=32))
    torch.nn.init.normal_(head.out.weight)
    noisy, times, meant = torch.randn(6, 8, 2), torch.arange(6.0), torch.randn(6, 8)
    seen = torch.randn(2, 5, 8)
    shared = head(noisy, times, meant, seen)
    torch.testing.assert_close(shared, head(noisy, times, meant, seen.repeat(3, 1, 1)))


def test_noise_is_that_of_diffusers() -> None:
    theirs = DDIMScheduler(num_train_timesteps=TIMES, beta_schedule="squaredcos_cap_v2")
    torch.testing.assert_close(cosine_alphas(), theirs.alphas_cumprod, rtol=0, atol=1e-6)
    actions, noise = torch.randn(3, 8, 7), torch.randn(3, 8, 7)
    noisy, times, target = corrupted(
        actions, noise, torch.tensor([0.0, 0.505, 1.0]), "epsilon", cosine_alphas()
    )
    assert times.tolist() == [0, 50, 99]
    expected = theirs.add_noise(actions, noise, times.long())  # pyright: ignore
    torch.testing.assert_close(noisy, expected, rtol=0, atol=1e-5)
    assert torch.equal(target, noise)


def test_ddim_is_its_equation() -> None:
    torch.manual_seed(0)
    mix = torch.randn(7, 7) * 0.3
    noise = torch.randn(2, 8, 7)
    drawn = sample(lambda x, t: (x @ mix).tanh() + t[0] / 100, noise, SamplingConfig(steps=10))
    np.testing.assert_allclose(drawn.numpy(), ddim(mix.numpy(), noise.numpy()), rtol=0, atol=1e-5)


def ddim(mix: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Equation 12 of Song et al. (arXiv:2010.02502), without noise, in double precision."""
    left = [math.cos((t / TIMES + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(TIMES + 1)]
    alphas = np.cumprod([1 - min(1 - left[t + 1] / left[t], 0.999) for t in range(TIMES)])
    x = noise.astype(np.float64)
    for time in range(90, -1, -10):
        said = np.tanh(x @ mix.astype(np.float64)) + time / 100
        clean = (x - math.sqrt(1 - alphas[time]) * said) / math.sqrt(alphas[time])
        before = alphas[time - 10] if time else 1.0
        x = math.sqrt(before) * clean + math.sqrt(1 - before) * said
    return x


@pytest.mark.parametrize("solver", ["ddim", "dpm"])
def test_solvers_find_the_only_answer(solver: Literal["ddim", "dpm"]) -> None:
    answer, alphas = torch.rand(1, 8, 7) * 2 - 1, cosine_alphas()

    def predict(x: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        left = alphas[times.long()][:, None, None]
        return (x - left.sqrt() * answer) / (1 - left).sqrt()

    drawn = sample(predict, torch.randn(3, 8, 7), SamplingConfig(solver=solver))
    torch.testing.assert_close(drawn, answer.expand(3, -1, -1), rtol=0, atol=0.02)


@pytest.mark.parametrize(("solver", "steps"), [("ddim", 10), ("dpm", 5), ("dpm", 1), ("flow", 4)])
def test_chunks_are_those_of_the_scheduler_asked_at_each_step(
    solver: Literal["ddim", "dpm", "flow"], steps: int
) -> None:
    torch.manual_seed(0)
    mix, noise = torch.randn(7, 7) * 0.3, torch.randn(2, 8, 7)

    def predict(x: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        return (x @ mix).tanh() + times[:, None, None] / 100

    scheduler, told = built(solver, steps)
    x = noise
    for time, known in zip(torch.as_tensor(scheduler.timesteps), told, strict=True):
        x = scheduler.step(predict(x, known.expand(2)), time, x, return_dict=False)[0]  # pyright: ignore
    config = SamplingConfig(solver="dpm" if solver == "dpm" else "ddim", steps=steps)
    drawn = sample(predict, noise, config, "flow" if solver == "flow" else "epsilon")
    torch.testing.assert_close(drawn, x, rtol=1e-5, atol=1e-5 * float(x.abs().max()))


def test_a_flow_leads_to_the_only_answer() -> None:
    answer = torch.rand(1, 8, 7) * 2 - 1

    def predict(x: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        return (x - answer) / (times / TIMES)[:, None, None]

    drawn = sample(predict, torch.randn(3, 8, 7), SamplingConfig(steps=5), "flow")
    torch.testing.assert_close(drawn, answer.expand(3, -1, -1), rtol=0, atol=1e-4)
    noisy, times, target = corrupted(
        answer, torch.ones_like(answer), torch.tensor([0.25]), "flow", cosine_alphas()
    )
    torch.testing.assert_close(noisy, 0.75 * answer + 0.25)
    torch.testing.assert_close(target, 1 - answer)
    assert times.tolist() == [25]


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ConfigError, match="multiple of its 4 heads, got 30"):
        DenoiserConfig(width=30)
