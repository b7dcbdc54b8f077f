"""The tracker's memory: against a naive one, against recorded traces, and its promises."""

import json
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_features import NaiveFeatures

from embodied_mem.errors import ConfigError, FrameError, StoreError, StoreFormatError
from embodied_mem.memory.feature_config import FeatureStoreConfig
from embodied_mem.memory.feature_snapshot import load_features, save_features
from embodied_mem.memory.feature_store import FeatureStore

GOLDEN = Path(__file__).parents[2] / "golden" / "xmem"
C, V = 4, 3
"""Widths of keys and values."""


def frame(random: np.random.Generator, objects: int, height: int = 2, width: int = 3) -> dict:
    size = height * width
    return {
        "key": random.normal(size=(C, size)),
        "shrinkage": 1 + random.random(size),
        "values": random.normal(size=(objects, V, size)),
        "selection": random.random((C, size)),
        "shape": (height, width),
    }


def tensors(one: dict) -> dict:
    h, w = one["shape"]
    return {
        "key": torch.tensor(one["key"]).view(C, h, w),
        "shrinkage": torch.tensor(one["shrinkage"]).view(h, w),
        "values": torch.tensor(one["values"]).view(-1, V, h, w),
        "selection": torch.tensor(one["selection"]).view(C, h, w),
    }


def put(store: FeatureStore, one: dict, objects: list[int], *, permanent: bool = False) -> None:
    t = tensors(one)
    store.add(t["key"], t["shrinkage"], t["values"], objects, t["selection"], permanent=permanent)


def ask(store: FeatureStore, one: dict) -> np.ndarray:
    t = tensors(one)
    return store.read(t["key"], t["selection"]).flatten(2).numpy()


CONFIGS = st.builds(
    FeatureStoreConfig,
    top_k=st.integers(1, 9),
    min_work_frames=st.integers(2, 3),
    max_work_frames=st.integers(4, 6),
    prototypes=st.integers(1, 8),
    long_term=st.booleans(),
    max_long_term=st.integers(9, 20),
    count_long_term_usage=st.booleans(),
    tile_bytes=st.sampled_from((64, 1 << 20)),
    max_permanent_frames=st.just(3),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config=CONFIGS, seed=st.integers(0, 10_000), data=st.data())
def test_a_store_does_what_plain_loops_do(
    tmp_path_factory: pytest.TempPathFactory, config: FeatureStoreConfig, seed: int, data
):
    random = np.random.default_rng(seed)
    store, naive, ids = FeatureStore(config), NaiveFeatures(config), count(1)
    objects: list[int] = []
    for _ in range(data.draw(st.integers(4, 14), label="steps")):
        act = data.draw(
            st.sampled_from(("add", "add", "add", "new", "permanent", "remove", "read", "save")),
            label="act",
        )
        shape = data.draw(st.sampled_from(((2, 3), (2, 3), (1, 2))), label="shape")
        if act == "remove" and len(objects) > 1:
            gone = objects.pop(int(random.integers(len(objects))))
            store.remove([gone])
            naive.remove([gone])
        elif act == "save" and objects:
            path = tmp_path_factory.mktemp("store") / "features.safetensors"
            save_features(store, path)
            store = load_features(path)
        elif act == "read" and objects:
            query = frame(random, 0, *shape)
            np.testing.assert_allclose(
                ask(store, query), naive.read(query["key"], query["selection"]), atol=1e-9
            )
        else:
            if act == "new" or not objects:
                objects += [next(ids) for _ in range(int(random.integers(1, 3)))]
            one = frame(random, len(objects), *shape)
            order = [int(i) for i in random.permutation(objects)]
            one["values"] = one["values"][: len(order)]
            lasting = act == "permanent" and max((g.permanent for g in naive.groups), default=0) < 3
            put(store, one, order, permanent=lasting)
            naive.add(
                one["key"], one["shrinkage"], one["values"], order, one["selection"],
                permanent=lasting,
            )  # fmt: skip
        assert list(store.objects) == naive.objects
        for timeline, group in zip(store.timelines, naive.groups, strict=True):
            assert timeline.keys.n_work == sum(map(len, group.frames))
            assert timeline.keys.n_long == len(group.long) <= config.max_long_term
    if objects:
        query = frame(random, 0)
        np.testing.assert_allclose(
            ask(store, query), naive.read(query["key"], query["selection"]), atol=1e-9
        )


