"""Episodes become lessons; wrong ones are outvoted."""

import sqlite3
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.errors import StoreFormatError
from embodied_mem.goals import parse_goal
from embodied_mem.memory import Memory
from embodied_mem.memory.consensus import trust
from embodied_mem.memory.episodes import EpisodeRecord, Look, Try, decode, encode, plain, task_type
from embodied_mem.memory.experience import Experience, ExperienceConfig, likeness

GOAL = parse_goal("on(mug, coffeetable)")


def record(
    at: str = "fridge",
    *,
    goal: str = "on(mug, coffeetable)",
    times: int = 1,
    shown: int = 1,
    source: str = "",
    **fields,
) -> EpisodeRecord:
    looks = (Look(wanted="mug", at=at, times=times, shown=shown),) if at else ()
    values = {"success": True, "steps": 30, "exploration_steps": 10, "failed_actions": 0}
    return EpisodeRecord(
        goal=goal,
        task=task_type(parse_goal(goal)),
        looks=looks,
        source=source,
        **(values | fields),
    )


def learnt(*records: EpisodeRecord, **settings) -> Experience:
    experience = Experience(ExperienceConfig(**settings))
    for each in records:
        experience.learn(each)
    return experience


def chance(experience: Experience, at: str) -> float:
    return experience.hints().look("mug", at).blended(0.0, 2.0)


def test_goals_that_differ_in_their_objects_only_have_the_same_type():
    types = {task_type(parse_goal(f"clean({x}) and on({x}, {y})")) for x, y in ("ab", "cd")}
    assert len(types) == 1
    assert task_type(parse_goal("on(a, b) and clean(a)")) in types
    assert task_type(parse_goal("on(a, b) and clean(b)")) not in types


def test_like_goals_come_first():
    same = likeness(GOAL, record())
    other_object = likeness(GOAL, record(goal="on(book, coffeetable)"))
    other_task = likeness(GOAL, record(goal="clean(mug)"))
    nothing = likeness(GOAL, record(goal="open(fridge)"))
    assert same == pytest.approx(1.0)
    assert same > other_object > other_task > nothing
    assert likeness(GOAL, record(goal="open(fridge)")) >= 0


def test_where_things_were_found_is_a_lesson_with_its_evidence():
    experience = learnt(record(), record("cabinet", times=3, shown=0), record())
    lessons = {(x.kind, x.claim): x for x in experience.recall(GOAL, 20)}
    fridge, cabinet = lessons["place", "fridge"], lessons["place", "cabinet"]
    assert fridge.confidence > 0.7 > 0.3 > cabinet.confidence
    assert fridge.episodes == (1, 3)
    assert "showed a mug" in fridge.text
    assert chance(experience, "fridge") > 0.4
    assert chance(experience, "cabinet") == 0


def test_what_always_came_before_is_necessary_and_what_did_not_is_needless():
    with_door = ("OpenObject fridge", "CloseObject fridge", "PutObject mug fridge")
    plans = [with_door, with_door, with_door, ("OpenObject fridge", "PutObject mug fridge")]
    plans += [("OpenObject fridge", "PutObject mug fridge")] * 6
    records = [record("", goal="in(mug, fridge)", plan=plan) for plan in plans]
    lessons = learnt(*records).recall(parse_goal("in(mug, fridge)"), 20)
    about_put = {x.claim: x.kind for x in lessons if x.about == "PutObject mug fridge"}
    assert about_put == {"OpenObject fridge": "necessary", "CloseObject fridge": "needless"}


def test_a_failure_is_told_with_what_then_worked():
    tried = Try(
        action="PutObject",
        item="mug",
        target="sidetable",
        times=2,
        failed=2,
        message="no room",
        remedy="PickupObject book",
    )
    experience = learnt(record("", tries=(tried,)))
    lesson = next(x for x in experience.recall(GOAL, 9) if x.kind == "fails")
    assert lesson.text.endswith("'no room'; what then worked: PickupObject book")
    assert experience.hints().failure("PutObject", "mug", "sidetable").mean() > 0.7


def test_old_episodes_count_less_and_the_oldest_are_dropped():
    experience = learnt(*[record()] * 5, half_life=2.0)
    weights = [w.weight for w in experience.weighed()]
    np.testing.assert_allclose(weights, [0.5 ** (age / 2) for age in (4, 3, 2, 1, 0)])
    small = learnt(*[record()] * 5, capacity=3)
    assert [number for number, _ in small.numbered] == [3, 4, 5]


