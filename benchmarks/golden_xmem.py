"""Compare our tracker with recorded outputs of XMem.

    python benchmarks/golden_xmem.py GOLDEN.npz [FRAMES.npz] [--dtype float64]

GOLDEN is a clip's outputs (FRAMES holds its images and masks), a memory trace, or one step taken
apart, all with weights drawn by the rule of `perception.xmem.drawn_weights`. Prints sizes,
prototypes, evictions and differences, and PASS or FAIL; the exit status says the same.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from embodied_mem.memory import attention
from embodied_mem.memory.feature_config import FeatureStoreConfig
from embodied_mem.memory.feature_store import FeatureStore
from perception.xmem.drawn_weights import drawn_weights
from perception.xmem.images import normalise
from perception.xmem.loading import build_network
from perception.xmem.network import XMem, aggregate, probabilities
from perception.xmem.tracker import ObjectTracker
from perception.xmem.tracker_config import TrackerConfig

_EXACT = 1e-5
"""Largest difference allowed in float64, beside what storing as float32 costs."""
_RECORDED = 1e-4
"""Largest relative difference from single steps, which were recorded in float32."""
_MEAN, _MOST, _FLIPPED = 2e-4, 3e-2, 0.005
"""Gates in float32: mean and largest difference of probabilities, share of changed pixels."""


def network(dtype: torch.dtype) -> XMem:
    """Build the network with drawn weights."""
    shapes = {name: tensor.shape for name, tensor in XMem().state_dict().items()}
    return build_network(drawn_weights(shapes)).to(dtype).prepare()


def memory_config(golden: np.lib.npyio.NpzFile) -> FeatureStoreConfig:
    """Read upstream's settings."""
    c = json.loads(golden["config"].item())
    return FeatureStoreConfig(
        top_k=c["top_k"],
        max_work_frames=c["max_mid_term_frames"],
        min_work_frames=c["min_mid_term_frames"],
        prototypes=c["num_prototypes"],
        long_term=c["enable_long_term"],
        max_long_term=c["max_long_term_elements"],
        count_long_term_usage=c["enable_long_term_count_usage"],
        compat="xmem",
    )


def compare_clip(
    golden: np.lib.npyio.NpzFile,
    frames: np.lib.npyio.NpzFile,
    dtype: torch.dtype,
    *,
    merge: bool,
) -> bool:
    """Track a clip and compare every frame; `merge` makes one object of all."""
    c = json.loads(golden["config"].item())
    config = TrackerConfig(
        memory=memory_config(golden),
        memory_every=c["mem_every"],
        deep_update_every=c["deep_update_every"],
        max_internal_size=None,
    )
    tracker = ObjectTracker(network(dtype), config)
    masks = dict(zip(frames["mask_frames"].tolist(), frames["masks"], strict=True))
    images, length = frames["frames"], len(golden["argmax"])
    exact = dtype == torch.float64
    sizes, made, evicted = [], [], []
    most = total = 0.0
    compared, flips = 0, []
    began = time.perf_counter()
    for t in range(length):
        mask = masks.get(t)
        if mask is not None:
            mask = (mask > 0).astype(np.int64) if merge else mask.astype(np.int64)
        for line in tracker.memory.timelines:
            line.candidates, line.evicted = [], []
        out = tracker.step(images[t], mask, last=t == length - 1)
        sizes.append((tracker.memory.work_size, tracker.memory.long_size))
        for line in tracker.memory.timelines:
            made += [(t, set(chosen.tolist())) for chosen in line.candidates]
            evicted += [[t, *sizes_] for sizes_ in line.evicted]
        flips.append(float((out.probabilities.argmax(dim=0).numpy() != golden["argmax"][t]).mean()))
        name = f"prob{'64' if exact else ''}_{t:03d}"
        if name in golden:
            off = (out.probabilities.double() - torch.from_numpy(golden[name]).double()).abs()
            most, total, compared = (
                max(most, float(off.max())),
                total + float(off.mean()),
                compared + 1,
            )
            print(f"frame {t:3d}  max {off.max():.2e}  mean {off.mean():.2e}", flush=True)
    right_sizes = sizes == list(
        zip(golden["work_size"].tolist(), golden["long_size"].tolist(), strict=True)
    )
    chosen = golden["consol64_idx" if exact else "consol_idx"]
    expected = [
        (int(t), set(row.tolist())) for t, row in zip(golden["consol_frame"], chosen, strict=True)
    ]
    right_made = made == expected
    right_evicted = evicted == golden["evict"].tolist()
    print(f"{length} frames in {time.perf_counter() - began:.1f} s, {dtype}")
    print(f"sizes {_same(right_sizes)}; largest: working {max(s[0] for s in sizes)}, "
          f"long-term {max(s[1] for s in sizes)}")  # fmt: skip
    print(f"prototypes {_same(right_made)}: {len(made)} consolidations, {len(expected)} recorded")
    print(f"evictions {_same(right_evicted)}: {evicted}")
    mean = total / max(compared, 1)
    print(f"probabilities: max {most:.2e}, mean {mean:.2e}; pixels changed, at most "
          f"{max(flips):.2%} of a frame")  # fmt: skip
    within = most < _EXACT if exact else (most < _MOST and mean < _MEAN and max(flips) < _FLIPPED)
    return right_sizes and right_made and right_evicted and within


