from collections.abc import Iterator, Sequence

import pytest

import sim_configs
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource, load_house
from embodied_mem.backends.task_kinds import Stock, Task
from embodied_mem.backends.task_sampling import sample_task_kinds, sample_tasks, spoils_nothing
from embodied_mem.backends.tasks import judge_goal, load_tasks
from embodied_mem.errors import ConfigError, GoalError
from embodied_mem.goals import fold, parse_goal
from embodied_mem.types import Action


def house_with_kitchen(rooms: int) -> HouseSource:
    sources = (HouseSource(seed=seed, rooms=rooms) for seed in range(20))
    return next(
        source
        for source in sources
        if any(room.roomType == "Kitchen" for room in load_house(source).rooms)
    )


@pytest.fixture(scope="module", params=[2, 4], ids=["two rooms", "four rooms"])
def sim(request: pytest.FixtureRequest) -> Iterator[HouseholdSim]:
    source = house_with_kitchen(request.param)
    with HouseholdSim(HouseholdSimConfig(house=source, width=64, height=64)) as made:
        made.reset()
        yield made


def test_same_seed_gives_the_same_tasks(sim: HouseholdSim):
    assert sample_tasks(sim.engine, 4, 5) == sample_tasks(sim.engine, 4, 5)
    assert len({sample_tasks(sim.engine, 4, seed) for seed in range(5)}) > 1


def test_tasks_are_different_mixed_and_not_done_yet(sim: HouseholdSim):
    tasks = sample_task_kinds(sim.engine, 6, 0)
    assert len({task.goal.atoms for task in tasks}) == 6
    assert len({task.kind for task in tasks}) >= 4
    assert not any(sim.judge(task.goal).complete for task in tasks)


def test_drawing_changes_nothing(sim: HouseholdSim):
    version = sim.engine.simulation.world.version
    sample_tasks(sim.engine, 3, 2)
    assert sim.engine.simulation.world.version == version


def test_goals_speak_of_what_is_there(sim: HouseholdSim):
    kinds = {fold(entry["objectType"]) for entry in sim.metadata["objects"]}
    for seed in range(5):
        for goal in sample_tasks(sim.engine, 4, seed):
            assert {term.label for term in goal.terms()} <= kinds


def test_no_task_needs_what_another_destroys(sim: HouseholdSim):
    for seed in range(20):
        tasks = sample_task_kinds(sim.engine, 5, seed)
        gone = [label for task in tasks for label in task.destroyed]
        used = {label for task in tasks for label in task.moved | task.needed}
        assert not used & set(gone)
        assert len(set(gone)) == len(gone)


def test_objects_of_tasks_can_be_interacted_with(sim: HouseholdSim):
    """What rays from a few places promise, AI2-THOR's own search over all poses confirms."""
    stock = Stock(sim.engine)
    small = [item for items in stock.portable().values() for item in items][:6]
    assert small
    for item in small:
        action = {"action": "GetInteractablePoses", "objectId": item.object_id}
        result = sim.engine.step(action)
        assert result.metadata["lastActionSuccess"]
        assert result.metadata["actionReturn"], item.object_id


def force(sim: HouseholdSim, name: str, *items: str) -> None:
    """Carry out an action on an object from afar, and insist that it works."""
    target = {"objectId": items[0], "forceAction": True} if items else {}
    step = sim.step(Action(name=name, arguments=target))
    assert step.action_success, f"{name} {items}: {step.message}"


def carry(sim: HouseholdSim, item: str, places: Sequence[str]) -> str:
    """Put an object on or in the first of some places that has room, opening and closing it."""
    force(sim, "PickupObject", item)
    for place in places:
        opens = sim.engine.world.objects[place].has("openable")
        if opens:
            sim.step(Action(name="OpenObject", arguments={"objectId": place, "forceAction": True}))
        put = {"objectId": place, "forceAction": True}
        if sim.step(Action(name="PutObject", arguments=put)).action_success:
            if opens:
                force(sim, "CloseObject", place)
            return place
    raise AssertionError(f"no room for {item} in {places}")


