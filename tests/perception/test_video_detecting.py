"""Videos looked at by a detector: names in captions and answers, banks, and going on with them."""

import random
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from film_server import run, server
from films import SCRIPT, content, remember_by_name, write_minute
from films import settings as plain_settings
from named_films import BANK, SHORT, remember_named, settings
from tiny_models import tiny_detector, use_tiny_networks

from embodied_mem.app.video_look import LookChoice
from embodied_mem.app.video_ray import ChunkJob, Observations, look_at
from embodied_mem.errors import ConfigError
from embodied_mem.memory.events import checkpoint
from embodied_mem.memory.events.answers import Answerer, Reply
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import parse
from embodied_mem.memory.run_lengths import decode
from embodied_mem.video.samples import quick_digest
from embodied_mem.video.scripted import REGIONS
from perception import OpenVocabularyConfig, TorchvisionConfig, torchvision_detector
from perception.video import detecting
from perception.video.backtrack import answer
from perception.video.chunks import Chunk, Observation
from perception.video.detecting import VideoDetectorConfig
from perception.video.eye import Glance, WatcherConfig
from perception.video.intake import IntakeConfig, take_in
from perception.video.look import GridLook
from perception.video.sighting import Sighting
from perception.video.teller import Teller


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_detector, "build_network", torchvision_detector.build_network)
    use_tiny_networks()  # Until the real ones are put back.


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventIndex]:
    """A minute, looked at by a detector that knows cups and persons."""
    folder = tmp_path_factory.mktemp("named")
    film = write_minute(folder / "minute.mp4")
    with EventIndex(folder / "store") as opened:
        remember_by_name(opened, film)
        yield opened


def asked(index: EventIndex, text: str) -> Reply:
    answerer = Answerer(index)
    return answerer(parse(text, duration=answerer.duration))


def test_things_are_called_what_the_detector_calls_them(index: EventIndex):
    labels = [(thing.label, thing.name, thing.kind) for thing in index.things()]
    assert labels == [("person", "person", "mover")] * 2 + [("cup", "cup", "thing")] * 2
    captions = [event.caption for event in index.events("level = 'moment'")]
    assert "A person came in at the left." in captions
    assert any(caption.startswith("A red cup appeared at the top left") for caption in captions)
    assert all(event.confidence <= 0.9 for event in index.events("level = 'moment'"))
    assert any("person" in event.caption for event in index.events("level = 'segment'"))


def test_questions_are_asked_by_name(index: EventIndex):
    people = asked(index, "how many people came by?")
    assert people.sentence == "2 visits"
    for found, passer in zip(people.answers, (SCRIPT.events[0], SCRIPT.events[2]), strict=True):
        assert found.start == pytest.approx(passer.start, abs=0.8)
        assert found.stop == pytest.approx(passer.stop, abs=0.8)
        assert "taken for" not in found.text
    assert asked(index, "how many cups were there?").sentence == "2 things"
    seen = asked(index, "when was the cup seen?")
    assert sorted(round(found.start) for found in seen.answers) == [25, 46]
    last = asked(index, "when was the cup last seen?").answers[0]
    assert last.start == pytest.approx(46, abs=0.6)
    assert asked(index, "when was the person first seen?").answers[0].start < 12
    (red,) = asked(index, "when did the red cup appear?").answers
    assert red.start == pytest.approx(25, abs=0.6)
    assert "taken for" not in red.text
    assert "bottom right" in asked(index, "where was the green cup?").sentence


def test_what_has_another_name_was_not_seen(index: EventIndex):
    assert asked(index, "when was the elephant seen?").unknown == "elephant"
    assert not asked(index, "when did the red ball appear?").seen
    assert not asked(index, "when did the robot arm come?").seen
    assert not asked(index, "when did the blue cup appear?").seen


def test_what_a_detector_looked_at_has_no_closer_look(index: EventIndex):
    found = answer(index, parse("when did something blue appear?"))
    assert (found.looked, found.reply.seen) == (0.0, False)


def test_outlines_are_kept_of_every_picture(index: EventIndex):
    paths = [path for path in index.paths(1) if "thing" in path.thing]
    planted = [event for event in SCRIPT.events if event.kind == "square"]
    assert len(paths) >= len(planted)
    for path in paths:
        details = index.details(1, set(path.positions.tolist()))
        event = next(e for e in planted if e.start - 1 < path.stamps[0] < e.stop + 1)
        x, y = REGIONS[event.region]
        for position in path.positions.tolist():
            told = details[path.thing, position]
            assert told.score == 0.9
            assert told.outline is not None
            assert len(told.outline.counts) <= 1024
            rows, columns = np.nonzero(decode(told.outline))
            assert np.mean(rows) / told.outline.height == pytest.approx(y, abs=0.05)
            assert np.mean(columns) / told.outline.width == pytest.approx(x, abs=0.05)


def cup_at(x: float) -> Sighting:
    share = np.eye(11, dtype=np.float32)[3]
    return Sighting(
        box=(x, 0.4, x + 0.1, 0.5), centre=(x + 0.05, 0.45), area=0.01, colours=share, name="cup",
        score=0.8,
    )  # fmt: skip


