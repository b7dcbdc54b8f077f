"""Averaging chunks of the last steps: the equation, beginnings, and a policy that does it."""

import math

import msgspec
import numpy as np
import pytest
import torch
from cue_task import INSTRUCTION, demonstration
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.app.eval_policy import execution
from embodied_mem.app.policy_commands import Eval
from embodied_mem.errors import ConfigError
from planners.diffusion.denoiser import DenoiserConfig
from planners.diffusion.encoder import EncoderConfig
from planners.diffusion.ensemble import Ensemble, EnsembleConfig
from planners.diffusion.network import Interface, PolicyConfig, PolicyNetwork
from planners.diffusion.policy import PolicyAtWork
from planners.diffusion.weights import PolicyCard

CHUNK, ACTIONS = 6, 3


def naive(
    history: list[tuple[float, np.ndarray]], now: float, config: EnsembleConfig
) -> list[float]:
    """One episode's action: chunks with the steps that they were drawn at, the newest last."""
    newest = [float(x) for x in history[-1][1][0]]
    total, action = 0.0, [0.0] * len(newest)
    for drawn, chunk in history:
        if now - drawn >= config.window:
            continue
        said = [float(x) for x in chunk[int(now - drawn)]]
        dot = sum(x * y for x, y in zip(said, newest, strict=True))
        length = math.sqrt(sum(x * x for x in said)) * math.sqrt(sum(x * x for x in newest))
        weight = math.exp(config.alpha * dot / (length + 1e-7))
        total += weight
        action = [a + weight * x for a, x in zip(action, said, strict=True)]
    return [a / total for a in action]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    window=st.integers(1, CHUNK),
    alpha=st.sampled_from([0.0, 0.1, 2.0]),
    strides=st.lists(st.integers(1, 3), min_size=1, max_size=12),
    beginnings=st.lists(st.integers(0, 7), min_size=12, max_size=12),
)
def test_actions_are_those_of_a_plain_loop(
    seed: int, window: int, alpha: float, strides: list[int], beginnings: list[int]
) -> None:
    random, config = np.random.default_rng(seed), EnsembleConfig(window=window, alpha=alpha)
    batched, episodes = Ensemble(config, CHUNK), 3
    histories: list[list[tuple[float, np.ndarray]]] = [[] for _ in range(episodes)]
    steps = np.zeros(episodes, np.float32)
    for number, stride in enumerate(strides):
        # Bits say which episodes begin; the others are of unequal ages, and steps are left out.
        begins = np.array([number == 0 or bool(beginnings[number] >> e & 1) for e in range(3)])
        steps = np.where(begins, 0, steps + stride).astype(np.float32)
        chunks = random.normal(size=(episodes, CHUNK, ACTIONS)).astype(np.float32)
        actions = batched.action(chunks, steps=steps, begins=begins)
        for episode, history in enumerate(histories):
            if begins[episode]:
                history.clear()
            history.append((float(steps[episode]), chunks[episode]))
            expected = naive(history[-window:], float(steps[episode]), config)
            np.testing.assert_allclose(actions[episode], expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), window=st.integers(1, CHUNK), alpha=st.floats(0, 5))
def test_chunks_of_one_plan_give_the_plan(seed: int, window: int, alpha: float) -> None:
    plan = np.random.default_rng(seed).normal(size=(20 + CHUNK, ACTIONS)).astype(np.float32)
    batched = Ensemble(EnsembleConfig(window=window, alpha=alpha), CHUNK)
    for step in range(20):
        chunk = plan[None, step : step + CHUNK]
        action = batched.action(
            chunk, steps=np.array([step], np.float32), begins=np.array([step == 0])
        )
        np.testing.assert_allclose(action[0], plan[step], rtol=1e-6)


def test_what_is_unlike_the_newest_counts_less() -> None:
    batched, action = Ensemble(EnsembleConfig(window=3, alpha=1.0), CHUNK), np.zeros((1, ACTIONS))
    for step, said in enumerate([(1.0, 0, 0), (-1.0, 0, 0), (1.0, 0, 0)]):
        chunk = np.tile(np.array(said, np.float32), (1, CHUNK, 1))
        action = batched.action(
            chunk, steps=np.array([step], np.float32), begins=np.array([step == 0])
        )
    like, unlike = math.exp(1), math.exp(-1)
    assert action[0, 0] == pytest.approx((2 * like - unlike) / (2 * like + unlike), rel=1e-5)


def test_an_action_of_zeros_is_an_action() -> None:
    batched = Ensemble(EnsembleConfig(window=2), CHUNK)
    for step in range(2):
        chunk = np.zeros((1, CHUNK, ACTIONS), np.float32)
        action = batched.action(
            chunk, steps=np.array([step], np.float32), begins=np.array([step == 0])
        )
        assert (action == 0).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: EnsembleConfig(window=0), "window of 1 or more"),
        (lambda: EnsembleConfig(alpha=-1.0), "alpha of 0 or more"),
        (lambda: EnsembleConfig(alpha=math.nan), "alpha of 0 or more"),
        (lambda: Ensemble(EnsembleConfig(window=7), 6), "at most a chunk's 6 actions, got 7"),
        (lambda: PolicyAtWork(tiny(), executed=EnsembleConfig()), "at most a chunk's 4 actions"),
        (lambda: execution(Eval(part="policy", executed=2, ensemble=2)), "leave out --executed"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        wrong()  # pyright: ignore[reportCallIssue]


def tiny() -> tuple[PolicyCard, PolicyNetwork]:
    torch.manual_seed(0)
    head = DenoiserConfig(depth=1, width=16, heads=2, chunk=4)
    policy = PolicyConfig(encoder=EncoderConfig(cognitive=16), head=head)
    interface = Interface(instructions=(INSTRUCTION,), height=16, width=24)
    card = PolicyCard(policy=policy, interface=interface)
    network = card.build().eval()
    torch.nn.init.normal_(network.head.out.weight)
    return card, network


def test_a_policy_averages_its_own_chunks() -> None:
    config = EnsembleConfig(window=3, alpha=0.5)
    averaging = PolicyAtWork(tiny(), executed=config, seed=1)
    drawing = PolicyAtWork(tiny(), seed=1)
    episode = demonstration(0)
    history: list[tuple[float, np.ndarray]] = []
    for step in range(6):
        seen = (episode.frames[step][None], episode.proprio[step][None], INSTRUCTION)
        now = {"steps": np.array([step], np.float32), "begins": np.array([step == 0])}
        history.append((float(step), drawing.chunk(*seen, **now)[0]))
        expected = naive(history[-3:], float(step), config)
        np.testing.assert_allclose(averaging.act(*seen, **now)[0], expected, rtol=1e-4, atol=1e-5)


def test_the_command_says_how_chunks_are_averaged() -> None:
    command = Eval(part="policy")
    assert execution(command) == 1
    averaging = msgspec.structs.replace(command, ensemble=2, ensemble_alpha=0.3)
    assert execution(averaging) == EnsembleConfig(window=2, alpha=0.3)
