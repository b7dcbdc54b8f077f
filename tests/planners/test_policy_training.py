"""Training a policy: what it learns from, and that a run can be gone on with."""

import json
from itertools import permutations
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from cue_task import demonstrations

from embodied_mem.errors import ConfigError, StoreError, StoreFormatError
from embodied_mem.memory.cognitive_bank import BankConfig, CognitiveBank
from planners.diffusion.batches import DemonstrationSet, SamplerConfig, questions
from planners.diffusion.denoiser import DenoiserConfig
from planners.diffusion.encoder import EncoderConfig
from planners.diffusion.network import PolicyConfig
from planners.diffusion.remembering import (
    LstmConfig,
    build_memory,
)
from planners.diffusion.training import PolicyRunConfig, PolicyTrainingConfig, train
from planners.diffusion.weights import load_policy

ENCODER = EncoderConfig(channels=(16, 32), perceptual=16, cognitive=32, layers=1, heads=2)
HEAD = DenoiserConfig(depth=2, width=32, heads=2, chunk=4)
TINY = PolicyTrainingConfig(
    steps=4,
    batch=4,
    precision="float32",
    policy=PolicyConfig(encoder=ENCODER, head=HEAD, memory=BankConfig(capacity=4, heads=2)),
    sampler=SamplerConfig(group=6, questions=6, shift=0),
)
QUIET = PolicyRunConfig(log_every=1, validate_every=0)


def run(
    out: Path, config: PolicyTrainingConfig, settings: PolicyRunConfig = QUIET
) -> list[tuple[int, float]]:
    return list(train(out, demonstrations(40), demonstrations(30, 1000), config, settings))


def test_an_interrupted_run_ends_like_one_that_was_not(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", TINY)
    first = train(tmp_path / "parts", demonstrations(40), [], TINY, checkpointing(every=2))
    for _ in range(3):
        next(first)
    first.close()  # pyright: ignore[reportAttributeAccessIssue]
    # Killed after step 3; the checkpoint is of step 2.
    assert run(tmp_path / "parts", TINY) == whole[2:]
    states = [load_policy(tmp_path / name / "policy.safetensors")[1] for name in ("whole", "parts")]
    for one, other in zip(*(state.state_dict().values() for state in states), strict=True):
        assert torch.equal(one, other)
    steps = [json.loads(row)["step"] for row in (tmp_path / "parts/curve.jsonl").open()]
    assert steps == [1, 2, 3, 4]


def test_a_run_can_begin_with_the_weights_of_another(tmp_path: Path) -> None:
    run(tmp_path / "first", TINY)
    weights = tmp_path / "first" / "policy.safetensors"
    still = msgspec.structs.replace(TINY, steps=1, learning_rate=1e-12, begin_with=str(weights))
    list(train(tmp_path / "second", demonstrations(30, 1000), [], still, QUIET))
    again = load_policy(tmp_path / "second" / "policy.safetensors")[1]
    before = load_policy(weights)[1].state_dict()
    for name, tensor in again.state_dict().items():  # Scales too, though it saw other episodes.
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=1e-5)
    other = msgspec.structs.replace(
        still, policy=msgspec.structs.replace(TINY.policy, memory=BankConfig(capacity=5, heads=2))
    )
    with pytest.raises(ConfigError, match="are of another policy"):
        run(tmp_path / "third", other)


def checkpointing(*, every: int) -> PolicyRunConfig:
    return msgspec.structs.replace(QUIET, checkpoint_every=every)


def test_a_run_is_not_gone_on_with_by_other_settings(tmp_path: Path) -> None:
    run(tmp_path, TINY)
    with pytest.raises(ConfigError, match="begun with other settings"):
        run(tmp_path, msgspec.structs.replace(TINY, batch=5))


def test_a_run_ends_when_its_time_is_over(tmp_path: Path) -> None:
    config = msgspec.structs.replace(TINY, steps=10**6, minutes=0.005)
    assert 1 <= len(run(tmp_path, config)) < 1000


def test_weights_come_with_scales_and_a_card(tmp_path: Path) -> None:
    run(tmp_path, TINY)
    card, network = load_policy(tmp_path / "policy.safetensors")
    assert card.policy == TINY.policy
    assert card.training["steps"] == 4
    actions = torch.tensor([[0.5, -0.9, 0, 0, 0, 0, -1.0]])
    torch.testing.assert_close(network.unscaled(network.scaled(actions)), actions)
    assert network.high[1] > 0.5
    with pytest.raises(StoreError, match="cannot read the policy's weights"):
        load_policy(tmp_path / "missing.safetensors")
    with pytest.raises(StoreFormatError, match="are damaged"):
        load_policy(tmp_path / "curve.jsonl")


def test_groups_hold_the_first_frame_and_the_decision_in_order() -> None:
    part = loaded(20)
    generator = torch.Generator().manual_seed(0)
    config = SamplerConfig(group=4, questions=50, shift=0, mirror=False)
    groups = part.draw(64, config, generator)
    assert groups.times.shape == (64, 4)
    assert (groups.times[:, 0] == 0).all()
    assert (groups.times.diff(dim=1) > 0).all()
    decision = groups.times[torch.arange(64), groups.decision]
    assert set(decision.tolist()) <= {2, 3}
    asked = questions(groups, config, generator)
    share = (asked == groups.decision[:, None]).float().mean()
    assert share == pytest.approx(config.decisions, abs=0.1)


