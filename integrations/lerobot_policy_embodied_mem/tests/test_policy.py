"""The policy in LeRobot's hands: found, made, trained, saved, loaded, run."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from cue_task import INSTRUCTION
from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.datasets.factory import resolve_delta_timestamps
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.policies.factory import get_policy_class, make_policy, make_pre_post_processors
from lerobot.scripts.lerobot_train import main as lerobot_train_main
from lerobot.utils.import_utils import register_third_party_plugins
from lerobot_policy_embodied_mem import EmbodiedMemConfig
from lerobot_policy_embodied_mem.export import CAMERA
from lerobot_policy_embodied_mem.modeling_embodied_mem import EmbodiedMemPolicy
from lerobot_policy_embodied_mem.windows import window_groups
from torch.utils.data import default_collate

from embodied_mem.errors import ConfigError
from planners.diffusion.policy import DiffusionPolicy
from planners.diffusion.recordings import Recorded
from planners.diffusion.weights import SHIPPED

TINY = """
encoder: {type: cnn, channels: [8, 16], perceptual: 16, cognitive: 32, heads: 2}
memory: {type: bank, capacity: 4, heads: 2}
head: {depth: 1, width: 32, heads: 2, chunk: 4}
"""


@pytest.fixture
def config(tmp_path: Path) -> EmbodiedMemConfig:
    path = tmp_path / "policy.yaml"
    path.write_text(TINY)
    return EmbodiedMemConfig(
        made_of=str(path), window=5, device="cpu", push_to_hub=False, learning_rate=3e-3
    )


def test_lerobot_finds_it_by_its_name() -> None:
    register_third_party_plugins()
    assert PreTrainedConfig.get_choice_class("embodied_mem") is EmbodiedMemConfig
    assert get_policy_class("embodied_mem") is EmbodiedMemPolicy


def made(config: EmbodiedMemConfig, data: Path) -> tuple[EmbodiedMemPolicy, LeRobotDataset]:
    meta = LeRobotDataset("tests/cue", root=data).meta
    torch.manual_seed(0)
    policy = make_policy(config, ds_meta=meta)
    assert isinstance(policy, EmbodiedMemPolicy)
    deltas = resolve_delta_timestamps(config, meta)
    return policy, LeRobotDataset("tests/cue", root=data, delta_timestamps=deltas)


def test_it_learns_saves_and_loads(
    config: EmbodiedMemConfig, dataset: Path, tmp_path: Path, episodes: Recorded
) -> None:
    policy, data = made(config, dataset)
    before, after = make_pre_post_processors(config, dataset_stats=data.meta.stats)  # pyright: ignore
    optimizer = config.get_optimizer_preset().build(policy.get_optim_params())
    batch = before(default_collate([data[index] for index in range(0, len(data), 2)]))
    losses = []
    for _ in range(12):
        loss, said = policy.forward(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(said["loss"])
    assert np.mean(losses[-3:]) < np.mean(losses[:3])

    policy.save_pretrained(tmp_path / "saved")
    before.save_pretrained(tmp_path / "saved")
    assert {path.name for path in (tmp_path / "saved").iterdir()} >= {
        "config.json",
        "model.safetensors",
    }
    (tmp_path / "policy.yaml").unlink()
    again = EmbodiedMemPolicy.from_pretrained(tmp_path / "saved")
    frame = observed(episodes, 0)
    policy.eval()
    policy.reset()
    torch.testing.assert_close(again.select_action(frame), policy.select_action(frame))
    assert after(again.predict_action_chunk(frame)).shape == (1, 4, 7)


def observed(episodes: Recorded, step: int) -> dict[str, object]:
    told, episode = episodes[0]
    image = torch.from_numpy(episode.frames[step]).permute(2, 0, 1)[None].float() / 255
    state = torch.from_numpy(episode.proprio[step])[None]
    return {CAMERA: image, "observation.state": state, "task": [told]}


def test_weights_of_the_package_act_as_they_do_without_lerobot() -> None:
    config = EmbodiedMemConfig(
        weights=str(SHIPPED),
        device="cpu",
        input_features={
            CAMERA: PolicyFeature(FeatureType.VISUAL, (3, 64, 80)),
            "observation.state": PolicyFeature(FeatureType.STATE, (16,)),
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (7,))},
    )
    policy, plain = EmbodiedMemPolicy(config), DiffusionPolicy(SHIPPED)
    told = plain.card.interface.instructions[0]
    random = np.random.default_rng(0)
    for episode in range(2):
        policy.reset()
        plain = DiffusionPolicy(SHIPPED)
        for step in range(3):
            image = random.integers(256, size=(1, 64, 80, 3), dtype=np.uint8)
            state = random.normal(size=(1, 16)).astype(np.float32)
            wanted = plain.act(
                image,
                state,
                told,
                steps=np.array([step], np.float32),
                begins=np.array([step == 0]),
            )
            frame = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255
            given = {CAMERA: frame, "observation.state": torch.from_numpy(state), "task": [told]}
            np.testing.assert_array_equal(policy.select_action(given), wanted, f"{episode}")
    view = {CAMERA: torch.zeros(2, 3, 64, 80), "observation.state": torch.zeros(2, 16)}
    with pytest.raises(ConfigError, match="must be told the same"):
        policy.select_action({**view, "task": [told, INSTRUCTION]})


def test_frames_before_an_episode_are_not_remembered() -> None:
    images = torch.arange(5).float()[None, :, None, None, None].expand(2, 5, 3, 8, 8) / 255
    groups, asked = window_groups(
        images=images,
        proprio=torch.zeros(2, 5, 4),
        chunks=torch.zeros(2, 4, 7),
        padded=torch.tensor([[True, True, False, False, False], [False] * 5]),
        instructions=torch.zeros(2, dtype=torch.long),
    )
    assert groups.images[:, :, 0, 0, 0].tolist() == [[2, 3, 4, 4, 4], [0, 1, 2, 3, 4]]
    assert groups.times.tolist() == [[0, 1, 2, 2, 2], [0, 1, 2, 3, 4]]
    assert groups.used.sum(1).tolist() == [3, 5]
    assert asked.tolist() == [[2], [4]]


def test_what_is_missing_is_said(config: EmbodiedMemConfig) -> None:
    with pytest.raises(ConfigError, match="sees one camera"):
        EmbodiedMemPolicy(config)
    views = {f"observation.images.{name}": (3, 16, 24) for name in ("left", "right")}
    config.input_features = {
        name: PolicyFeature(FeatureType.VISUAL, shape) for name, shape in views.items()
    }
    config.camera = "observation.images.left"
    with pytest.raises(ConfigError, match=r"needs the features `observation\.state`"):
        EmbodiedMemPolicy(config)
    assert msgspec.to_builtins(config.policy())["head"]["chunk"] == 4


def test_lerobots_own_command_trains_it_and_goes_on(dataset: Path, tmp_path: Path) -> None:
    made_of = tmp_path / "policy.yaml"
    made_of.write_text(TINY)
    out = tmp_path / "run"
    flags = {
        "policy.type": "embodied_mem",
        "policy.made_of": made_of,
        "policy.push_to_hub": "false",
        "policy.device": "cpu",
        "policy.window": 5,
        "dataset.repo_id": "tests/cue",
        "dataset.root": dataset,
        "output_dir": out,
        "num_workers": 0,
        "batch_size": 4,
        "save_freq": 2,
        "steps": 2,
    }
    lerobot_train([f"--{name}={value}" for name, value in flags.items()])
    saved = out / "checkpoints" / "last" / "pretrained_model"
    lerobot_train([f"--config_path={saved / 'train_config.json'}", "--resume=true", "--steps=4"])
    assert (out / "checkpoints" / "last").resolve().name == "000004"
    assert EmbodiedMemPolicy.from_pretrained(saved).card.policy.head.chunk == 4


def lerobot_train(flags: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["lerobot-train", *flags])
        lerobot_train_main()
