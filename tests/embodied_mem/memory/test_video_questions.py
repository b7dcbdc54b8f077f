"""Questions about videos become typed filters."""

import pytest

from embodied_mem.memory.events.question import parse


@pytest.mark.parametrize(
    ("text", "after", "before"),
    [
        ("what happened between 0:10 and 1:20?", 10, 80),
        ("what happened between 10 and 20 s?", 10, 20),
        ("who came after 1:02:03?", 3723, None),
        ("what moved in the first minute?", None, 60),
        ("what moved in the last 2 minutes?", 480, None),
        ("did someone leave before 90 seconds?", None, 90),
        ("where was the cube at 14 s?", 13, 15),
        ("what is red?", None, None),
    ],
)
def test_times_are_read(text: str, after: float | None, before: float | None):
    question = parse(text, duration=600.0)
    assert (question.after, question.before) == (after, before)


def test_a_side_is_no_leaving_and_a_leaving_no_side():
    side = parse("what came in on the left?")
    assert (side.column, side.kinds) == ("left", {"came"})
    gone = parse("when has the last visitor left?")
    assert gone.column is None
    assert "left" in gone.kinds
    assert gone.order == "last"


def test_a_noun_that_goes_with_a_colour_is_known_by_the_colour():
    question = parse("under which cup was the green cube hidden?")
    assert question.wanted == "where"
    assert question.colours == ("green",)
    assert question.named == ("cube",)
    assert "hidden" in question.kinds


def test_what_is_wanted_is_read():
    assert parse("how many people came by?").wanted == "count"
    assert parse("when did it start?").wanted == "when"
    assert parse("where is the red thing?").wanted == "where"
    assert parse("did someone enter?").wanted == "whether"
    assert parse("what happened?").wanted == "what"


def test_other_words_are_kept_for_the_captions():
    assert parse("when did the elephant appear?").words == ("elephant",)
