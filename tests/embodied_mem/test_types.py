"""Frames, percepts and cameras are checked when built; goals and configs when read."""
# ruff: noqa: E501 - messages stand as they are.

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from embodied_mem import doctor
from embodied_mem.config import Config, dump_config, load_config
from embodied_mem.doctor import SIBLINGS, check_siblings
from embodied_mem.errors import (
    ConfigError,
    EmbodiedMemError,
    FrameError,
    GoalError,
    MissingExtraError,
    PackageShadowedError,
    UnknownObjectError,
)
from embodied_mem.goals import Goal, Progress, Term, best_binding, fold, parse_goal
from embodied_mem.types import Action, Camera, Frame, Percept


def frame(**changes) -> Frame:
    usual = Frame(stamp=0.0, rgb=np.zeros((4, 6, 3), np.uint8))
    return replace(usual, **changes)


def percept(**changes) -> Percept:
    usual = Percept(
        frame=frame(),
        masks=np.zeros((1, 4, 6), bool),
        labels=("Mug",),
        scores=np.ones(1),
        features=np.ones((1, 1), np.float32),
        points=(np.zeros((0, 3), np.float32),),
        boxes=np.full((1, 2, 3), np.nan),
        attributes=({},),
    )
    return replace(usual, **changes)


def test_what_does_not_fit_together_is_refused_with_both_sizes():
    told = []
    for build in (
        lambda: frame(rgb=np.zeros((4, 6), np.uint8)),
        lambda: frame(rgb=np.zeros((4, 6, 3), np.float32)),
        lambda: frame(stamp=float("nan")),
        lambda: frame(depth=np.zeros((2, 3), np.float32)),
        lambda: frame(camera=Camera.from_fov(8, 4, 1.0)),
        lambda: Camera.from_fov(8, 4, 4.0),
        lambda: Camera(width=0, height=4, fx=1, fy=1, cx=0, cy=0),
        lambda: Camera(width=3, height=4, fx=-1, fy=1, cx=0, cy=0),
        lambda: percept(labels=()),
        lambda: percept(masks=np.zeros((1, 2, 2), bool)),
    ):
        with pytest.raises(FrameError) as caught:
            build()
        told.append(str(caught.value))
    assert told == snapshot(
        [
            "rgb must be uint8 (h, w, 3), got uint8 (4, 6).",
            "rgb must be uint8 (h, w, 3), got float32 (4, 6, 3).",
            "stamp must be a finite time [s], got nan.",
            "depth must match rgb, (4, 6), got (2, 3). Resize depth with nearest-neighbour sampling first.",
            "camera is 8x4, but rgb is 6x4. Scale the intrinsics with the image.",
            "field of view must lie in (0, pi) rad, got 4.0.",
            "a camera needs at least 1x1 pixels, got 0x4.",
            "focal lengths must be positive [px], got -1, 1.",
            "a percept of 0 labels needs 0 of each field, got {'masks': 1, 'scores': 1, 'features': 1, 'points': 1, 'boxes': 1, 'attributes': 1}.",
            "masks must be (n, h, w) with (h, w) = (4, 6), got (1, 2, 2).",
        ]
    )


@given(
    width=st.integers(1, 2000), height=st.integers(1, 2000), fov=st.floats(0.05, 3.0),
)  # fmt: skip
def test_the_field_of_view_spans_the_image(width: int, height: int, fov: float):
    camera = Camera.from_fov(width, height, fov)
    top = camera.project(np.array([[0.0, -np.tan(fov / 2), 1.0], [0.0, np.tan(fov / 2), 1.0]]))
    np.testing.assert_allclose(top, [[width / 2, 0], [width / 2, height]], atol=1e-6 * height)


def test_what_lies_behind_the_camera_has_no_pixel():
    camera = Camera.from_fov(8, 8, 1.0)
    assert np.isnan(camera.project(np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0]]))).all()


def test_actions_read_well():
    action = Action(name="PickupObject", arguments={"x": 0.51234, "y": 0.25, "force": True})
    assert str(action) == snapshot("PickupObject(x=0.512, y=0.25, force=True)")


labels = st.sampled_from(["mug", "apple", "fridge", "coffeetable"])
terms = st.builds(Term, labels, st.integers(1, 3))
atoms = st.one_of(
    st.builds(lambda p, t: f"{p}({t})", st.sampled_from(["clean", "on", "hot", "held"]), terms),
    st.builds(lambda p, a, b: f"{p}({a}, {b})", st.sampled_from(["on", "in"]), terms, terms),
)


@given(st.lists(atoms, min_size=1, max_size=4))
def test_a_goal_that_is_written_reads_the_same(parts: list[str]):
    goal = parse_goal(" and ".join(parts))
    assert parse_goal(str(goal)).atoms == goal.atoms
    assert set(goal.terms()) == {term for atom in goal.atoms for term in atom.terms}


