# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
"""The backend that drives AI2-THOR's own client, here with our server as its player."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest
from contracts.backend_contract import SimulatorContract

import sim_configs
from embodied_mem.app.build import build_backend
from embodied_mem.backends.depth_sensor import StereoConfig
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.config import load_config
from embodied_mem.errors import BackendError, ConfigError, HouseError, MissingExtraError
from embodied_mem.goals import parse_goal
from embodied_mem.types import Action, Attributes, Frame

pytest.importorskip("ai2thor", reason="the real client is an extra")

from embodied_mem.backends.thor import ThorBackend, ThorConfig

SOURCE = HouseSource(seed=3, rooms=1)
SMALL = ThorConfig(house=SOURCE, width=96, height=72, server_timeout=20.0)


@pytest.fixture(scope="module")
def running() -> Iterator[ThorBackend]:
    with ThorBackend(SMALL) as made:
        yield made


class TestThorBackend(SimulatorContract):
    @pytest.fixture
    def backend(self, running: ThorBackend) -> ThorBackend:
        return running


def test_same_actions_have_the_same_outcomes_as_without_the_client(running: ThorBackend):
    with HouseholdSim(HouseholdSimConfig(house=SOURCE, width=96, height=72)) as sim:
        pairs = [(sim.reset(), running.reset())]
        names = "RotateRight MoveAhead MoveAhead LookDown RotateLeft PickupObject OpenObject Done"
        for name in names.split():
            pointed = {"x": 0.5, "y": 0.6} if name.endswith("Object") else {}
            action = Action(name=name, arguments=pointed)
            pairs.append((sim.step(action), running.step(action)))
    for ours, theirs in pairs:
        assert ours.action_success == theirs.action_success
        assert ours.message == theirs.message
        np.testing.assert_array_equal(ours.frame.rgb, theirs.frame.rgb)
        np.testing.assert_array_equal(ours.frame.depth, theirs.frame.depth)
        for left, right in zip(shown(ours.frame), shown(theirs.frame), strict=True):
            np.testing.assert_array_equal(left, right)
        assert states(ours.frame) == states(theirs.frame)


def shown(frame: Frame) -> tuple[np.ndarray, ...]:
    """The object id of each pixel, and the list of them."""
    assert frame.truth is not None
    names = np.full(int(frame.truth.ids.max()) + 1, "", dtype=object)
    for number, instance in frame.truth.instances.items():
        names[number] = instance.object_id
    return names[frame.truth.ids], np.unique(names.astype(str))


def states(frame: Frame) -> dict[str, Attributes]:
    assert frame.truth is not None
    return {found.object_id: found.attributes for found in frame.truth.instances.values()}


def test_wsgi_carries_the_same_as_fifo(running: ThorBackend):
    first = running.reset().frame
    with ThorBackend(msgspec.structs.replace(SMALL, transport="WSGI")) as other:
        second = other.reset().frame
        np.testing.assert_array_equal(first.rgb, second.rgb)
        np.testing.assert_array_equal(first.depth, second.depth)
        assert other.step(Action(name="RotateRight")).action_success
        other.close()
        other.close()


def test_player_that_dies_is_an_error_and_reset_starts_another():
    with ThorBackend(msgspec.structs.replace(SMALL, server_timeout=2.0)) as backend:
        backend.reset()
        process = backend.controller.server.unity_proc
        process.kill()
        process.wait()
        with pytest.raises(BackendError, match="died or did not answer"):
            backend.step(Action(name="Pass"))
        assert backend.reset().action_success


def test_close_ends_the_player():
    backend = ThorBackend(SMALL)
    backend.reset()
    process = backend.controller.server.unity_proc
    backend.close()
    assert process.poll() is not None
    with pytest.raises(BackendError, match="call `reset` first"):
        backend.step(Action(name="Pass"))


@pytest.mark.parametrize("module", ["ai2thor.controller", "gymnasium"])
def test_missing_package_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch, module: str):
    monkeypatch.setitem(sys.modules, module, None)
    name = "thor" if module.startswith("ai2thor") else "gym"
    spec = importlib.util.find_spec(f"embodied_mem.backends.{name}")
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(MissingExtraError, match=rf"pip install 'embodied-mem\[{name}\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.mark.parametrize("name", ["household", "unity"])
def test_named_config_can_be_read(name: str):
    assert load_config(str(sim_configs.path(f"thor/{name}")), ThorConfig).player == name


def test_home_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(BackendError, match="Set HOME to a folder"):
        ThorBackend(SMALL).reset()


def test_asset_database_that_cannot_be_read_is_told(tmp_path: Path):
    config = msgspec.structs.replace(SMALL, asset_database=str(tmp_path / "none.json"))
    with pytest.raises(HouseError, match=r"none\.json"):
        ThorBackend(config).reset()


@pytest.mark.parametrize("transport", ["FIFO", "WSGI"])
def test_player_that_cannot_start_is_told(
    monkeypatch: pytest.MonkeyPatch, transport: Literal["FIFO", "WSGI"]
):
    monkeypatch.setattr(ThorBackend, "_flags", lambda _: ["--asset-database", "/nowhere.json"])
    config = msgspec.structs.replace(SMALL, start_timeout=5.0, transport=transport)
    with pytest.raises(BackendError, match="did not start"):
        ThorBackend(config).reset()


def test_goal_is_judged_on_the_clients_events(running: ThorBackend):
    running.reset()
    item = next(o for o in running.controller.last_event.metadata["objects"] if o["pickupable"])
    goal = parse_goal(f"held({item['objectType']})")
    assert not running.judge(goal).complete
    pick = {"objectId": item["objectId"], "forceAction": True}
    assert running.step(Action(name="PickupObject", arguments=pick)).action_success
    assert running.judge(goal).complete


def test_camera_and_steps_are_the_same_through_the_client():
    body = {"width": 120, "height": 90, "field_of_view": 70.0, "grid_size": 0.2}
    body |= {"rotate_step": 45.0, "visibility_distance": 2.0, "snap_to_grid": False}
    config = HouseholdSimConfig(house=SOURCE, asset_database="sizes.json", **body)
    backend = build_backend("thor", config)
    assert isinstance(backend, ThorBackend)
    assert backend.config == ThorConfig(house=SOURCE, asset_database="sizes.json", **body)


def test_a_depth_sensor_is_refused_by_the_client():
    config = HouseholdSimConfig(house=SOURCE, sensor=StereoConfig())
    with pytest.raises(ConfigError, match="'household' only"):
        build_backend("thor", config)