def carry_out(sim: HouseholdSim, task: Task) -> None:
    """Do a task by force, as its recipe says: this tells whether the house allows it at all."""
    world = sim.engine.world
    of = {}
    for item in world.objects.values():
        if not item.removed:
            of.setdefault(fold(item.type_name), []).append(item.object_id)
    label = task.goal.atoms[0].terms[0].label
    by_state = {atom.predicate for atom in task.goal.atoms if len(atom.terms) == 1}
    places = [[item.object_id for item in places] for _, places in task.places]
    moved = [[item.object_id for item in items] for items, _ in task.places]
    match task.kind:
        case "put" | "store" | "pair":
            for item in moved[0]:
                carry(sim, item, places[0])
        case "clean" | "fill":
            carry(sim, moved[0][0], places[0])
            for faucet in of["faucet"]:
                force(sim, "ToggleObjectOn", faucet)
        case "heat" | "cook":
            machine = carry(sim, moved[0][0], places[0])
            force(sim, "ToggleObjectOn", machine)
            force(sim, "ToggleObjectOff", machine)
        case "cool":
            carry(sim, moved[0][0], places[0])
        case "slice":
            force(sim, "SliceObject", of[label][0])
        case "toggle":
            for item in of[label]:
                force(sim, "ToggleObjectOn" if by_state == {"on"} else "ToggleObjectOff", item)
        case "open":
            for item in of[label]:
                force(sim, "OpenObject" if by_state == {"open"} else "CloseObject", item)
    if len(places) > 1:
        carry(sim, moved[1][0], places[1])


def test_tasks_can_be_carried_out_one_after_another(sim: HouseholdSim):
    kinds = set()
    for seed in range(6):
        sim.reset()
        for task in sample_task_kinds(sim.engine, 5, seed):
            if sim.engine.simulation.held is not None:
                force(sim, "DropHandObject")
            carry_out(sim, task)
            assert sim.judge(task.goal).complete, str(task.goal)
            kinds.add(task.kind)
    sim.reset()
    assert len(kinds) >= 7


def test_too_many_tasks_are_refused_with_a_reason(sim: HouseholdSim):
    with pytest.raises(GoalError, match=r"only \d+ different tasks .* 5000 were asked"):
        sample_tasks(sim.engine, 5000, 0)


def test_small_house_still_has_three_tasks():
    for seed in range(4):
        source = HouseSource(seed=seed, rooms=1)
        with HouseholdSim(HouseholdSimConfig(house=source, width=64, height=64)) as sim:
            sim.reset()
            assert len(set(sample_tasks(sim.engine, 3, seed))) == 3


def test_slicing_excludes_using_the_same_thing():
    slicing = Task(kind="slice", goal=parse_goal("sliced(apple)"), destroyed=frozenset({"apple"}))
    moving = Task(kind="put", goal=parse_goal("on(apple, desk)"), moved=frozenset({"apple"}))
    assert not spoils_nothing(moving, [slicing])
    assert not spoils_nothing(slicing, [moving])
    assert not spoils_nothing(slicing, [slicing])
    assert spoils_nothing(moving, [moving])


@pytest.mark.parametrize("name", ["kitchen", "tidy_up", "evening"])
def test_named_tasks_can_be_read_and_judged(sim: HouseholdSim, name: str):
    tasks = load_tasks(str(sim_configs.path(f"tasks/{name}")))
    assert tasks
    for goal in tasks.values():
        assert judge_goal(goal, sim.metadata["objects"]).total == len(goal.atoms)


def test_file_that_is_no_task_list_is_told():
    with pytest.raises(ConfigError, match="is not a TaskList"):
        load_tasks(str(sim_configs.path("household/kitchen")))
