"""What an episode leaves behind as experience."""

from pathlib import Path

from box_backend import BoxBackend, ScriptedPlanner, box_percept
from box_world import BoxWorld

from embodied_mem.goals import Progress, parse_goal
from embodied_mem.interfaces import Decision, Outcome, Seeking, Step
from embodied_mem.memory import Memory
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.runtime.episode import INTERRUPTED
from embodied_mem.runtime.lessons import LessonKeeper
from embodied_mem.types import Action

GOAL = parse_goal("on(mug, table)")


class Story:
    """Tells a keeper an episode, step by step, over a memory of a real world of boxes."""

    def __init__(self, goal=GOAL):
        self.world = BoxWorld()
        self.world.add("table", "Table", (2.0, 0.0, 0.4), (1.0, 1.6, 0.8))
        self.world.add("fridge", "Fridge", (2.0, 2.0, 0.9), (0.7, 0.7, 1.8), open=False)
        self.memory, self.keeper = Memory(), LessonKeeper(source="house 7")
        self.goal, self.steps = goal, 0
        self.look()
        self.keeper.on_start(goal, self.memory)

    def look(self):
        self.percept = self.world.look(0.0, 0.0, 0.3, 0.3)
        self.memory.write(self.percept)

    def decide(self, action: str, target: str | None = None, *, after="", **fields):
        """The last action ended with a message, or well; now this is decided."""
        step = Step(frame=self.percept.frame, action_success=not after, message=after)
        decision = Decision(action=Action(name=action), target=target, **fields)
        self.keeper.on_step(step, self.percept, decision, self.memory)
        self.steps += 1

    def end(self, reason="done"):
        outcome = Outcome(
            goal=self.goal,
            success=True,
            progress=Progress(1, 1),
            steps=self.steps,
            failed_actions=1,
            exploration_steps=2,
            path_length=1.0,
            seconds=1.0,
            reason=reason,
        )
        self.keeper.on_end(outcome, self.memory)
        return self.memory.experience.records


def test_a_failure_is_kept_with_what_then_worked():
    story = Story()
    story.decide("PutObject", "table_1")
    story.decide("OpenObject", "fridge_1", after="No valid positions for Table|1|2.")
    story.decide("PutObject", "table_1")
    story.decide("Done")
    (record,) = story.end()
    tries = {(t.action, t.target): t for t in record.tries}
    put = tries["PutObject", "table"]
    assert (put.times, put.failed) == (2, 1)
    assert put.message == "No valid positions for Table ."
    assert put.remedy == "OpenObject fridge"
    assert record.plan == ("OpenObject fridge", "PutObject table")
    assert record.source == "house 7"
    assert record.task == "on(a, b)"


def test_a_look_that_shows_the_thing_counts_for_its_place_and_one_in_vain_against():
    story = Story()
    frontier, fridge = (
        Seeking(number=n, wanted=("mug",), at=at) for n, at in ((1, "frontier"), (2, "fridge"))
    )
    story.decide("MoveAhead", phase="explore", seeking=frontier)
    story.decide("MoveAhead", phase="explore", seeking=frontier)
    story.decide("OpenObject", "fridge_1", phase="explore", seeking=fridge)
    story.world.things["fridge"].attributes["open"] = True
    story.world.add("mug", "Mug", (1.6, 2.0, 0.9), (0.1, 0.1, 0.1))
    story.look()
    story.decide("PickupObject", "mug_1")
    (record,) = story.end()
    looks = {(x.wanted, x.at): (x.times, x.shown) for x in record.looks}
    assert looks["mug", "frontier"] == (1, 0)
    assert sum(shown for (_, at), (_, shown) in looks.items() if at != "frontier") == 1


def test_what_is_broken_off_from_outside_teaches_nothing():
    for reason in (INTERRUPTED, "failed: the disk is full"):
        story = Story()
        story.decide("PutObject", "table_1")
        assert story.end(reason) == ()


def test_a_whole_episode_is_learnt_and_stored(tmp_path: Path):
    with Memory.open(tmp_path / "m") as memory:
        agent = Agent(perceive=box_percept, memory=memory, planner=ScriptedPlanner([]))
        goal = parse_goal("on(floorlamp)")
        run_episode(BoxBackend(), agent, goal=goal, subscribers=[LessonKeeper()])
    assert [r.goal for r in Memory.load(tmp_path / "m").experience.records] == ["on(floorlamp)"]
