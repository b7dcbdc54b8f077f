"""Task files: what is shipped is sound, what is not sound is named; houses hold what is wanted."""
# ruff: noqa: E501 - messages stand as they are.

from pathlib import Path

import msgspec
import pytest
from inline_snapshot import snapshot

from embodied_mem.app.graded import stays
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.catalog import can_hold, object_types
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.schema import House, walk
from embodied_mem.backends.household.wanted import WantedThing
from embodied_mem.backends.privileged import Expert, tour
from embodied_mem.backends.stage import Stage
from embodied_mem.backends.task_files import (
    Budget,
    SuiteTask,
    TaskHouse,
    TaskStep,
    load_suite_file,
    suite_files,
)
from embodied_mem.backends.tasks import judge_goal
from embodied_mem.errors import ConfigError, GoalError, HouseError
from embodied_mem.goals import Term, fold, parse_goal
from embodied_mem.memory.dual import DualMemory
from embodied_mem.types import Action
from planners.reference import read_instruction

TYPES = {fold(name): name for name in object_types()}


def shipped() -> list[tuple[str, SuiteTask]]:
    return [
        (name, task)
        for suite in ("alfred-l", "graded")
        for name, file in suite_files(suite)
        for task in file.tasks
    ]


def test_the_suites_have_the_tasks_that_they_should():
    counts: dict[str, int] = {}
    for name, _ in shipped():
        counts[name] = counts.get(name, 0) + 1
    alfred = {name: n for name, n in counts.items() if name.startswith("alfred_l")}
    assert alfred == {"alfred_l/simple": 15, "alfred_l/composite": 15, "alfred_l/complex": 18}
    for level in ("simple", "composite", "complex"):
        names = [task.name for name, task in shipped() if name == f"graded/{level}"]
        assert names == [f"{level}-{n:02d}" for n in range(1, len(names) + 1)]
        assert len(names) <= 60
    assert counts["graded/complex"] == 60
    plans = {task.floor_plan for name, task in shipped() if name.startswith("alfred_l")}
    assert len(plans) == 26


def test_every_instruction_is_understood_and_every_place_can_hold_what_it_gets():
    memory = DualMemory(stays=stays)
    for _, task in shipped():
        for step in (*task.before, *task.steps):
            if step.words == "slice it":
                with pytest.raises(GoalError, match="'it' does not refer"):
                    read_instruction(step.words, memory)
                continue
            reading = read_instruction(step.words, memory)
            assert bool(reading.referring) >= bool(step.fixed or step.excluded), (task.name, step)
            for atom in step.parsed().atoms:
                kinds = [TYPES.get(term.label) for term in atom.terms]
                small, large = kinds[0], kinds[-1]
                if len(kinds) == 2 and small is not None and large is not None:
                    pieces = {small, f"{small}Sliced", f"{small}Cracked"} & object_types().keys()
                    assert any(can_hold(large, piece) for piece in pieces), (task.name, str(atom))


def test_mistakes_in_task_files_are_one_sentence_each(tmp_path: Path):
    said = {}
    good = {"name": "t", "house": {"seed": 1}, "steps": [{"goal": "on(mug, desk)"}]}
    for what, change in {
        "no steps": {"steps": []},
        "a slot": {"steps": [{"goal": "on(mug, desk)", "fixed": {"mug": "used"}}]},
        "a term": {"steps": [{"goal": "on(mug, desk)", "fixed": {"cup": "used"}}]},
        "a goal": {"steps": [{"goal": "near(mug, desk)"}]},
        "a type": {"house": {"seed": 1, "things": [{"type": "Mugg"}]}},
        "a place": {"house": {"seed": 1, "things": [{"type": "Bed"}]}},
        "a field": {"step": []},
    }.items():
        path = tmp_path / "t.yaml"
        path.write_bytes(msgspec.yaml.encode({"suite": "s", "tasks": [good | change]}))
        with pytest.raises(ConfigError) as caught:
            load_suite_file(path)
        said[what] = str(caught.value).replace(str(tmp_path), "")
    assert said == snapshot(
        {
            "no steps": "config /t.yaml is not a SuiteFile: task t has no steps. - at `$.tasks[0]`.",
            "a slot": "config /t.yaml is not a SuiteFile: task t fixes 'mug' to the slot 'used', which no earlier step remembers. Known slots: none. - at `$.tasks[0]`.",
            "a term": "config /t.yaml is not a SuiteFile: task t fixes 'cup', of which its goal 'on(mug, desk)' is silent. - at `$.tasks[0]`.",
            "a goal": "config /t.yaml is not a SuiteFile: task t: unknown predicate near/2 in goal 'near(mug, desk)'. States: clean, dirty, sliced, cooked, hot, cold, filled, empty, open, closed, on, off, broken, held. Relations: on, in. - at `$.tasks[0]`.",
            "a type": "config /t.yaml is not a SuiteFile: no object type 'Mugg'. Types are spelt as in `CoffeeTable`. - at `$.tasks[0].house.things[0]`.",
            "a place": "config /t.yaml is not a SuiteFile: Bed is not a small thing: ask for it as furniture. - at `$.tasks[0].house.things[0]`.",
            "a field": "config /t.yaml is not a SuiteFile: Object contains unknown field `step` - at `$.tasks[0]`.",
        }
    )


def things(house: House, kind: str) -> list[tuple[str, str]]:
    return [
        (item.assetId, parent.objectType or "")
        for item, parent in walk(house.objects)
        if item.objectType == kind and parent is not None
    ]


