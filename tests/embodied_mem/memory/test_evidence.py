"""Appearing, moving, vanishing: what memory concludes from what it sees and does not see."""

from dataclasses import replace

import numpy as np
import pytest
from box_world import BoxWorld, percept_from, without

from embodied_mem.errors import UnknownObjectError
from embodied_mem.memory import Memory
from embodied_mem.memory.memory import MemoryConfig
from embodied_mem.memory.object_buffer import BufferConfig
from embodied_mem.types import Action, Frame, Percept

TABLE = ("table", "DiningTable", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))


def table_world(**spots: tuple[float, float]) -> BoxWorld:
    """Return a table with named mugs on it."""
    world = BoxWorld()
    world.add(*TABLE)
    for name, (x, y) in spots.items():
        world.add(name, "Mug", (x, y, 0.85), (0.1, 0.1, 0.1))
    return world


def test_equal_mugs_side_by_side_stay_two_and_keep_their_ids():
    world, memory = table_world(left=(1.8, 0.06), right=(1.8, -0.06)), Memory()
    first = memory.write(world.look(0, 0, 0))
    mugs = {k.object_id: k.position[1] for k in memory.find("mug")}
    assert len(mugs) == 2
    for x, y, yaw in [(0, 0.3, -0.1), (0.5, -0.8, 0.5), (0.2, 0.9, -0.5), (2.0, -2.0, 1.57)]:
        report = memory.write(world.look(x, y, yaw))
        assert set(report.ids) == set(first.ids)
    for known in memory.find("mug"):
        assert known.position[1] == pytest.approx(mugs[known.object_id], abs=0.03)


def test_of_two_equal_mugs_seen_one_at_a_time_each_gets_its_own_id():
    world, memory = table_world(left=(1.8, 0.06)), Memory()
    memory.write(world.look(0, 0, 0))
    world.add("right", "Mug", (1.8, -0.06, 0.85), (0.1, 0.1, 0.1))
    memory.write(world.look(0, 0, 0))
    assert len(memory.find("mug")) == 2


def test_a_bed_seen_piece_by_piece_stays_one():
    world, memory = BoxWorld(), Memory()
    world.add("bed", "Bed", (1.6, 0.0, 0.3), (1.8, 3.6, 0.6))
    for yaw in (1.2, 0.9, 0.6, 0.3, 0.0, -0.3, -0.6, -0.9, -1.2):
        memory.write(world.look(0, 0, yaw, 0.4))
    (bed,) = memory.find("bed")
    assert bed.size[1] == pytest.approx(3.6, abs=0.1)


def test_what_a_detector_misses_is_not_gone_while_its_surface_is_seen():
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    memory.write(world.look(0, 0, 0))
    for _ in range(6):
        memory.write(without(world.look(0, 0, 0), "Mug"))
    assert memory.find("mug")[0].status == "present"


def test_a_flat_thing_is_gone_when_the_table_is_seen_in_its_place():
    world, memory = table_world(), Memory()
    world.add("book", "Book", (1.8, 0.0, 0.805), (0.2, 0.25, 0.01))
    memory.write(world.look(0.6, 0, 0, 0.6))
    del world.things["book"]
    for _ in range(5):
        memory.write(world.look(0.6, 0, 0, 0.6))
    assert memory.find("book")[0].status == "gone"


def test_two_frames_must_agree_that_a_thing_is_gone():
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    memory.write(world.look(0, 0, 0))
    mug = world.things.pop("mug")
    assert memory.write(world.look(0, 0, 0)).gone == ()
    world.things["mug"] = mug
    memory.write(world.look(0, 0, 0))
    del world.things["mug"]
    assert memory.write(world.look(0, 0, 0)).gone == ()
    assert memory.write(world.look(0, 0, 0)).gone == ("mug_1",)
    assert memory.find("mug")[0].confidence < 0.5