@pytest.mark.parametrize("name", ["onegroup_evict", "threegroups", "nolt"])
def test_compat_repeats_recorded_traces_of_upstream(name: str):
    trace = np.load(GOLDEN / f"golden_memory_trace_{name}.npz")
    settings_ = json.loads(trace["config"].item())
    store = FeatureStore(
        FeatureStoreConfig(
            top_k=settings_["top_k"],
            max_work_frames=settings_["max_mid_term_frames"],
            min_work_frames=settings_["min_mid_term_frames"],
            prototypes=settings_["num_prototypes"],
            long_term=settings_["enable_long_term"],
            max_long_term=settings_["max_long_term_elements"],
            count_long_term_usage=settings_["enable_long_term_count_usage"],
            compat="xmem",
        )
    )
    for step in count():
        if f"{step:02d}.key" not in trace:
            assert step >= 6
            break

        def recorded(field: str, step: int = step) -> torch.Tensor:
            return torch.from_numpy(trace[f"{step:02d}.{field}"]).double()

        key, shrinkage, selection = recorded("key")[0], recorded("shr")[0, 0], recorded("sel")[0]
        values = recorded("val")[0]
        if f"{step:02d}.readout" in trace:
            read = store.read(key, selection)
            torch.testing.assert_close(read, recorded("readout"), atol=2e-6, rtol=0)
        ids = list(range(1, len(values) + 1))
        store.add(key, shrinkage, values, ids, selection)
        timeline = store.timelines[0]
        assert store.work_size == trace[f"{step:02d}.work_size"]
        if not settings_["enable_long_term"]:
            continue
        assert store.long_size == trace[f"{step:02d}.long_size"]
        sizes = [group.values.n_work for group in timeline.groups]
        assert sizes == trace[f"{step:02d}.work_vsizes"].tolist()
        for ours, field in (("use", "work_use"), ("life", "work_life")):
            torch.testing.assert_close(
                timeline.keys.work_rows(ours)[:, 0].double(),
                recorded(field).flatten(), atol=2e-6, rtol=1e-6,
            )  # fmt: skip
        if f"{step:02d}.long_key" in trace:
            rows = timeline.keys.long_rows("key").T
            torch.testing.assert_close(rows, recorded("long_key")[0], atol=1e-6, rtol=0)
            shrinkages = timeline.keys.long_rows("shrinkage").T
            torch.testing.assert_close(shrinkages, recorded("long_shr")[0], atol=1e-5, rtol=0)


def test_a_late_object_is_found_by_its_own_key_and_not_by_another_frames():
    """Upstream pairs a late object's first value with frame 0's key once its memory is sieved."""

    def one_hot(index: int) -> dict:
        key = np.zeros((8, 1))
        key[index] = 10.0
        return {"key": key, "selection": np.ones((8, 1)), "shrinkage": np.ones(1)}

    def late_value(compat: Literal["none", "xmem"]) -> dict[int, float]:
        store = FeatureStore(
            FeatureStoreConfig(
                top_k=1, min_work_frames=2, max_work_frames=4, prototypes=1, compat=compat
            )
        )
        for time in range(8):
            one, objects = one_hot(time), [1] if time < 3 else [1, 2]
            values = torch.full((len(objects), 1, 1, 1), float(time), dtype=torch.float64)
            store.add(
                torch.tensor(one["key"]).view(8, 1, 1),
                torch.ones(1, 1, dtype=torch.float64), values, objects,
                torch.ones(8, 1, 1, dtype=torch.float64),
            )  # fmt: skip
        ones = torch.ones(8, 1, 1, dtype=torch.float64)
        return {
            time: float(store.read(torch.tensor(one_hot(time)["key"]).view(8, 1, 1), ones)[-1])
            for time in (0, 3)
        }

    assert late_value("none")[3] == 3.0
    assert late_value("xmem") == {0: 3.0, 3: pytest.approx(late_value("xmem")[3])}
    assert late_value("xmem")[3] != 3.0


