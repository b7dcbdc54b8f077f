"""The ballet: its dances, who may move when, and that only the past tells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied_mem.backends.ballet import (
    AGENT,
    BEATS,
    DANCER,
    DANCES,
    MOVES,
    PLACES,
    WALL,
    Ballet,
    BalletConfig,
    BalletStep,
    image,
    watched,
)
from embodied_mem.errors import ConfigError

CONFIGS = st.builds(BalletConfig, dancers=st.sampled_from([2, 4, 8]), delay=st.integers(1, 48))


def test_dances_are_sixteen_steps_to_a_neighbouring_cell_and_end_where_they_began() -> None:
    assert len(DANCES) == 13
    assert len(set(DANCES.values())) == 13
    for path in DANCES.values():
        assert len(path) == BEATS
        assert path[-1] == "5"
        where = [((int(key) - 1) // 3, (int(key) - 1) % 3) for key in "5" + path]
        steps = np.abs(np.diff(where, axis=0))
        assert (steps.max(1) == 1).all()


@settings(max_examples=20, deadline=None)
@given(config=CONFIGS, seed=st.integers(0, 10**6))
def test_one_dances_at_a_time_and_the_agent_watches(config: BalletConfig, seed: int) -> None:
    ballet = Ballet(config)
    seen = [ballet.reset(seed)]
    for step in range(ballet.watching):
        seen.append(ballet.step(step % len(MOVES)))
        assert (seen[-1].instruction == "watch") == (step + 1 < ballet.watching)
    home = seen[0].cells
    assert (home >= DANCER).sum() == config.dancers
    for number, (name, place) in enumerate(zip(ballet.dances, ballet.places, strict=True)):
        begun = 1 + number * (BEATS + config.delay)
        for beat, key in enumerate(DANCES[name]):
            row, column = divmod(int(key) - 1, 3)
            moved = seen[begun + beat].cells[place[0] + 1 - row, place[1] + column - 1]
            assert moved == home[place]
        for pause in range(config.delay):
            np.testing.assert_array_equal(seen[begun + BEATS + pause].cells, home)
    np.testing.assert_array_equal(ballet.seen_watching(), [step.cells for step in seen])
    assert all(step.cells[5, 5] == AGENT for step in seen)
    assert (seen[-1].cells[0] == WALL).all()


@settings(max_examples=30, deadline=None)
@given(config=CONFIGS, seed=st.integers(0, 10**6), off=st.integers(0, 1))
def test_only_the_way_to_the_dancer_asked_for_is_rewarded(
    config: BalletConfig, seed: int, off: int
) -> None:
    ballet = Ballet(config)
    ballet.reset(seed)
    for _ in range(ballet.watching):
        assert ballet.step(0).reward == 0
    towards = ballet.places[(ballet.asked + off) % config.dancers]
    last = walked(ballet, towards)
    assert last.is_over
    assert last.reward == (1 - off)
    with pytest.raises(ConfigError, match="ballet is over"):
        ballet.step(0)


def walked(ballet: Ballet, place: tuple[int, int]) -> BalletStep:
    """Walk three cells from the middle: each of the eight places lies in one of the directions."""
    way = tuple(int(np.sign(to - start)) for to, start in zip(place, (5, 5), strict=True))
    action = MOVES.index((way[0], way[1]))
    for _ in range(2):
        ballet.step(action)
    return ballet.step(action)


def test_an_agent_that_does_not_choose_runs_out_of_time() -> None:
    ballet = Ballet(BalletConfig(dancers=2))
    step = ballet.reset(0)
    moves, steps = (0, 4), 0  # North and back: the dancers are three cells away.
    while not step.is_over:
        step = ballet.step(moves[steps % 2])
        steps += 1
    assert step.reward == 0
    assert steps == ballet.watching + 32


def test_what_was_watched_holds_the_answer_and_its_last_frame_does_not() -> None:
    seen, asked, answers = watched(BalletConfig(dancers=8, delay=1), range(40))
    assert seen.shape == (40, 8 * 17 + 2, 11, 11)
    assert set(asked.tolist()) <= set(range(13))
    last = {cells.tobytes() for cells in (seen[:, -1] >= DANCER)}
    assert len(last) == 1  # Eight dancers stand at all places, whatever they danced.
    assert len(set(answers.tolist())) == len(PLACES)


def test_images_tell_dancers_apart() -> None:
    drawn = image(Ballet(BalletConfig(dancers=8)).reset(0).cells)
    assert drawn.shape == (99, 99, 3)
    patches = {drawn[9 * r : 9 * r + 9, 9 * c : 9 * c + 9].tobytes() for r, c in PLACES}
    assert len(patches) == 8


def test_a_stage_has_room_for_eight() -> None:
    with pytest.raises(ConfigError, match="1 to 8 dancers"):
        BalletConfig(dancers=9)
