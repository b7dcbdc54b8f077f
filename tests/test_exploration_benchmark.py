"""The benchmark of what memory saves of exploration: its numbers, and what counts as shown."""

import numpy as np
import pytest

from benchmarks import exploration as bench
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.goals import parse_goal


def row(seed: int, condition: bench.Condition, number: int, exploring: int, *, shown: bool = False):
    return bench.Row(seed, condition, number, "on(a, b)", shown, True, 10, exploring)  # noqa: FBT003


ROWS = [
    row(0, "keep", 0, 40), row(0, "clear", 0, 40),
    row(0, "keep", 1, 0, shown=True), row(0, "clear", 1, 20),
    row(1, "keep", 0, 20), row(1, "clear", 0, 20),
    row(1, "keep", 1, 30), row(1, "clear", 1, 40, shown=True),
]  # fmt: skip


def test_the_ratio_counts_all_houses_together():
    assert bench.ratio(ROWS) == 90 / 120
    low, high = bench.interval(ROWS)
    assert (low, high) == pytest.approx((40 / 60, 50 / 60))  # A draw of either house alone.


def test_tasks_are_told_apart_by_what_memory_could_have_held(capsys):
    """The row of `keep` decides: with memory cleared, other things come into view."""
    bench.show(ROWS)
    said = capsys.readouterr().out
    assert "| 2 | 22.5 | 30.0 | 0.75 | 0.67 to 0.83 | 0.50 |" in said
    assert "| was in view before | 1 | 0.0 | 20.0 | 0.00 |" in said
    assert "| was not | 1 | 30.0 | 40.0 | 0.75 |" in said


def test_a_type_is_shown_when_as_many_of_it_were_in_view_as_are_asked_for():
    with HouseholdSim(HouseholdSimConfig(house=HouseSource(seed=3, rooms=1))) as sim:
        sim.reset()
        witness = bench.Witness(sim)
        kinds = [(e["objectId"], e["objectType"]) for e in sim.metadata["objects"]]
        names, counts = np.unique([kind for _, kind in kinds], return_counts=True)
        kind = str(names[counts == 1][0])
        assert not witness.has_shown(parse_goal(f"clean({kind})"))
        witness.seen.update(name for name, other in kinds if other == kind)
        assert witness.has_shown(parse_goal(f"clean({kind})"))
        assert not witness.has_shown(parse_goal(f"clean({kind}) and clean({kind}#2)"))
