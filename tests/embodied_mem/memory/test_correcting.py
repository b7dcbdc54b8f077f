"""What an owner or localisation corrects lasts on the disk as well."""

import numpy as np
import pytest
from box_world import BoxWorld
from scipy.spatial.transform import RigidTransform, Rotation

from embodied_mem.errors import UnknownObjectError
from embodied_mem.memory import Memory
from embodied_mem.types import Action


def kitchen() -> BoxWorld:
    world = BoxWorld()
    world.add("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
    world.add("mug", "Mug", (1.8, -0.3, 0.85), (0.1, 0.1, 0.1))
    return world


def test_what_is_forgotten_is_forgotten_on_the_disk_too(tmp_path):
    world = kitchen()
    with Memory.open(tmp_path / "store") as memory:
        memory.write(world.look(0, 0, 0))
        table = memory.find("diningtable")[0].object_id
        assert memory.find("mug")[0].placement is not None
        memory.forget(table)
        with pytest.raises(UnknownObjectError):
            memory.get(table)
        assert memory.find("mug")[0].placement is None
    with Memory.open(tmp_path / "store") as memory:
        assert [known.label for known in memory.known()] == ["Mug"]
        with pytest.raises(UnknownObjectError):
            memory.forget(table)


def test_doubted_states_are_unknown_and_what_is_missed_is_known_again_elsewhere(tmp_path):
    world = kitchen()
    world.things["mug"].attributes.update(filled=False, dirty=True)
    with Memory.open(tmp_path / "store") as memory:
        memory.write(world.look(0, 0, 0))
        mug, table = memory.find("mug")[0].object_id, memory.find("diningtable")[0].object_id
        memory.brought_about(mug, {"filled": True})
        memory.doubt(mug, {"filled", "hot"})
        assert "filled" not in memory.get(mug).attributes
        assert memory.get(mug).attributes["dirty"] is True
        memory.record(Action(name="PickupObject"), target=mug, succeeded=True, stamp=world.stamp)
        memory.record(Action(name="PutObject"), target=table, succeeded=True, stamp=world.stamp)
        memory.miss(mug)
        assert not memory.contents(table)
    with Memory.open(tmp_path / "store") as memory:
        assert memory.get(mug).status == "gone"
        assert "filled" not in memory.get(mug).attributes
        world.things["mug"].center = (1.8, 0.4, 0.85)
        for _ in range(2):
            memory.write(world.look(0, 0, 0))
        assert [known.object_id for known in memory.find("mug")] == [mug]
        assert memory.get(mug).status != "gone"


def test_what_was_seen_from_a_wrong_pose_is_moved_and_what_was_not_stays(tmp_path):
    world = kitchen()
    turned = RigidTransform.from_components([1.0, 0.0, 0.0], Rotation.from_euler("z", np.pi / 2))
    with Memory.open(tmp_path / "store") as memory:
        memory.write(world.look(0, 0, 0))
        since = memory.stamp + 0.1
        world.add("vase", "Vase", (-2.0, 0.0, 0.5), (0.2, 0.2, 1.0))
        memory.write(world.look(0, 0, np.pi))
        before = {known.object_id: known.box for known in memory.known()}
        vase = memory.find("vase")[0].object_id
        assert memory.shift(since, turned) == (vase,)
        np.testing.assert_allclose(memory.get(vase).position, (1.0, -2.0, 0.5), atol=0.1)
    with Memory.open(tmp_path / "store") as memory:
        np.testing.assert_allclose(memory.get(vase).position, (1.0, -2.0, 0.5), atol=0.1)
        assert memory.shift(memory.stamp + 1, turned) == ()
        for name, box in before.items():
            if name != vase:
                np.testing.assert_allclose(memory.get(name).box, box)
