from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from embodied_mem.backends.gym import ACTIONS, ENV_ID, HouseholdEnv, HouseholdEnvConfig, register
from embodied_mem.backends.household.backend import HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.errors import GoalError

SIM = HouseholdSimConfig(house=HouseSource(seed=1, rooms=1), width=48, height=32)


@pytest.fixture(scope="module")
def env() -> Iterator[HouseholdEnv]:
    made = HouseholdEnv(HouseholdEnvConfig(sim=SIM, max_steps=6), render_mode="rgb_array")
    yield made
    made.close()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_gymnasiums_own_check_passes(env: HouseholdEnv):
    check_env(env)


def test_every_action_can_be_taken(env: HouseholdEnv):
    env.reset(seed=0)
    for number, name in enumerate(ACTIONS):
        observation, reward, terminated, _, info = env.step(number)
        assert env.observation_space.contains(observation), name
        assert np.isfinite(reward)
        assert terminated == (info["met"] == info["total"])


def test_episode_is_cut_after_its_steps(env: HouseholdEnv):
    env.reset(seed=0, options={"goal": "in(unicorn, fridge)"})
    ends = [env.step(4)[3] for _ in range(6)]
    assert ends == [False] * 5 + [True]


def test_same_seed_draws_the_same_task(env: HouseholdEnv):
    goals = [env.reset(seed=seed)[1]["goal"] for seed in (3, 3, 4, 5, 6)]
    assert goals[0] == goals[1]
    assert len(set(goals)) > 1


def test_meeting_a_condition_is_rewarded_and_ends_the_episode(env: HouseholdEnv):
    env.reset(seed=0)
    before = {entry["objectId"]: entry["isOpen"] for entry in env.sim.metadata["objects"]}
    env.reset(seed=0, options={"goal": "held(unicorn)"})
    assert env.step(4)[1] == pytest.approx(env.config.step_reward)
    assert before == {e["objectId"]: e["isOpen"] for e in env.sim.metadata["objects"]}
    kinds = {entry["objectType"] for entry in env.sim.metadata["objects"] if entry["pickupable"]}
    assert kinds
    held = next(iter(sorted(kinds)))
    env.reset(seed=0, options={"goal": f"held({held})"})
    object_id = next(e["objectId"] for e in env.sim.metadata["objects"] if e["objectType"] == held)
    env.sim.engine.step({"action": "PickupObject", "objectId": object_id, "forceAction": True})
    _, reward, terminated, _, info = env.step(ACTIONS.index("RotateLeft"))
    assert terminated
    assert reward == pytest.approx(1.0 + env.config.step_reward)
    assert info["met"] == info["total"] == 1


def test_rendering_gives_the_agents_image(env: HouseholdEnv):
    observation, _ = env.reset(seed=0)
    image = env.render()
    assert image is not None
    np.testing.assert_array_equal(image, observation["rgb"])


def test_bad_goal_is_told(env: HouseholdEnv):
    with pytest.raises(GoalError, match="levitating"):
        env.reset(options={"goal": "levitating(apple)"})


def test_registered_name_makes_the_environment():
    register()
    made = gymnasium.make(ENV_ID, config=HouseholdEnvConfig(sim=SIM, goal="in(mug, sink)"))
    assert made.reset(seed=0)[1]["goal"] == "in(mug, sink)"
    made.close()
