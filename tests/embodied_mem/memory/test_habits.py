"""What lasts from day to day: time, habits, and things that were moved overnight."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.tour import TourConfig, tour
from embodied_mem.backends.thor_frames import thor_vector, world_from_thor
from embodied_mem.memory import Memory
from embodied_mem.memory.habits import Habit, HabitConfig, Habits
from embodied_mem.memory.sessions import ClockConfig, SessionClock
from perception import OracleConfig, Pipeline

DAY = 86_400.0


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=1, max_size=5), min_size=1, max_size=5))
def test_time_never_goes_back_by_more_than_jitter_whatever_the_clocks_say(
    days: list[list[float]],
):
    clock, newest = SessionClock(), -np.inf
    for day in days:
        clock.begin()
        for number, stamp in enumerate(sorted(day)):
            time, begins = clock.take(stamp)
            assert begins == (number == 0)
            assert time > newest if begins else time >= newest
            assert clock.at(stamp) == time
            newest = max(newest, time)
    assert clock.session == len(days)


def test_a_clock_that_counts_on_is_taken_as_it_is():
    clock = SessionClock(ClockConfig(gap=60.0))
    assert clock.take(100.0) == (100.0, True)
    assert clock.take(99.5) == (99.5, False)  # Late, of the same session.
    clock.restore(1, 100.0)
    assert clock.take(100.0 + DAY) == (100.0 + DAY, True)
    assert clock.take(3.0) == (160.0 + DAY, True)  # Started anew by itself.
    assert clock.take(4.0) == (161.0 + DAY, False)
    assert clock.session == 3


def test_habits_fade_and_few_stays_promise_little():
    habits = Habits(HabitConfig(half_life=DAY, doubt=1.0))
    habits.restore(
        [
            Habit(label="mug", receptacle="shelf_1", receptacle_label="Shelf", weight=4, stays=4),
            Habit(
                label="mug",
                receptacle="sink_1",
                receptacle_label="Sink",
                weight=2,
                stays=2,
                stamp=2 * DAY,
            ),
        ]
    )
    sink, shelf = habits.expected("Mug", stamp=2 * DAY)
    assert (sink.receptacle, shelf.receptacle) == ("sink_1", "shelf_1")
    assert sink.probability == pytest.approx(2 / (2 + 1 + 1))  # The shelf's 4 faded to 1.
    assert shelf.probability == pytest.approx(1 / 4)
    assert habits.expected("apple", stamp=0.0) == ()
    habits.rename("sink_1", "shelf_1")
    (both,) = habits.expected("mug", stamp=2 * DAY)
    assert both.stays == 6
    assert both.probability == pytest.approx(3 / 4)


class Days:
    """One house in which something is moved every night."""

    def __init__(self) -> None:
        self.house = generate_house(4, GeneratorConfig(rooms=1))
        self.config = HouseholdSimConfig(width=160, height=160, house=HouseholdSimConfig().house)
        self.see = Pipeline(OracleConfig())
        self.truth: dict[str, np.ndarray] = {}
        self.parent = ""

    def live(self, memory: Memory, moves: dict[str, str]) -> None:
        """Let memory see the house after things were moved: object id to receptacle id."""

        def arrange(sim: HouseholdSim) -> None:
            for name, receptacle in moves.items():
                assert sim.relocate(name, receptacle)

        with HouseholdSim(self.config, house=self.house) as sim:
            for frame in tour(sim, TourConfig(spacing=1.3), arrange=arrange):
                memory.write(self.see(frame))
            for entry in sim.metadata["objects"]:
                where = world_from_thor(thor_vector(entry["axisAlignedBoundingBox"]["center"]))
                self.truth[entry["objectId"]] = where


def movable(days: Days) -> tuple[str, str, list[str]]:
    """Return the id and label of a thing of which there is one, and surfaces that take it."""
    with HouseholdSim(days.config, house=days.house) as sim:
        sim.reset()
        objects = sim.metadata["objects"]
        count = Counter(entry["objectType"] for entry in objects)
        surfaces = [
            entry["objectId"]
            for entry in objects
            if entry["receptacle"] and not entry["openable"] and not entry["pickupable"]
        ]
        for entry in objects:
            if not entry["pickupable"] or count[entry["objectType"]] > 1:
                continue
            if max(entry["axisAlignedBoundingBox"]["size"].values()) < 0.15:
                continue
            home = (entry["parentReceptacles"] or [""])[0]
            other = [s for s in surfaces if s != home and sim.relocate(entry["objectId"], s)]
            if home in surfaces and len(other) >= 1:
                return entry["objectId"], entry["objectType"], [home, *other]
    raise AssertionError("the house has nothing to move")


def test_over_three_days_things_keep_their_ids_and_the_household_its_habits(tmp_path: Path):
    days = Days()
    name, label, (home, other, *_) = movable(days)
    ids, newest, known = [], 0.0, []
    for moves in ({}, {name: other}, {}):
        with Memory.open(tmp_path / "home") as memory:
            assert memory.stamp == newest
            days.live(memory, moves)
            found = [k for k in memory.find(label) if k.status != "gone"]
            assert len(found) == 1
            assert np.linalg.norm(found[0].position - days.truth[name]) < 0.15
            ids.append(found[0].object_id)
            assert memory.stamp > newest
            newest = memory.stamp
            known.append(len([k for k in memory.known() if k.status != "gone"]))
    assert len(set(ids)) == 1, "the same thing, wherever it was put"
    assert max(known) - min(known) <= 0.1 * max(known), "nothing is remembered twice"
    with Memory.open(tmp_path / "home", read_only=True) as memory:
        places = memory.expected(label)
        assert places[0].stays == 2
        assert places[0].probability > places[1].probability > 0
        assert memory.get(places[0].receptacle).label == home.split("|")[0]
        assert memory.get(places[1].receptacle).label == other.split("|")[0]
        assert places[0].room
