"""States: one misread frame changes nothing, the agent's own doing and certainty do."""

from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.memory.attributes import SETTLED, fuse, settle
from embodied_mem.types import AttributeValue


@given(before=st.booleans(), sightings=st.integers(2, 9))
def test_one_misread_frame_does_not_change_a_settled_state(before: bool, sightings: int):
    values, strengths = {}, {}
    for _ in range(sightings):
        fuse(values, strengths, {"open": before}, 0.9)
    fuse(values, strengths, {"open": not before}, 0.9)
    assert values["open"] is before


@given(before=st.booleans(), sightings=st.integers(0, 9))
def test_a_change_that_lasts_is_believed_after_as_many_frames_as_it_takes_to_settle(
    before: bool, sightings: int
):
    values, strengths = {}, {}
    for _ in range(sightings):
        fuse(values, strengths, {"open": before}, 0.9)
    for _ in range(SETTLED):
        fuse(values, strengths, {"open": not before}, 0.9)
    assert values["open"] is (not before)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.5, 1.0))))
def test_strength_is_bounded_and_every_value_has_one(seen: list[tuple[bool, float]]):
    values, strengths = {}, {}
    for value, score in seen:
        fuse(values, strengths, {"on": value}, score)
        assert 1 <= strengths["on"] <= SETTLED
        assert values.keys() == strengths.keys()


def test_a_certain_detector_is_believed_at_once():
    values: dict[str, AttributeValue] = {"dirty": True}
    strengths = {"dirty": SETTLED}
    fuse(values, strengths, {"dirty": False}, 1.0)
    assert values == {"dirty": False}


def test_the_agents_own_doing_outlasts_one_contrary_frame():
    values, strengths = {}, {}
    settle(values, strengths, "open", value=True)
    fuse(values, strengths, {"open": False}, 0.8)
    assert values == {"open": True}