def test_unknown_depth_is_no_evidence():
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    memory.write(world.look(0, 0, 0))
    del world.things["mug"]
    for value in (np.nan, 0.0):
        for _ in range(4):
            frame, ids = world.frame(0, 0, 0)
            assert frame.depth is not None
            blind = np.full_like(frame.depth, value)
            blind_frame = Frame(
                stamp=frame.stamp,
                rgb=frame.rgb,
                depth=blind,
                camera=frame.camera,
                T_world_camera=frame.T_world_camera,
                T_world_body=frame.T_world_body,
            )
            memory.write(percept_from(blind_frame, np.zeros_like(ids), []))
    assert memory.find("mug")[0].status == "present"


def test_what_is_behind_a_closed_door_is_believed():
    world, memory = BoxWorld(), Memory()
    world.add("apple", "Apple", (2.0, 0.0, 1.0), (0.1, 0.1, 0.1))
    memory.write(world.look(0, 0, 0))
    world.add("fridge", "Fridge", (2.0, 0.0, 0.9), (0.8, 0.8, 1.8), open=False)
    for x, y, yaw in [(0, 0, 0), (0.3, 0.5, -0.3), (0.0, -0.5, 0.2)] * 2:
        memory.write(world.look(x, y, yaw))
    assert memory.find("apple")[0].status == "present"


def test_a_thing_moved_elsewhere_is_the_same_thing():
    world, memory = table_world(mug=(1.7, 0.6)), Memory()
    for _ in range(2):
        memory.write(world.look(0, 0, 0))
    world.things["mug"].center = (1.7, -0.6, 0.85)
    report = memory.write(world.look(0, 0, 0))
    assert report.moved == ("mug_1",)
    assert memory.get("mug_1").status == "moved"
    assert [k.object_id for k in memory.since(0.4)] == ["mug_1"]
    before, now = memory.where("mug_1", at=0.5), memory.where("mug_1")
    assert (before.stamp, now.stamp) == pytest.approx((0.4, 0.6))
    assert before.box[0, 1] > 0 > now.box[1, 1]
    with pytest.raises(UnknownObjectError):
        memory.where("mug_1", at=0.1)


def test_what_lies_in_a_carried_bowl_travels_with_it():
    world, memory = table_world(), Memory()
    world.add("bowl", "Bowl", (1.7, 0.0, 0.84), (0.2, 0.2, 0.08))
    world.add("egg", "Egg", (1.7, 0.0, 0.89), (0.06, 0.06, 0.06))
    memory.write(world.look(0.6, 0, 0, 0.5))
    placement = memory.find("egg")[0].placement
    assert placement is not None
    assert placement.parent == "bowl_1"
    memory.record(Action(name="PickupObject"), target="bowl_1", succeeded=True, stamp=1.0)
    assert [memory.get(name).status for name in ("bowl_1", "egg_1")] == ["held", "held"]
    world.things["bowl"].center = (-0.2, 0.45, 1.1)
    world.things["egg"].center = (-0.2, 0.45, 1.15)
    memory.write(world.look(0, 0, 2.0))
    assert len(memory) == 3
    memory.record(Action(name="PutObject"), target="diningtable_1", succeeded=True, stamp=2.0)
    world.things["bowl"].center = (1.7, 0.5, 0.84)
    world.things["egg"].center = (1.7, 0.5, 0.89)
    memory.write(world.look(0.6, 0, 0, 0.5))
    assert len(memory) == 3
    assert memory.get("bowl_1").position[1] == pytest.approx(0.5, abs=0.05)
    assert memory.get("egg_1").status == "moved"


def test_slices_are_new_things_and_the_whole_is_gone():
    world, memory = table_world(), Memory()
    world.add("apple", "Apple", (1.8, 0.0, 0.85), (0.1, 0.1, 0.1))
    memory.write(world.look(0, 0, 0))
    memory.record(Action(name="SliceObject"), target="apple_1", succeeded=True, stamp=0.3)
    del world.things["apple"]
    for k in range(3):
        world.add(f"slice {k}", "AppleSliced", (1.8, k * 0.08, 0.83), (0.06, 0.06, 0.06))
    memory.write(world.look(0, 0, 0))
    assert memory.get("apple_1").status == "gone"
    assert memory.get("apple_1").attributes["sliced"] is True
    assert len(memory.find("AppleSliced")) == 3


