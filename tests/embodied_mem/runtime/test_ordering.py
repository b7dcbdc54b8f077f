"""Answers in the order in which they were asked for."""

from hypothesis import given
from hypothesis import strategies as st

from embodied_mem.runtime.ordering import in_order
from embodied_mem.runtime.workers import Answer


@given(st.integers(0, 12).flatmap(lambda n: st.permutations(range(n))))
def test_answers_come_in_the_order_of_their_keys(arrival: list[int]):
    keys = [f"job{number}" for number in range(len(arrival))]
    answers = [
        Answer(key=keys[n], result=bytes([n]) * n) if n % 3 else Answer(key=keys[n], error="lost")
        for n in arrival
    ]
    ordered = list(in_order(iter(answers), keys))
    assert [answer.key for answer in ordered] == keys
    assert [answer.result for answer in ordered] == [
        bytes([n]) * n if n % 3 else None for n in range(len(keys))
    ]