@pytest.mark.parametrize("steady", [True, False])
def test_what_the_camera_moves_was_not_moved(*, steady: bool):
    teller, told = Teller(1, WatcherConfig()), []
    for number in range(40):
        x = 0.2 + 0.03 * min(max(number - 10, 0), 10)
        glance = Glance(
            movers=[], things=[cup_at(x)], steady=steady or not 10 < number < 20, motion=0.0,
            vector=np.ones(1, np.float32),
        )  # fmt: skip
        told += teller(glance, number / 5).events
    assert [event.kind for event in told] == (["moved"] if steady else [])
    (presence,) = teller.finish(8.0).events
    assert presence.caption.startswith("A red cup was there from the start")
    assert presence.confidence == 0.8


def test_names_are_the_detectors_own_words():
    assert detecting.name_of("Mug", {"called": "cup"}) == "cup"
    assert detecting.name_of("DiningTable", {}) == "dining table"
    assert detecting.name_of("person", {}) == "person"
    assert VideoDetectorConfig(perception=TorchvisionConfig()).outlines
    faster = TorchvisionConfig(architecture="fasterrcnn_resnet50_fpn_v2")
    assert not VideoDetectorConfig(perception=faster).outlines
    assert not VideoDetectorConfig(perception=OpenVocabularyConfig(model="a")).outlines


# -- banks, and going on ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_minute(tmp_path_factory.mktemp("short") / "short.mp4", SHORT)


@pytest.fixture(scope="module")
def weights(short: Path) -> Path:
    return short.with_name("tiny.safetensors")


@pytest.fixture(scope="module")
def banked(short: Path, weights: Path) -> Path:
    folder = short.with_name("banked")
    with pytest.MonkeyPatch.context() as patch, EventIndex(folder) as index:
        patch.setattr(torchvision_detector, "build_network", torchvision_detector.build_network)
        remember_named(index, short, weights)
    return folder


def test_a_bank_makes_a_difference(short: Path, weights: Path, banked: Path, tmp_path: Path):
    with EventIndex(tmp_path / "store") as index:
        remember_named(index, short, weights, bank=None)
        assert {thing.name for thing in index.things()} <= {"cup", "person", "book", "chair"}
        assert index.things()
    without, with_bank = content(tmp_path / "store"), content(banked)
    assert without["paths"] != with_bank["paths"]
    assert with_bank["path_details"]


def test_an_interrupted_intake_with_a_bank_ends_with_the_same_content(
    short: Path, weights: Path, banked: Path, tmp_path: Path
):
    for count in (34, 8, 12):
        with EventIndex(tmp_path / "store") as index:
            left = [count]

            def check(left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                remember_named(index, short, weights, check=check)
    with EventIndex(tmp_path / "store") as index:
        assert index.videos()[0].seconds > 0  # So something is gone on with.
        remember_named(index, short, weights)
    assert content(tmp_path / "store") == content(banked)


def test_intakes_with_a_bank_that_are_killed_end_with_the_same_content(
    short: Path, weights: Path, banked: Path, tmp_path: Path
):
    chance = random.Random(0)
    with server(str(weights)) as process:
        for number in range(2):
            folder = tmp_path / f"store{number}"
            at = chance.uniform(8, SHORT.seconds - 3)
            assert run(process, short, folder, kill_at=at) == signal.SIGKILL
            assert run(process, short, folder, kill_at=None) == 0
            assert content(folder) == content(banked), f"killed at {at:.1f} s"


def test_chunks_that_workers_look_at_make_the_same_memory(
    short: Path, weights: Path, banked: Path, tmp_path: Path
):
    """What a job of a cluster does, a chunk at a time and the later ones first."""
    detector = tiny_detector(weights, BANK)
    config = settings(detector)
    with EventIndex(tmp_path / "store") as index:
        remember_named(index, short, weights, observed=Workers(short, config, detector))
    assert content(tmp_path / "store") == content(banked)


class Workers:
    def __init__(self, film: Path, config: IntakeConfig, detector: VideoDetectorConfig):
        self.seen: dict[float, list[Observation]] = {}
        for start, stop in ((20.0, None), (10.0, 20.0), (0.0, 10.0)):
            job = ChunkJob(
                path=str(film), quick=quick_digest(film), config=config, look=LookChoice(),
                detector=detector, chunk=Chunk(start=start, stop=stop), after=None,
            )  # fmt: skip
            self.seen[start] = checkpoint.decode(look_at(job), Observations).rows

    def __call__(self, digest: str, chunk: Chunk) -> Generator[Observation, None, None]:
        yield from self.seen[chunk.start]


def test_a_done_video_is_left_as_it_is(short: Path, weights: Path, banked: Path):
    before = content(banked)
    with EventIndex(banked) as index:
        assert remember_named(index, short, weights).done
    assert content(banked) == before


def test_another_detector_is_refused_in_one_sentence(short: Path, weights: Path, banked: Path):
    with EventIndex(banked) as index:
        with pytest.raises(ConfigError, match=r"a store keeps to one detector.*set otherwise"):
            remember_named(index, short, weights, bank=None)
        with pytest.raises(ConfigError, match="keeps to one detector"):
            take_in(index, short, plain_settings(), GridLook())
        assert len(index.videos()) == 1


def test_a_store_without_a_detector_keeps_to_that(short: Path, weights: Path, tmp_path: Path):
    with EventIndex(tmp_path / "store") as index:
        take_in(index, short, plain_settings(rate=1.0), GridLook())
        with pytest.raises(ConfigError, match="looked at without a detector"):
            remember_named(index, short, weights)