def test_a_failed_action_changes_nothing():
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    memory.write(world.look(0, 0, 0))
    memory.record(Action(name="PickupObject"), target="mug_1", succeeded=False, stamp=0.3)
    assert memory.held is None


def test_a_wrong_label_adds_no_object_and_the_votes_decide():
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    features = world.look(0, 0, 0).features
    for number in range(5):
        world.things["mug"].label = "Cup" if number == 2 else "Mug"
        memory.write(replace(world.look(0, 0, 0), features=features))
    assert sorted(k.label for k in memory.known()) == ["DiningTable", "Mug"]
    assert memory.find("mug")[0].label_scores["Cup"] == pytest.approx(0.2)


def test_capacity_is_kept_and_the_table_under_things_stays():
    memory = Memory(MemoryConfig(objects=BufferConfig(capacity=5)))
    world = table_world()
    for number in range(8):
        world.add(f"m{number}", f"Thing{'abcdefgh'[number]}", (1.8, 0, 0.85), (0.1, 0.1, 0.1))
    things = {name: world.things.pop(name) for name in list(world.things) if name != "table"}
    for name, thing in things.items():
        world.things[name] = thing
        thing.center = (1.8, 0.1 * len(world.things) - 0.5, 0.85)
        report = memory.write(world.look(0, 0, 0))
        assert len(memory) <= 5
        assert all(name not in memory.objects.entries for name in report.evicted)
        memory.graph.check()
    assert memory.find("diningtable")


@pytest.mark.parametrize("has_depth", [False, True])
def test_without_depth_things_are_remembered_by_label_and_unmeasured_glimpses_are_not(
    has_depth: bool,
):
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    percept = world.look(0, 0, 0)
    blind = replace(
        percept,
        frame=percept.frame if has_depth else replace(percept.frame, depth=None),
        points=tuple(np.zeros((0, 3), np.float32) for _ in percept.labels),
        boxes=np.full_like(percept.boxes, np.nan),
    )
    memory.write(blind)
    memory.write(blind)
    if has_depth:  # The sensor measures, but not these: they are found when it does.
        assert len(memory) == 0
        return
    assert np.isnan(memory.find("mug")[0].box).all()
    assert memory.near(np.zeros(3), 100.0) == ()
    assert len(memory) == 2


def test_an_empty_view_of_nothing_changes_nothing():
    world, memory = BoxWorld(), Memory()
    report = memory.write(world.look(0, 0, 0))
    assert (report.ids, len(memory)) == ((), 0)
    assert memory.in_view() == {}


def test_what_perception_says_is_in_the_hand_is_held_and_no_obstacle():
    world, memory = table_world(mug=(0.5, 0.0)), Memory()
    percept = world.look(0, 0, 0)
    states = tuple({"held": True} if label == "Mug" else {} for label in percept.labels)
    memory.write(replace(percept, attributes=states))
    assert memory.held is not None
    assert memory.held.label == "Mug"
    memory.write(replace(world.look(0, 0, 0.4), attributes=states))
    assert [known.status for known in memory.find("mug")] == ["held"]


def relabelled(percept: Percept, old: str, new: str, score: float = 0.6) -> Percept:
    """Return the percept of a detector that takes one label for another."""
    hit = [name == old for name in percept.labels]
    return replace(
        percept,
        labels=tuple(new if h else name for h, name in zip(hit, percept.labels, strict=True)),
        scores=np.where(hit, score, percept.scores),
    )


def test_a_thing_under_a_wrong_label_stays_the_same_thing():
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    for _ in range(3):
        memory.write(world.look(0, 0, 0))
    report = memory.write(relabelled(world.look(0, 0.2, 0), "Mug", "Bowl"))
    assert "mug_1" in report.ids
    assert report.appeared == ()
    assert memory.get("mug_1").label == "Mug"


