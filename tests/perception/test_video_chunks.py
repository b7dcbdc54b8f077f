"""Chunks of a video, looked at apart, are the video looked at in one go by the same rule."""

from itertools import pairwise
from pathlib import Path

import pytest
from films import SCRIPT, settings, write_minute

from embodied_mem.memory.events import checkpoint
from embodied_mem.video.samples import Samples
from perception.video.chunks import Chunk, ChunksConfig, ObserveConfig, chunks_of, observe
from perception.video.eye import WatcherConfig
from perception.video.intake import open_samples
from perception.video.look import GridLook

CHUNKS = ChunksConfig(seconds=15.0, hand_over=6.0)
OBSERVE = ObserveConfig(watcher=WatcherConfig(), chunks=CHUNKS, quality=85)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_minute(tmp_path_factory.mktemp("films") / "minute.mp4")


def seen(samples: Samples, chunk: Chunk, after: int | None = None) -> list[bytes]:
    return [
        checkpoint.encode(observation)
        for observation in observe(samples, chunk, OBSERVE, GridLook(), after=after)
    ]


def test_chunks_tile_a_video_and_hold_each_picture_once(film: Path):
    samples = open_samples(film, settings())
    chunks = chunks_of(samples, CHUNKS)
    assert len(chunks) == SCRIPT.seconds / CHUNKS.seconds
    assert all(a.stop == b.start for a, b in pairwise(chunks))
    assert chunks[-1].stop is None
    stamps = [o.stamp for c in chunks for o in observe(samples, c, OBSERVE, GridLook())]
    assert stamps == [sample.stamp for sample in samples]


def test_a_chunk_gone_on_with_ends_as_one_that_was_not_interrupted(film: Path):
    samples = open_samples(film, settings())
    chunk = Chunk(start=15.0, stop=30.0)
    positions = [o.position for o in observe(samples, chunk, OBSERVE, GridLook())]
    whole = seen(samples, chunk)
    for known in (0, 7, 30, len(whole) - 1):
        assert seen(samples, chunk, after=positions[known]) == whole[known + 1 :]


def test_other_threads_and_reading_ahead_see_the_same(film: Path):
    chunk = Chunk(start=15.0, stop=30.0)
    one = open_samples(film, settings(), threads=1)
    ahead = observe(open_samples(film, settings()), chunk, OBSERVE, GridLook(), ahead=8)
    assert [checkpoint.encode(observation) for observation in ahead] == seen(one, chunk)


def test_what_is_observed_survives_its_way_between_machines(film: Path):
    samples = open_samples(film, settings())
    for observation in observe(samples, Chunk(start=45.0, stop=None), OBSERVE, GridLook()):
        data = checkpoint.encode(observation)
        assert checkpoint.encode(checkpoint.decode(data, type(observation))) == data