def test_ties_are_evicted_oldest_first_and_no_more_than_needed():
    random = np.random.default_rng(0)
    store = FeatureStore(
        FeatureStoreConfig(
            top_k=2, min_work_frames=2, max_work_frames=4, prototypes=4, max_long_term=10
        )
    )
    for _ in range(20):  # Never read: all usage is equal.
        put(store, frame(random, 1), [1])
        assert store.long_size <= 10
    assert store.long_size == 10


def test_far_queries_read_weights_and_not_nan():
    store = FeatureStore(FeatureStoreConfig(top_k=3))
    one = frame(np.random.default_rng(1), 1)
    put(store, one, [1])
    far = one | {"key": one["key"] + 1e4}
    assert np.isfinite(ask(store, far)).all()


def test_fewer_elements_than_top_k_are_all_read():
    store = FeatureStore(FeatureStoreConfig(top_k=30))
    one = frame(np.random.default_rng(1), 2, 1, 1)
    put(store, one, [5, 9])
    np.testing.assert_allclose(ask(store, one), one["values"], atol=1e-12)


def test_without_long_term_memory_the_store_stays_bounded():
    random = np.random.default_rng(2)
    store = FeatureStore(FeatureStoreConfig(long_term=False, max_work_frames=4, min_work_frames=2))
    sizes, storage = [], []
    for _ in range(30):
        put(store, frame(random, 1), [1])
        sizes.append(store.work_size)
        storage.append(store.nbytes)
    assert max(sizes) == (4 + 1) * 6
    assert len(set(storage)) == 1


def test_a_byte_budget_holds_while_objects_come_and_go():
    random, budget = np.random.default_rng(3), 3 << 20
    store = FeatureStore(
        FeatureStoreConfig(
            max_bytes=budget, tile_bytes=1 << 20, prototypes=8, max_work_frames=4,
            min_work_frames=2, max_long_term=100_000,
        )
    )  # fmt: skip
    objects: list[int] = []
    for time in range(60):
        if time % 12 == 0:
            objects.append(time + 1)
        if time == 50:
            store.remove([objects.pop(0)])
        put(store, frame(random, len(objects)), objects)
        ask(store, frame(random, 0))
        assert store.nbytes <= budget
    assert store.long_size > 0


def test_a_budget_that_leaves_nothing_says_so():
    store = FeatureStore(FeatureStoreConfig(max_bytes=1 << 20, tile_bytes=1 << 20))
    with pytest.raises(FrameError, match="leaves no long-term memory for 1 objects"):
        put(store, frame(np.random.default_rng(0), 1), [1])


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([1, 1], "one id and one value"),
        ([1], "one id and one value"),
        ([2, 3], r"\[1\] are missing"),
    ],
)
def test_wrong_objects_are_refused(objects: list[int], message: str):
    random = np.random.default_rng(4)
    store = FeatureStore()
    put(store, frame(random, 1), [1])
    with pytest.raises(FrameError, match=message):
        put(store, frame(random, 2), objects)


def test_reading_an_empty_store_is_refused():
    with pytest.raises(FrameError, match="add a frame before reading"):
        ask(FeatureStore(), frame(np.random.default_rng(0), 0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_work_frames": 1}, "2 <= min_work_frames"),
        ({"max_long_term": 128}, "max_long_term must exceed prototypes"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"max_bytes": 10}, "at least 1 MiB"),
    ],
)
def test_impossible_configs_are_refused(wrong: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        FeatureStoreConfig(**wrong)


def test_damaged_files_are_refused(tmp_path: Path):
    store, path = FeatureStore(), tmp_path / "features.safetensors"
    put(store, frame(np.random.default_rng(0), 1), [1])
    save_features(store, path)
    data = path.read_bytes()
    for broken in (data[: len(data) // 2], b"", data[:40] + b"\xff" * 40 + data[80:]):
        path.write_bytes(broken)
        with pytest.raises(StoreFormatError, match=r"features\.safetensors"):
            load_features(path)
    with pytest.raises(StoreError, match="there is no file"):
        load_features(tmp_path / "absent")
