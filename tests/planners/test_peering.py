"""Looking into what was opened: by counting points, by brute-force rays, and in a house."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.backends.household.backend import HouseholdSim
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.memory import Memory
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.types import PASS, Camera, Frame
from perception.oracle import OracleConfig
from perception.pipeline import Pipeline
from planners.peering import looks_in, share_seen
from planners.symbolic_planner import SymbolicPlanner

FRIDGE = np.array([[2.0, -0.4, 0.0], [2.7, 0.4, 1.8]])
"""Its front is at x = 2 m."""
OPTICAL = Rotation.from_matrix([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def view(depth: float | np.ndarray) -> Frame:
    """Look along x from the origin, 0.9 m above the floor."""
    return Frame(
        stamp=0.0,
        rgb=np.zeros((120, 120, 3), np.uint8),
        depth=np.broadcast_to(np.float32(depth), (120, 120)),
        camera=Camera.from_fov(120, 120, np.pi / 2),
        T_world_camera=RigidTransform.from_components(np.array([0.0, 0.0, 0.9]), OPTICAL),
    )


@pytest.mark.parametrize(
    ("depth", "share"),
    [
        (2.7, 1.0),  # To the back of it.
        (1.2, 0.0),  # A door stands before it.
        (np.nan, 0.0),
    ],
)
def test_only_depth_that_reaches_inside_shows_the_inside(depth: float, share: float):
    assert share_seen(view(depth), FRIDGE) == share


def test_half_of_the_inside_is_seen_past_a_door_before_the_other_half():
    depth = np.full((120, 120), 2.7, np.float32)
    depth[:, :60] = 1.2
    assert share_seen(view(depth), FRIDGE) == pytest.approx(0.5, abs=0.01)
    assert share_seen(view(2.7), FRIDGE + 10.0) == 0.0  # Not in the image.


def test_without_depth_nothing_is_told():
    frame = Frame(stamp=0.0, rgb=np.zeros((4, 4, 3), np.uint8))
    assert share_seen(frame, FRIDGE) == 1.0


def open_door(y: float) -> np.ndarray:
    """Return points of a door that stands out from the front by 0.7 m, at a height of y [m]."""
    x, z = np.meshgrid(np.linspace(1.3, 2.0, 30), np.linspace(0.1, 1.7, 5))
    return np.stack((x.ravel(), np.full(x.size, y), z.ravel()), axis=1)


@given(
    x=st.floats(0.2, 3.4),
    y=st.floats(-2.5, 2.5),
    hinge=st.sampled_from((-0.42, 0.42)),
    quarter=st.integers(0, 3),
)
def test_one_looks_in_from_the_front_and_past_the_door(x, y, hinge, quarter):
    place, door, box = np.array([[x, y]]), open_door(hinge), FRIDGE
    target = np.array([2.0 + 0.25 * 0.7, 0.0])
    samples = place + np.linspace(0, 1, 200)[:, None] * (target - place)
    beyond = door[door[:, 0] < 1.95, :2]
    gap = np.linalg.norm(samples[:, None] - beyond, axis=2).min()
    enters = samples[np.abs(samples[:, 0] - 2.0).argmin(), 1]
    if abs(gap - 0.1) < 0.01 or abs(x - 1.9) < 0.01 or abs(abs(enters) - 0.4) < 0.03:
        return  # On the border of two answers.
    turned = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), quarter)
    corners = box[:, :2] @ turned.T
    box = np.column_stack((np.sort(corners, axis=0), box[:, 2]))
    surface = np.column_stack((door[:, :2] @ turned.T, door[:, 2]))
    assert looks_in(place @ turned.T, box, surface)[0] == (
        x < 1.9 and gap > 0.1 and abs(enters) < 0.4
    )


def test_where_no_door_shows_any_place_will_do():
    inside = FRIDGE.mean(axis=0) + np.zeros((50, 3))
    assert looks_in(np.array([[0.0, 0.0], [5.0, 5.0]]), FRIDGE, inside).all()


def test_a_mug_in_a_fridge_whose_door_hides_it_is_found():
    with HouseholdSim(house=generate_house(10_008, GeneratorConfig(rooms=2))) as sim:
        sim.reset()
        objects = sim.engine.look().metadata["objects"]
        (fridge,) = (o["objectId"] for o in objects if o["objectType"] == "Fridge")
        for entry in objects:
            if entry["objectType"] == "Mug":
                assert sim.relocate(entry["objectId"], fridge)
        agent = Agent(perceive=Pipeline(OracleConfig()), memory=Memory(), planner=SymbolicPlanner())
        outcome = run_episode(sim, agent, goal="held(mug)", max_steps=250, start=sim.step(PASS))
    assert outcome.success, outcome.reason
