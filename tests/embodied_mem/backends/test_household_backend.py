from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts.backend_contract import SimulatorContract

import sim_configs
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house import write_houses
from embodied_mem.backends.household.house_source import HouseSource, load_house
from embodied_mem.backends.thor_frames import thor_vector, world_box, world_from_thor
from embodied_mem.config import load_config
from embodied_mem.errors import BackendError, ConfigError, HouseError
from embodied_mem.goals import parse_goal
from embodied_mem.types import PASS, Action

SMALL = HouseholdSimConfig(house=HouseSource(seed=3, rooms=1), width=96, height=72)


class TestHouseholdSim(SimulatorContract):
    @pytest.fixture
    def backend(self) -> Iterator[HouseholdSim]:
        with HouseholdSim(SMALL) as made:
            yield made


@pytest.fixture(scope="module")
def sim() -> Iterator[HouseholdSim]:
    with HouseholdSim(SMALL) as made:
        yield made


def placed(sim: HouseholdSim) -> dict[str, object]:
    return {
        entry["objectId"]: (
            entry["position"],
            entry["isOpen"],
            entry["isToggled"],
            entry["isDirty"],
        )
        for entry in sim.metadata["objects"]
    }


def test_reset_restores_every_object(sim: HouseholdSim):
    first = sim.reset()
    before = placed(sim)
    for entry in sim.metadata["objects"]:
        for name in ("OpenObject", "ToggleObjectOn", "PickupObject", "DropHandObject"):
            arguments = {} if name == "DropHandObject" else {"objectId": entry["objectId"]}
            sim.step(Action(name=name, arguments={"forceAction": True, **arguments}))
    assert placed(sim) != before
    again = sim.reset()
    assert placed(sim) == before
    np.testing.assert_array_equal(first.frame.rgb, again.frame.rgb)


def test_seen_points_of_an_object_lie_in_its_box(sim: HouseholdSim):
    frame = sim.reset().frame
    entries = {entry["objectId"]: entry for entry in sim.metadata["objects"]}
    checked = 0
    for _ in range(4):
        assert frame.truth is not None
        assert frame.depth is not None
        assert frame.camera is not None
        assert frame.T_world_camera is not None
        for number, instance in frame.truth.instances.items():
            rows, columns = np.nonzero((frame.truth.ids == number) & np.isfinite(frame.depth))
            if rows.size < 5 or entries[instance.object_id]["isOpen"]:
                continue
            z = frame.depth[rows, columns].astype(np.float64)
            x = (columns + 0.5 - frame.camera.cx) / frame.camera.fx * z
            y = (rows + 0.5 - frame.camera.cy) / frame.camera.fy * z
            points = frame.T_world_camera.apply(np.stack((x, y, z), axis=1))
            corners = np.array(
                entries[instance.object_id]["axisAlignedBoundingBox"]["cornerPoints"]
            )
            low, high = world_box(corners)
            inside = np.all((points > low - 0.03) & (points < high + 0.03), axis=1)
            assert inside.mean() > 0.95, instance.object_id
            checked += 1
        frame = sim.step(Action(name="RotateRight")).frame
    assert checked > 3


def test_outside_hand_moves_things(sim: HouseholdSim):
    sim.reset()
    small = [e for e in sim.metadata["objects"] if e["pickupable"] and e["parentReceptacles"]]
    tables = [e for e in sim.metadata["objects"] if e["receptacle"] and not e["pickupable"]]
    moved = next(
        (item, table)
        for item in small
        for table in tables
        if table["objectId"] not in item["parentReceptacles"]
        and sim.relocate(item["objectId"], table["objectId"])
    )
    item, table = moved
    now = next(e for e in sim.metadata["objects"] if e["objectId"] == item["objectId"])
    assert table["objectId"] in now["parentReceptacles"]
    assert now["position"] != item["position"]


def test_relocating_nothing_is_an_error(sim: HouseholdSim):
    sim.reset()
    with pytest.raises(BackendError, match=r"Nothing\|1"):
        sim.relocate("Nothing|1", sim.metadata["objects"][0]["objectId"])


def test_map_shows_things_where_they_are(sim: HouseholdSim):
    sim.reset()
    picture = sim.top_down(200, 160)
    assert picture.rgb.shape == (160, 200, 3)
    floor = sim.metadata["sceneBounds"]
    corners = world_from_thor(np.array(floor["cornerPoints"]))[:, :2]
    pixels = picture.pixel(corners)
    assert pixels.min() >= 0
    assert (pixels <= [200, 160]).all()
    assert pixels.max() > 100  # The house fills the picture.
    ahead, left = picture.pixel(picture.center + np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert ahead[1] < 80  # World x is up.
    assert left[0] < 100  # World y is left.
    biggest = max(
        (e for e in sim.metadata["objects"] if not e["pickupable"]),
        key=lambda e: (
            e["axisAlignedBoundingBox"]["size"]["x"] * e["axisAlignedBoundingBox"]["size"]["z"]
        ),
    )
    middle = world_from_thor(thor_vector(biggest["axisAlignedBoundingBox"]["center"]))[:2]
    column, row = picture.pixel(middle[None])[0].astype(int)
    empty = picture.rgb[2, 2]
    assert np.abs(picture.rgb[row, column].astype(int) - empty).sum() > 10


def test_judge_follows_the_world(sim: HouseholdSim):
    sim.reset()
    entry = next(e for e in sim.metadata["objects"] if e["pickupable"])
    goal = parse_goal(f"held({entry['objectType']})")
    assert sim.judge(goal).met == 0
    step = sim.step(
        Action(name="PickupObject", arguments={"objectId": entry["objectId"], "forceAction": True})
    )
    assert step.action_success, step.message
    assert sim.judge(goal).complete


def test_acting_before_reset_is_an_error():
    with HouseholdSim(SMALL) as fresh, pytest.raises(BackendError, match="call `reset` first"):
        fresh.step(PASS)


def test_acting_after_close_is_an_error():
    fresh = HouseholdSim(SMALL)
    fresh.close()
    with pytest.raises(BackendError, match="was closed"):
        fresh.reset()


@pytest.mark.parametrize("name", ["demo_house", "kitchen", "one_room", "large_house"])
def test_named_house_can_be_read(name: str):
    config = load_config(str(sim_configs.path(f"household/{name}")), HouseholdSimConfig)
    house = load_house(config.house)
    assert len(house.rooms) == config.house.rooms
    if name in {"kitchen", "demo_house", "large_house"}:
        assert any(room.roomType == "Kitchen" for room in house.rooms)


def test_house_of_a_file_is_chosen_by_its_index(tmp_path: Path):
    houses = [load_house(HouseSource(seed=seed, rooms=1)) for seed in (1, 2)]
    path = tmp_path / "houses.jsonl.gz"
    write_houses(path, houses)
    assert load_house(HouseSource(file=str(path), index=1)) == houses[1]
    with pytest.raises(HouseError, match="no house number 2"):
        load_house(HouseSource(file=str(path), index=2))
    with pytest.raises(ConfigError, match="0 or more"):
        load_house(HouseSource(file=str(path), index=-1))