def test_mirrored_episodes_lead_to_the_other_side() -> None:
    part = loaded(1)
    config = SamplerConfig(group=8, shift=0)
    groups = part.draw(32, config, torch.Generator().manual_seed(0))
    first = demonstrations(1)[0][1]
    for row in range(32):
        mirrored = not torch.equal(groups.images[row], torch.from_numpy(first.frames))
        frames = first.frames[:, :, ::-1] if mirrored else first.frames
        np.testing.assert_array_equal(groups.images[row].numpy(), frames)
        sign = -1 if mirrored else 1
        np.testing.assert_allclose(groups.chunks[row, :, 0, 1], sign * first.actions[:, 1])
        np.testing.assert_allclose(groups.chunks[row, :, 0, 0], first.actions[:, 0])
        np.testing.assert_allclose(groups.proprio[row, :, 1], sign * first.proprio[:, 1])


def test_recoloured_episodes_exchange_what_is_unusual_of_their_colours() -> None:
    part = loaded(20)
    config = SamplerConfig(group=8, mirror=True)
    plain = part.draw(64, config, torch.Generator().manual_seed(0))
    other = msgspec.structs.replace(config, recoloured=1.0)
    recoloured = part.draw(64, other, torch.Generator().manual_seed(0))
    torch.testing.assert_close(recoloured.chunks, plain.chunks)
    usual = part.scales().usual.round()
    seen = set[tuple[int, ...]]()
    for row in range(64):
        views = [usual, usual.flip(1)]
        orders = [
            order
            for order in permutations(range(3))
            for view in views
            if torch.equal(
                recoloured.images[row].float(),
                (view + (plain.images[row] - view)[..., list(order)]).clamp(0, 255),
            )
        ]
        assert orders  # One order for all frames of the episode.
        seen |= set(orders)
    assert seen == set(permutations(range(3)))


def test_a_share_of_episodes_is_recoloured() -> None:
    part = loaded(20)
    plain = part.draw(400, SamplerConfig(), torch.Generator().manual_seed(0))
    half = part.draw(400, SamplerConfig(recoloured=0.5), torch.Generator().manual_seed(0))
    changed = (plain.images != half.images).flatten(1).any(1).float().mean()
    assert changed == pytest.approx(0.5 * 5 / 6, abs=0.08)  # One order of six is the usual one.
    with pytest.raises(ConfigError, match="recoloured episodes"):
        SamplerConfig(recoloured=1.5)


def test_a_chunk_that_outlasts_the_episode_repeats_its_last_action() -> None:
    groups = loaded(1).until_decision([0])
    assert groups.chunks.shape[2] == 4
    longer = loaded(1).draw(1, SamplerConfig(group=8, mirror=False), torch.Generator())
    assert (longer.chunks[0, -1] == longer.chunks[0, -1, :1]).all()


def test_shifted_images_repeat_their_edges() -> None:
    part = loaded(1)
    config = SamplerConfig(group=8, shift=2, mirror=False)
    groups = part.draw(16, config, torch.Generator().manual_seed(1))
    first = torch.from_numpy(demonstrations(1)[0][1].frames)
    for row in range(16):
        assert any(
            torch.equal(groups.images[row], moved(first, down, right))
            for down in range(-2, 3)
            for right in range(-2, 3)
        )


def moved(frames: torch.Tensor, down: int, right: int) -> torch.Tensor:
    rows = (torch.arange(frames.shape[1]) + down).clamp(0, frames.shape[1] - 1)
    columns = (torch.arange(frames.shape[2]) + right).clamp(0, frames.shape[2] - 1)
    return frames[:, rows][:, :, columns]


def loaded(count: int) -> DemonstrationSet:
    episodes = [episode for _, episode in demonstrations(count)]
    return DemonstrationSet(episodes, [0] * count, 4, torch.device("cpu"))


def test_a_large_group_is_the_whole_episode() -> None:
    episodes = loaded(20)
    groups = episodes.draw(8, SamplerConfig(group=100), torch.Generator().manual_seed(0))
    lengths = groups.used.sum(1)
    assert set(lengths.tolist()) <= {len(episode.frames) for episode in episodes.episodes}
    for length, times in zip(lengths.tolist(), groups.times, strict=True):
        assert times[:length].tolist() == list(range(length))


def test_a_recurrent_memory_is_as_large_as_a_bank_and_steps_as_it_runs() -> None:
    lstm, bank = (
        build_memory(config, perceptual=64, cognitive=128)
        for config in (LstmConfig(), BankConfig())
    )
    assert isinstance(bank, CognitiveBank)
    assert parameters(lstm) == pytest.approx(parameters(bank), rel=0.01)
    seen, meant, times = torch.randn(2, 5, 3, 64), torch.randn(2, 5, 1, 128), torch.zeros(2, 5)
    whole = lstm.sequence(seen, meant, times)[0]
    state = lstm.initial(seen[:, 0], meant[:, 0])
    for step in range(5):
        begins = torch.tensor([False, step == 3])
        output, _, state = lstm.step(
            state,  # pyright: ignore[reportArgumentType]
            seen[:, step], meant[:, step], times=times[:, step], begins=begins
        )  # fmt: skip
        torch.testing.assert_close(output[0], whole[0, step])
        if step == 3:
            anew = lstm.sequence(seen[1:, 3:], meant[1:, 3:], times[1:, 3:])[0]
            torch.testing.assert_close(output[1], anew[0, 0])


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: SamplerConfig(group=1), "groups of 2 or more"),
        (lambda: PolicyTrainingConfig(batch=0), "batches of 1 or more"),
        (lambda: DemonstrationSet([], [], 4, torch.device("cpu")), "at least one episode"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        wrong()  # pyright: ignore[reportCallIssue]
