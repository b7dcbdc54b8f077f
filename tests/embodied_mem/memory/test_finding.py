"""Filters and several rankings: what answers are made of."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from embodied_mem.memory.events.answers import Answerer
from embodied_mem.memory.events.finding import AnswerConfig, Finder
from embodied_mem.memory.events.index import Batch, EventIndex
from embodied_mem.memory.events.question import parse
from embodied_mem.memory.events.records import EventRow, VideoRow


def put(index: EventIndex, *events: EventRow) -> None:
    video = index.begin(
        VideoRow(id=0, name="a", path="a", digest="a", quick="a", settings="{}", seconds=0.0,
                 done=False, note="")
    )  # fmt: skip
    index.add(video.id, Batch(events=list(events), seconds=1.0, checkpoint=b""))


def moment(start: float, caption: str = "Something came.", **more) -> EventRow:
    row = {"video": 1, "level": "moment", "kind": "came", "stop": start, "first": 0, "last": 0}
    return EventRow(start=start, caption=caption, **(row | more))


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float16)


@pytest.fixture
def index(tmp_path: Path):
    with EventIndex(tmp_path / "m") as opened:
        yield opened


def test_what_many_others_say_does_not_push_out_the_asked_time(index: EventIndex):
    many = [moment(float(at), "The camera moved.") for at in range(400)]
    put(index, *many, moment(500.0, "The camera moved, and then nothing did for a long while."))
    reply = Answerer(index)(parse("when was that camera after 450 s?"))
    assert [answer.start for answer in reply.answers] == [500.0]


def test_a_picture_alone_finds_what_looks_most_alike_first(index: EventIndex):
    put(index, moment(1.0, vector=unit(1, 0, 0)), moment(2.0, vector=unit(1, 1, 0)),
        moment(3.0, vector=unit(0, 0, 1)), moment(4.0, vector=unit(1, 0.1, 0)))  # fmt: skip
    found = Finder(index)(parse(""), like=np.array([1.0, 0.02, 0.0]))
    assert [one.event.start for one in found] == [1.0, 4.0]
    assert all(one.fit > 0.99 for one in found)
    wide = Finder(index, AnswerConfig(alike=0.5))(parse(""), like=np.array([1.0, 0.0, 0.0]))
    assert [one.event.start for one in wide] == [1.0, 4.0, 2.0]


def test_a_picture_is_looked_for_in_the_asked_time_only(index: EventIndex):
    put(index, moment(1.0, vector=unit(1, 0)), moment(5.0, vector=unit(1, 0.2)))
    late = msgspec.structs.replace(parse(""), after=3.0)
    assert [one.event.start for one in Finder(index)(late, like=np.array([1.0, 0.0]))] == [5.0]


def test_a_picture_and_words_must_both_fit(index: EventIndex):
    put(index, moment(1.0, vector=unit(1, 0)), moment(2.0, kind="left", vector=unit(1, 0)),
        moment(3.0, kind="left", vector=unit(0, 1)))  # fmt: skip
    found = Finder(index)(parse("when did something leave?"), like=np.array([1.0, 0.0]))
    assert [one.event.start for one in found] == [2.0]
    none = Answerer(index)(parse("what left after 2.5 s?"), like=np.array([1.0, 0.0]))
    assert (none.seen, none.sentence) == (False, "not seen: nothing that looks alike was seen.")


def test_vectors_of_another_width_look_like_nothing(index: EventIndex):
    put(index, moment(1.0, vector=unit(1, 0, 0)), moment(2.0))
    assert Finder(index)(parse(""), like=np.array([1.0, 0.0])) == []
    assert Finder(index)(parse("what came?"), like=np.array([1.0, 0.0])) == []


class Synonyms:
    """An encoder that knows that a feline is a cat, and nothing else."""

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        cats = [any(word in text for word in ("cat", "feline")) for text in texts]
        return np.array([[cat, not cat] for cat in cats], np.float32)


def test_with_an_encoder_meanings_are_found_without_their_words(index: EventIndex):
    put(index, moment(1.0, "A dog came."), moment(2.0, "A cat came."))
    asked = parse("when did the feline come?")
    assert Answerer(index)(asked).unknown == "feline"
    found = Answerer(index, encoder=Synonyms())(asked)
    assert [answer.start for answer in found.answers] == [2.0]


def test_each_part_of_the_fusion_moves_the_order(index: EventIndex):
    tied = {"things": [("cup", "it")]}
    put(index, moment(1.0, "Red.", **tied), moment(50.0, "Red."), moment(99.0, "Pale.", **tied))

    def order(**weights: float) -> list[float]:
        silent = AnswerConfig(fits=0.0, words=0.0, graph=0.0, recency=0.0)
        config = msgspec.structs.replace(silent, **weights)
        found = Finder(index, config)(parse("what happened?"))
        return [one.event.start for one in found]

    assert order(recency=1.0) == [99.0, 50.0, 1.0]
    assert order() == [1.0, 50.0, 99.0]
    # The middle one has two neighbours in time, the others each other through their thing.
    assert order(graph=1.0) != order()