def test_counts_spread_over_different_objects():
    assert str(parse_goal("2 on(mug, Coffee Table)")) == snapshot(
        "on(mug, coffeetable) and on(mug#2, coffeetable)"
    )
    assert parse_goal("on(a,b) & on(a,b); on(a,b)").atoms == parse_goal("on(a, b)").atoms


def test_goals_that_cannot_be_read_name_the_words():
    told = []
    for text in ("", "put a mug", "happy(mug)", "on(a, b, c)", "on(, b)", "99 clean(mug)", "on(7)"):
        with pytest.raises(GoalError) as caught:
            parse_goal(text)
        told.append(str(caught.value))
    assert told == snapshot(
        [
            "cannot read '' in goal ''. Write `predicate(object)` or `relation(object, place)`, joined by `and`.",
            "cannot read 'put a mug' in goal 'put a mug'. Write `predicate(object)` or `relation(object, place)`, joined by `and`.",
            "unknown predicate happy/1 in goal 'happy(mug)'. States: clean, dirty, sliced, cooked, hot, cold, filled, empty, open, closed, on, off, broken, held. Relations: on, in.",
            "unknown predicate on/3 in goal 'on(a, b, c)'. States: clean, dirty, sliced, cooked, hot, cold, filled, empty, open, closed, on, off, broken, held. Relations: on, in.",
            "'' in goal 'on(, b)' is not the name of an object.",
            "a count must lie in 1..20, got 99 in goal '99 clean(mug)'.",
            "'7' in goal 'on(7)' is not the name of an object.",
        ]
    )


def brute_force(goal: Goal, things: dict[str, list[int]], true: set) -> int:
    """Try every assignment of different things."""
    all_terms = goal.terms()

    def best(left: tuple[Term, ...], chosen: dict[Term, int | None]) -> int:
        if not left:
            return sum(tuple(chosen[t] for t in atom.terms) in true for atom in goal.atoms)
        options = [n for n in things.get(left[0].label, []) if n not in chosen.values()]
        return max(best(left[1:], chosen | {left[0]: n}) for n in [*options, None])

    return best(all_terms, {})


@given(st.data())
def test_the_best_binding_meets_as_much_as_any(data):
    goal = parse_goal(" and ".join(data.draw(st.lists(atoms, min_size=1, max_size=3))))
    things = {"mug": [1, 2], "apple": [3], "fridge": [4, 5], "coffeetable": []}
    numbers = st.integers(1, 5)
    true = data.draw(st.sets(st.one_of(st.tuples(numbers), st.tuples(numbers, numbers))))
    candidates = {term: things[term.label] for term in goal.terms()}
    binding, progress = best_binding(goal, candidates, lambda _, values: values in true)
    assert progress == Progress(brute_force(goal, things, true), len(goal.atoms))
    assert len(set(binding.values())) == len(binding)


def test_labels_are_compared_by_their_letters():
    assert fold("Coffee Table_3") == fold("coffeeTable") == "coffeetable"


class Tiny(Config, frozen=True):
    """A config."""

    rooms: int = 3
    name: str = "x"


def test_a_config_reads_what_it_wrote(tmp_path: Path):
    (tmp_path / "c.yaml").write_text(dump_config(Tiny(rooms=5)))
    assert load_config(tmp_path / "c.yaml", Tiny) == Tiny(rooms=5)


def test_a_wrong_config_is_one_sentence_with_the_place(tmp_path: Path):
    told = []
    for text in ("romms: 3", "rooms: many", "rooms: [", None):
        path = tmp_path / ("none.yaml" if text is None else "c.yaml")
        if text is not None:
            path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load_config(path, Tiny)
        told.append(str(caught.value).replace(str(tmp_path), "").splitlines()[0])
    assert told == snapshot(
        [
            "config /c.yaml is not a Tiny: Object contains unknown field `romms`.",
            "config /c.yaml is not a Tiny: Expected `int`, got `str` - at `$.rooms`.",
            "config /c.yaml is not a Tiny: while parsing a flow node",
            "cannot read config /none.yaml: No such file or directory.",
        ]
    )


def test_errors_tell_what_to_do():
    for error in (
        UnknownObjectError("mug", ["cup", "bowl"]),
        UnknownObjectError("mug", []),
        MissingExtraError("the planner", "plan"),
    ):
        assert isinstance(error, EmbodiedMemError)
    assert str(UnknownObjectError("mug", ["cup", "bowl"])) == snapshot(
        "no object labelled 'mug' in memory. Known labels: bowl, cup."
    )
    assert str(MissingExtraError("the planner", "plan")) == snapshot(
        "the planner needs packages that are not installed. Run `pip install 'embodied-mem[plan]'`."
    )


def test_our_packages_are_ours(monkeypatch: pytest.MonkeyPatch):
    check_siblings()
    monkeypatch.setattr(doctor, "packages_distributions", lambda: {"planners": ["planners"]})
    with pytest.raises(PackageShadowedError, match="pip package planners"):
        check_siblings()
    assert "planners" in SIBLINGS