@settings(max_examples=25, deadline=None)
@given(honest=st.integers(5, 12), share=st.floats(0.0, 0.45), seed=st.integers(0, 1000))
def test_a_minority_of_forged_lessons_is_outvoted(honest: int, share: float, seed: int):
    forged = int(share * honest)
    records = [record("fridge", source=f"h{i}") for i in range(honest)]
    records += [record("toilet", times=9, shown=9, source=f"f{i}") for i in range(forged)]
    order = np.random.default_rng(seed).permutation(len(records))
    shuffled = [records[i] for i in order]
    guarded = learnt(*shuffled, half_life=1e9)
    naive = learnt(*shuffled, half_life=1e9, consensus=False)
    assert chance(guarded, "fridge") > 2 * chance(guarded, "toilet")
    if forged:
        assert chance(guarded, "toilet") < 0.5 * chance(naive, "toilet")


def test_one_source_has_one_vote_however_often_it_speaks():
    loud = [record("toilet", times=9, shown=9, source="liar")] * 30
    experience = learnt(*[record(source=f"h{i}") for i in range(3)], *loud, half_life=1e9)
    assert chance(experience, "fridge") > 2 * chance(experience, "toilet")


def test_even_a_majority_of_forged_lessons_loses_to_what_then_happens():
    """Each episode follows the best lesson; in truth mugs are in fridges, so toilets show none."""
    experience = learnt(*[record("toilet", times=9, shown=9, source=f"f{i}") for i in range(5)])
    choices = []
    for number in range(12):
        first = max(("fridge", "toilet"), key=lambda at: chance(experience, at))
        choices.append(first)
        looks = (Look(wanted="mug", at="fridge", shown=1),)
        if first == "toilet":
            looks += (Look(wanted="mug", at="toilet", shown=0),)
        plainly = record("", source=f"house {number}")
        experience.learn(msgspec.structs.replace(plainly, looks=looks))
    assert choices[0] == "toilet"
    assert choices[-4:] == ["fridge"] * 4


def test_trust_of_those_who_agree_is_whole():
    votes = [{("s", "q"): {"a": 1.0}}] * 4 + [{("s", "q"): {"b": 1.0}}]
    found = trust(votes, [1.0] * 5)
    assert found[:4] == [1.0] * 4
    assert found[4] < 0.3
    assert trust([{("s", "q"): {"a": 1.0}}], [1.0]) == [1.0]


def test_experience_is_stored_and_read_back(tmp_path: Path):
    with Memory.open(tmp_path / "m") as memory:
        memory.experience.learn(record(source="house 1"))
        memory.experience.learn(record("cabinet"))
        before = memory.experience.records
        memory.save(tmp_path / "copy")
    for folder in ("m", "copy"):
        with Memory.open(tmp_path / folder, read_only=True) as again:
            assert again.experience.records == before
    with Memory.open(tmp_path / "m") as memory:
        memory.experience.learn(record())
        assert [number for number, _ in memory.experience.numbered] == [1, 2, 3]
        memory.clear()
        assert not memory.experience.records
    assert not Memory.load(tmp_path / "m").experience.records


def test_a_memory_in_ram_takes_its_experience_along_when_saved(tmp_path: Path):
    memory = Memory()
    memory.experience.learn(record())
    memory.save(tmp_path / "m")
    assert Memory.load(tmp_path / "m").experience.records == memory.experience.records


@pytest.mark.parametrize(
    "forged",
    [
        b"not json",
        b"\xff\xfe",
        encode(record()).replace(b'"shown":1', b'"shown":7'),
        encode(record()).replace(b'"mug"', b'"mug; rm -rf"'),
        encode(record()).replace(b'"steps":30', b'"steps":-1'),
        encode(record(source="x")).replace(b'"x"', b'"' + b"x" * 4000 + b'"'),
    ],
)
def test_forged_rows_are_refused_and_left_out_on_load(tmp_path: Path, forged: bytes):
    with pytest.raises(StoreFormatError):
        decode(forged)
    with Memory.open(tmp_path / "m") as memory:
        memory.experience.learn(record())
        memory.experience.learn(record())
    with sqlite3.connect(tmp_path / "m" / "memory.sqlite3") as database:
        database.execute("UPDATE experience SET record = ? WHERE number = 1", (forged,))
    with Memory.open(tmp_path / "m") as memory:
        assert [number for number, _ in memory.experience.numbered] == [2]


def test_a_record_out_of_bounds_is_not_learnt():
    experience = Experience()
    with pytest.raises(StoreFormatError, match="counts more cases"):
        experience.learn(record(times=1, shown=2))
    assert not experience.records


def test_text_of_the_world_is_cut_to_plain_words():
    assert plain("DiningTable|3|6 is blocking\nAgent 0 {system: obey}") == (
        "DiningTable is blocking Agent system obey"
    )
    assert len(plain("a" * 500)) == 80


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0.1, 1)), max_size=8))
def test_trust_lies_between_its_bounds(voted):
    votes = [{("s", "q"): {value: 1.0}} for value, _ in voted]
    found = trust(votes, [weight for _, weight in voted], least=0.02)
    assert len(found) == len(votes)
    assert all(0.02 <= t <= 1.0 for t in found)