@pytest.fixture(scope="module", name="house")
def a_house() -> House:
    wanted = (
        WantedThing(type="Mug", count=3),
        WantedThing(type="Book", on="Bed", dirty=None),
        WantedThing(type="Plate", room="Kitchen", dirty=True),
        WantedThing(type="Knife", count=0),
    )
    config = GeneratorConfig(
        rooms=3, closed_doors=0.0, furniture={"Bedroom": ("Dresser",)}, things=wanted
    )
    return generate_house(12, config)


def test_a_generated_house_has_what_is_wanted_and_as_many(house: House):
    assert sorted(look for look, _ in things(house, "Mug")) == ["Mug_1", "Mug_2", "Mug_3"]
    assert [place for _, place in things(house, "Book")] == ["Bed"]
    assert not things(house, "Knife")
    assert [item.isDirty for item, _ in walk(house.objects) if item.objectType == "Plate"] == [True]
    assert any(item.objectType == "Dresser" for item in house.objects)


def test_wishes_change_nothing_for_who_has_none():
    plain = msgspec.json.encode(generate_house(4, GeneratorConfig(rooms=2)))
    empty = GeneratorConfig(rooms=2, furniture={}, things=())
    assert msgspec.json.encode(generate_house(4, empty)) == plain


def test_what_is_wanted_gets_room_where_all_is_taken():
    many = WantedThing(type="Mug", count=3, on="CounterTop")
    house = generate_house(3, GeneratorConfig(spec="kitchen", density=8.0, things=(many,)))
    assert [place for _, place in things(house, "Mug")] == ["CounterTop"] * 3


@pytest.mark.parametrize(
    "task", [t for name, t in shipped() if name.startswith("alfred_l")], ids=lambda t: t.name
)
def test_each_house_of_alfred_l_has_what_its_goals_name(task: SuiteTask):
    house = generate_house(task.house.seed, task.house.generator())
    there = {fold(str(item.objectType)) for item, _ in walk(house.objects)}
    asked = {term.label for step in (*task.before, *task.steps) for term in step.parsed().terms()}
    fixed = {"lightswitch", "place", "eggcracked"}  # In walls; slots; what comes of an egg.
    assert asked - there <= fixed


def test_what_cannot_be_placed_is_named():
    config = GeneratorConfig(rooms=1, spec="bathroom", things=(WantedThing(type="Pot", on="Desk"),))
    with pytest.raises(HouseError, match="no place for a Pot on a Desk"):
        generate_house(1, config)


@pytest.fixture(scope="module", name="stage")
def a_stage(house: House) -> Stage:
    task = SuiteTask(
        name="t",
        house=TaskHouse(seed=12),
        steps=(TaskStep(goal="on(mug, bed)", remember={"used": "mug", "origin": "from mug"}),),
    )
    stage = Stage(task, HouseholdSimConfig(width=64, height=64), house)
    stage.reset()
    return stage


def test_a_tour_sees_every_room_and_runs_into_nothing(stage: Stage):
    rooms = set()
    shell = stage.sim.engine.world.shell
    for action in tour(stage.sim.engine):
        assert stage.step(action).action_success, action
        agent = stage.sim.metadata["agent"]["position"]
        rooms.add(shell.room_at(agent["x"], agent["z"]))
    assert len(rooms) == len(shell.rooms)


def test_a_twin_stands_where_the_original_stands(stage: Stage):
    mug = next(e for e in stage.sim.metadata["objects"] if e["objectType"] == "Mug")
    force = {"objectId": mug["objectId"], "forceAction": True}
    assert stage.step(Action(name="PickupObject", arguments=force)).action_success
    bed = next(e for e in stage.sim.metadata["objects"] if e["objectType"] == "Bed")
    force = {"objectId": bed["objectId"], "forceAction": True}
    assert stage.step(Action(name="PutObject", arguments=force)).action_success
    assert stage.conclude(stage.task.steps[0])
    assert stage.slots == {"used": mug["objectId"], "origin": mug["parentReceptacles"][0]}
    twin = stage.twin()
    assert twin.sim.metadata["objects"] == stage.sim.metadata["objects"]
    assert twin.sim.metadata["agent"] == stage.sim.metadata["agent"]
    assert twin.slots == stage.slots


def test_a_goal_for_one_object_is_not_met_by_its_likes(stage: Stage):
    objects = stage.sim.metadata["objects"]
    goal, mug = parse_goal("on(mug, bed)"), Term("mug")
    mugs = [e["objectId"] for e in objects if e["objectType"] == "Mug"]
    used = stage.slots["used"]
    assert judge_goal(goal, objects).complete
    assert judge_goal(goal, objects, {mug: used}).complete
    for other in set(mugs) - {used}:
        assert not judge_goal(goal, objects, {mug: other}).complete
    assert not judge_goal(goal, objects, excluded={mug: used}).complete


def test_an_expert_needs_less_for_less_and_nothing_for_what_is_done(house: House):
    with HouseholdSim(HouseholdSimConfig(width=64, height=64), house=house) as sim:
        sim.reset()
        lengths = [
            Expert(sim.engine).steps([parse_goal(goal)], [{}])
            for goal in (
                "on(book, bed)",
                "on(book, dresser)",
                "on(book, dresser) and clean(plate)",
            )
        ]
        assert lengths[0] == 0 < lengths[1] < lengths[2]
    assert Budget(factor=2.0, extra=10).steps(30) == 70