def compare_trace(golden: np.lib.npyio.NpzFile, dtype: torch.dtype) -> bool:
    """Replay a memory trace."""
    store = FeatureStore(memory_config(golden))
    worst, same = 0.0, True
    for t in count():
        if f"{t:02d}.key" not in golden:
            break
        key, shrinkage, selection, values = (
            torch.from_numpy(golden[f"{t:02d}.{name}"]).to(dtype)[0]
            for name in ("key", "shr", "sel", "val")
        )
        if f"{t:02d}.readout" in golden:
            read = store.read(key, selection)
            worst = max(worst, _off(read, golden[f"{t:02d}.readout"]))
        store.add(key, shrinkage[0], values, range(1, len(values) + 1), selection)
        line = store.timelines[0]
        recorded = {name: int(golden[f"{t:02d}.{name}"]) for name in ("work_size", "long_size")
                    if f"{t:02d}.{name}" in golden}  # fmt: skip
        found = {"work_size": store.work_size, "long_size": store.long_size}
        same &= all(found[name] == size for name, size in recorded.items())
        for name, rows in (("long_key", "key"), ("long_shr", "shrinkage"), ("long_use", "use")):
            if f"{t:02d}.{name}" in golden:
                ours = line.keys.long_rows(rows).T[None]
                worst = max(worst, _off(ours, golden[f"{t:02d}.{name}"]))
        print(f"step {t:2d}  working {store.work_size}  long-term {store.long_size}")
    print(f"sizes {_same(same)}; largest difference {worst:.2e}")
    return same and worst < _EXACT


def compare_units(golden: np.lib.npyio.NpzFile, dtype: torch.dtype) -> bool:
    """Take one step of the network apart."""
    worst = 0.0
    with torch.inference_mode():
        for name, ours in _units(golden, dtype):
            theirs = golden[name]
            off, span = _off(ours, theirs), float(np.abs(theirs).max())
            worst = max(worst, off / max(1.0, span))
            print(f"{name:15s} max {off:.2e} of {span:.2f}")
    print(f"largest difference, relative above 1: {worst:.2e}")
    return worst < _RECORDED


def _units(golden: np.lib.npyio.NpzFile, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    net = network(dtype)

    def image(name: str) -> Tensor:
        return normalise(golden[name], dtype=dtype, device=torch.device("cpu"))[None]

    first = net.encode_key(image("img0"))
    yield from zip(("key", "shrinkage", "selection"),
                   (first.key, first.shrinkage, first.selection), strict=True)  # fmt: skip
    yield from zip(("f16", "f8", "f4"), first.features, strict=True)
    ids = torch.from_numpy(golden["mask0"])
    masks = torch.stack([(ids == i).to(dtype) for i in (1, 2)])[None]
    prob = aggregate(masks)
    yield "aggregate_mask", prob[0]
    hidden = torch.zeros(golden["hidden_deep"].shape, dtype=dtype)
    value, hidden = net.encode_value(image("img0"), first.features[0], hidden, prob[:, 1:],
                                     deep=True)  # fmt: skip
    assert hidden is not None, "these weights have a sensory memory"
    yield "value", value
    yield "hidden_deep", hidden
    second = net.encode_key(image("img1"))
    rows = attention.memory_rows(first.key[0].flatten(1).T, first.shrinkage.flatten())
    query = attention.query_rows(second.key[0].flatten(1).T, second.selection[0].flatten(1).T)
    similarity = query @ rows.T
    yield "similarity", similarity.T[None]
    read = attention.attend(similarity, 30)
    dense = torch.zeros_like(similarity).scatter_(1, read.indices, read.weights)
    yield "affinity", dense.T[None]
    yield "usage", read.usage(len(rows))[None]
    n, width = value.shape[1:3]
    table = value[0].flatten(2).permute(2, 0, 1).flatten(1).contiguous()
    readout = attention.gather(table, read).view(-1, n, width).permute(1, 2, 0)
    readout = readout.reshape(1, n, width, *value.shape[3:])
    yield "readout", readout
    logits, following = net.segment(second.features, readout, hidden, update=True)
    assert following is not None, "these weights have a sensory memory"
    yield "hidden_next", following
    yield "prob", probabilities(logits)


def _off(ours: Tensor, theirs: np.ndarray) -> float:
    return float((ours.double() - torch.from_numpy(theirs).double()).abs().max())


def _same(is_same: bool) -> str:  # noqa: FBT001
    return "equal" if is_same else "DIFFER"


def main() -> int:
    """Tell what kind of file it is, compare, and say how it went."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("golden", type=Path)
    parser.add_argument("frames", type=Path, nargs="?")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    arguments = parser.parse_args()
    dtype = torch.float64 if arguments.dtype == "float64" else torch.float32
    golden = np.load(arguments.golden, allow_pickle=False)
    if "argmax" in golden:
        if arguments.frames is None:
            parser.error("a clip's outputs need the file of its frames too")
        frames = np.load(arguments.frames, allow_pickle=False)
        passed = compare_clip(golden, frames, dtype, merge="_1obj" in arguments.golden.name)
    elif "00.key" in golden:
        passed = compare_trace(golden, dtype)
    else:
        passed = compare_units(golden, dtype)
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
