"""Which house is this, and where in it: from the first views, nothing written."""

from functools import cache
from itertools import islice

import numpy as np
import pytest

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.tour import TourConfig, tour
from embodied_mem.memory import Memory
from embodied_mem.memory.relocalisation import placed, recognise
from embodied_mem.types import Percept
from perception import NoiseConfig, OracleConfig, Pipeline

CAMERA = HouseholdSimConfig(width=120, height=120)


def views(seed: int, count: int, noise: int) -> list[Percept]:
    """Return what is seen on a walk through a generated house, with a noisy camera."""
    see = Pipeline(OracleConfig(noise=NoiseConfig(seed=noise)))
    house = generate_house(seed, GeneratorConfig(rooms=2))
    with HouseholdSim(CAMERA, house=house) as sim:
        return [see(frame) for frame in islice(tour(sim, TourConfig(spacing=1.6)), count)]


@cache
def home() -> Memory:
    memory = Memory()
    for percept in views(3, 1000, noise=1):
        memory.write(percept)
    return memory


def test_the_same_house_is_recognised_where_it_was():
    before = len(home()), home().frame
    found = recognise(home(), views(3, 9, noise=2))
    assert found.same
    assert not found.moved
    assert found.agreement.score > 0.75
    assert (len(home()), home().frame) == before, "nothing is written"


@pytest.mark.parametrize("start", [(1.3, -2.2, 0.6), (-3.0, 0.4, -2.4)])
def test_the_odometrys_new_origin_is_found(start: tuple[float, float, float]):
    x, y, yaw = start
    seen = [placed(percept, start) for percept in views(3, 9, noise=3)]
    found = recognise(home(), seen)
    assert found.same, found.sentence
    assert found.moved
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    back = -turn @ np.array([x, y])
    assert np.linalg.norm(np.array(found.pose[:2]) - back) < 0.15
    assert abs((found.pose[2] + yaw + np.pi) % (2 * np.pi) - np.pi) < 0.05
    again = placed(seen[3], found.pose)
    assert again.frame.T_world_body is not None
    original = views(3, 9, noise=3)[3].frame.T_world_body
    assert original is not None
    apart = again.frame.T_world_body.translation - original.translation
    assert np.linalg.norm(apart) < 0.15


@pytest.mark.parametrize("seed", [5, 8])
def test_another_house_is_told_apart(seed: int):
    found = recognise(home(), views(seed, 9, noise=2))
    assert not found.same, found.sentence
    assert "not the house in memory" in found.sentence


def test_a_glance_at_nothing_tells_nothing():
    found = recognise(home(), [])
    assert not found.same
    assert "Too little" in found.sentence