def test_a_weak_detection_that_nothing_confirms_is_forgotten():
    world, memory = table_world(), Memory()
    memory.write(world.look(0, 0, 0))
    world.add("ghost", "Vase", (1.8, 0.0, 0.9), (0.1, 0.1, 0.2))
    memory.write(relabelled(world.look(0, 0, 0), "Vase", "Vase", score=0.4))
    assert "vase_1" in memory.objects.entries
    del world.things["ghost"]
    report = memory.write(world.look(0, 0, 0))
    assert "vase_1" not in memory.objects.entries
    assert report.gone == ()


def test_what_was_found_elsewhere_first_is_one_thing_once_its_old_place_is_seen_empty():
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    for x, yaw in ((0, np.pi), (0, np.pi), (0, 0)):
        memory.write(world.look(x, 0, yaw))
    world.things["mug"].center = (-1.6, 0.0, 0.05)
    report = memory.write(world.look(0, 0, np.pi))
    assert report.appeared == ("mug_2",)  # The table is out of sight: it may be another one.
    reports = [memory.write(world.look(0, 0, 0)) for _ in range(2)]
    assert [name for report in reports for name in report.moved] == ["mug_1"]
    assert [known.object_id for known in memory.find("mug")] == ["mug_1"]
    assert memory.get("mug_2").object_id == "mug_1"
    np.testing.assert_allclose(memory.get("mug_1").position, (-1.6, 0.0, 0.05), atol=0.05)


def test_two_equal_things_seen_at_once_are_not_taken_for_one_that_moved():
    world, memory = table_world(left=(1.8, 0.3), right=(1.8, -0.3)), Memory()
    memory.write(world.look(0, 0, 0))
    del world.things["left"]
    for _ in range(3):
        memory.write(world.look(0, 0, 0))
    assert [known.status for known in memory.find("mug")] == ["present", "gone"]


def test_stray_views_do_not_swell_a_small_thing():
    world, memory = table_world(mug=(1.8, 0.0)), Memory()
    for turn in range(12):
        percept = world.look(0.6, 0.02 * turn, 0.0, 0.5)
        if turn % 4 == 2:
            index = percept.labels.index("Mug")
            wide = np.array([[-0.3, -0.3, 0.0], [0.3, 0.3, 0.2]])
            boxes = percept.boxes.copy()
            boxes[index] += wide
            spilt = np.concatenate((percept.points[index], boxes[index].astype(np.float32)))
            points = [*percept.points[:index], spilt, *percept.points[index + 1 :]]
            percept = replace(percept, boxes=boxes, points=tuple(points))
        memory.write(percept)
    assert (memory.find("mug")[0].size < 0.25).all()


def halved(percept: Percept, label: str, *, both: bool = False) -> Percept:
    """Return the percept of a detector that cuts a thing in two, and may miss the upper part."""
    index = percept.labels.index(label)
    mask, points = percept.masks[index], percept.points[index]
    middle = np.flatnonzero(mask.any(axis=1)).mean()
    below = (np.arange(len(mask)) > middle)[:, None]
    rows, _ = np.nonzero(mask)
    parts = [(mask & below, points[rows > middle]), (mask & ~below, points[rows <= middle])]
    kept = without(percept, label)
    chosen = [index, index] if both else [index]
    parts = parts[: len(chosen)]
    ends = np.array([[p.min(axis=0), p.max(axis=0)] for _, p in parts])
    return replace(
        kept,
        masks=np.concatenate((kept.masks, np.array([m for m, _ in parts]))),
        labels=(*kept.labels, *[label] * len(chosen)),
        scores=np.concatenate((kept.scores, percept.scores[chosen])),
        features=np.concatenate((kept.features, percept.features[chosen])),
        points=(*kept.points, *(p for _, p in parts)),
        boxes=np.concatenate((kept.boxes, ends)),
        attributes=(*kept.attributes, *(percept.attributes[i] for i in chosen)),
    )


