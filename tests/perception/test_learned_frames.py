"""Labelled frames: generation, files, sampling."""
# ruff: noqa: E501 - messages stand as they are.

from pathlib import Path

import numpy as np
import pytest
from inline_snapshot import snapshot
from labelled_houses import SEEDS, SMALL, labelled_houses
from safetensors.numpy import load_file

from embodied_mem.errors import StoreError, StoreFormatError
from perception.learned.generation import STATE_PROPERTIES, generate_shards, house_frames
from perception.learned.sampling import Sampler, SamplingConfig, poor_depth, recoloured
from perception.learned.shards import (
    BOTTOM,
    LABEL,
    LEFT,
    NUMBER,
    PIXELS,
    RIGHT,
    TOP,
    Shard,
    open_shards,
    shard_path,
)


def sampler(config: SamplingConfig | None = None) -> Sampler:
    shards = open_shards(labelled_houses(), SEEDS)
    labels = sorted({int(n) for shard in shards for n in shard.things[:, LABEL]})
    kind_of = {label: index + 1 for index, label in enumerate(labels)}
    return Sampler(shards, kind_of, config or SamplingConfig(crop=64))


def test_the_same_seed_gives_the_same_frames_as_the_file_holds():
    shard = Shard(shard_path(labelled_houses(), SEEDS[0]))
    again = house_frames(SEEDS[0], SMALL)
    assert len(shard) == len(again) == SMALL.frames
    for index, frame in enumerate(again):
        kept = shard.frame(index)
        for name in ("rgb", "depth", "ids", "camera", "pose", "labels", "states"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(frame, name), err_msg=name)


def test_things_are_where_their_rows_say():
    for shard in open_shards(labelled_houses(), SEEDS):
        for row in shard.things:
            inside = shard.frame(int(row[0])).ids == row[NUMBER]
            assert inside.sum() == row[PIXELS] > 0
            assert inside[row[TOP] : row[BOTTOM], row[LEFT] : row[RIGHT]].sum() == row[PIXELS]


def test_states_are_told_of_what_can_have_them():
    shard = Shard(shard_path(labelled_houses(), SEEDS[0]))
    names = shard.header["labels"]
    openable = list(STATE_PROPERTIES).index("open")
    told = {
        names[label]: int(states[openable])
        for index in range(len(shard))
        for label, states in zip(shard.frame(index).labels, shard.frame(index).states, strict=True)
    }
    assert all(told[name] == -1 for name in told.keys() & {"Chair", "Painting", "Apple", "Sofa"})
    assert all(told[name] in (0, 1) for name in told.keys() & {"Fridge", "Drawer", "Cabinet"})
    assert {0, 1} & set(told.values())


def test_only_what_is_missing_is_drawn(tmp_path: Path):
    for seed in SEEDS:
        source = shard_path(labelled_houses(), seed)
        shard_path(tmp_path, seed).write_bytes(source.read_bytes())
    shard_path(tmp_path, SEEDS[1]).unlink()
    shard_path(tmp_path, SEEDS[1]).with_suffix(".part").write_bytes(b"half")
    assert list(generate_shards(tmp_path, SEEDS, SMALL)) == [SEEDS[1]]
    made, kept = (Shard(shard_path(folder, SEEDS[1])) for folder in (tmp_path, labelled_houses()))
    assert made.header == kept.header
    np.testing.assert_array_equal(made.things, kept.things)
    np.testing.assert_array_equal(made.frame(1).rgb, kept.frame(1).rgb)


def test_several_processes_draw_the_same_frames(tmp_path: Path):
    assert sorted(generate_shards(tmp_path, SEEDS, SMALL, workers=2)) == list(SEEDS)
    for seed in SEEDS:
        made, kept = (load_file(shard_path(f, seed)) for f in (tmp_path, labelled_houses()))
        for name in kept:
            np.testing.assert_array_equal(made[name], kept[name])


def test_files_that_cannot_be_used_are_told_in_a_sentence(tmp_path: Path):
    damaged, other = tmp_path / "damaged.safetensors", tmp_path / "other.safetensors"
    damaged.write_bytes(shard_path(labelled_houses(), SEEDS[0]).read_bytes()[:5000])
    other.write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    messages = []
    for path, kind in (
        (tmp_path / "none.safetensors", StoreError),
        (damaged, StoreFormatError),
        (other, StoreFormatError),
    ):
        with pytest.raises(kind) as caught:
            Shard(path)
        messages.append(str(caught.value).replace(str(tmp_path), "FOLDER"))
    assert messages == snapshot(
        [
            "cannot read FOLDER/none.safetensors: there is no such file.",
            "FOLDER/damaged.safetensors is damaged: Error while deserializing header: incomplete metadata, file not fully covered. Delete it; it will be generated again.",
            "FOLDER/other.safetensors holds no labelled frames of this version, but 'something else'. Use another folder.",
        ]
    )


def test_a_drawn_image_depends_on_its_generator_alone():
    first, second = sampler(), sampler()
    first.draw(np.random.default_rng(8))
    image, truth = first.draw(np.random.default_rng(9))
    again, same = second.draw(np.random.default_rng(9))
    np.testing.assert_array_equal(image, again)
    for one, other in zip(truth, same, strict=True):
        np.testing.assert_array_equal(one, other)
    assert image.shape == (8, 64, 64)
    assert np.isfinite(image).all()


def test_rare_kinds_are_drawn_more_often_the_evener_the_choice():
    def share(evenness: float) -> float:
        things = sampler(SamplingConfig(crop=64, evenness=evenness))
        shards = open_shards(labelled_houses(), SEEDS)
        rows = np.concatenate([shard.things for shard in shards])
        rows = rows[rows[:, PIXELS] >= 24]
        rarest = np.argmin(np.bincount(rows[:, LABEL])[rows[:, LABEL]])
        return float(np.diff(things._chances, prepend=0.0)[rarest])

    assert share(0.0) < share(0.6) < share(1.0)


def test_variations_keep_shape_and_range():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    assert recoloured(rgb, rng, 0.3).shape == rgb.shape
    assert recoloured(rgb, rng, 0.3).dtype == np.uint8
    np.testing.assert_array_equal(recoloured(rgb, np.random.default_rng(3), 0.0), rgb)
    depth = np.full((400, 480), 2.0, np.float32)  # Large, so that shares are those asked for.
    seen = poor_depth(depth, rng)
    assert seen.dtype == np.float32
    assert 0.9 < (np.abs(seen - 2) < 0.1).mean() <= 1