def test_what_was_first_seen_in_part_soon_has_its_whole_size():
    world, memory = table_world(), Memory()
    world.add("vase", "Vase", (1.8, 0.0, 1.0), (0.1, 0.1, 0.4))
    memory.write(halved(world.look(0.6, 0, 0, 0.4), "Vase"))
    assert memory.find("vase")[0].size[2] < 0.3
    for turn in range(3):
        memory.write(world.look(0.6, 0.02 * turn, 0, 0.4))
    (vase,) = memory.find("vase")
    assert vase.size[2] > 0.35


def test_a_part_of_what_was_thought_gone_brings_it_back_in_its_size():
    world, memory = table_world(), Memory()
    vase = world.add("vase", "Vase", (1.8, 0.0, 1.0), (0.1, 0.1, 0.4))
    for turn in range(3):
        memory.write(world.look(0.6, 0.02 * turn, 0, 0.4))
    del world.things["vase"]
    for _ in range(3):
        memory.write(world.look(0.6, 0, 0, 0.4))
    assert memory.find("vase")[0].status == "gone"
    world.things["vase"] = vase
    memory.write(halved(world.look(0.6, 0, 0, 0.4), "Vase", both=True))
    (found,) = memory.find("vase")
    assert found.status != "gone"
    assert found.size[2] > 0.33


def test_far_stray_depth_neither_stretches_a_known_thing_nor_makes_another():
    world, memory = BoxWorld(), Memory()
    world.add("chair", "Chair", (4.0, 0.0, 0.45), (0.5, 0.5, 0.9))
    for turn in range(3):
        memory.write(world.look(2.2, 0.1 * turn, 0, 0.4))
    rng = np.random.default_rng(0)
    for _ in range(4):
        far = world.look(-0.5, 0, 0, 0.1)
        assert far.frame.depth is not None
        noise = rng.normal(0, 0.005, far.frame.depth.shape) * far.frame.depth**2
        boxes = far.boxes.copy()
        boxes[0] += np.array([[-0.2, -0.3, 0.0], [0.5, 0.3, 0.0]])  # The wall behind, in part.
        frame = replace(far.frame, depth=(far.frame.depth + noise).astype(np.float32))
        memory.write(replace(far, frame=frame, boxes=boxes))
    (chair,) = memory.find("chair")
    assert chair.size[:2].max() < 0.75


def test_a_scrap_of_what_is_in_the_hand_is_no_other_thing():
    world, memory = table_world(), Memory()
    world.add("mug", "Mug", (1.7, 0.0, 0.85), (0.1, 0.1, 0.1))
    memory.write(world.look(0.6, 0, 0, 0.5))
    memory.record(Action(name="PickupObject"), target="mug_1", succeeded=True, stamp=1.0)
    world.things["mug"].center = (1.1, 0.0, 1.25)
    memory.write(cut_off(world.look(0.6, 0, 0, 0.5), "Mug"))
    assert [k.object_id for k in memory.find("mug")] == ["mug_1"]
    assert memory.get("mug_1").status == "held"
    assert memory.in_view()["mug_1"] is not None


def cut_off(percept: Percept, label: str) -> Percept:
    """Split the last columns off a thing's mask; by their depth they lie on the table."""
    thing, table = percept.labels.index(label), percept.labels.index("DiningTable")
    masks = np.concatenate((percept.masks, percept.masks[thing : thing + 1]))
    columns = np.flatnonzero(masks[thing].any(axis=0))
    masks[thing, :, columns[-2:]] = False
    masks[-1, :, columns[:-2]] = False
    assert masks[thing].sum() > 2 * masks[-1].sum() > 0
    far = percept.points[table][:40]
    return replace(
        percept,
        masks=masks,
        labels=(*percept.labels, label),
        scores=np.append(percept.scores, 0.75),
        attributes=(*percept.attributes, {}),
        source_ids=None,
        features=np.concatenate((percept.features, percept.features[thing : thing + 1])),
        points=(*percept.points, far),
        boxes=np.concatenate((percept.boxes, np.stack((far.min(0), far.max(0)))[None])),
    )
