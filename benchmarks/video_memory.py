"""The tracker's speed and memory beside upstream's operations, on the same inputs and weights.

    python benchmarks/video_memory.py [--height 480 --width 864] [--rounds 5]
    python benchmarks/video_memory.py --peak ours|plain        # one 1080p step in this process

Per stage and end to end, for 1 and 3 objects, with working memory alone (7 frames) and with 10,000
long-term elements beside it. End to end is the mean of five frames, one of which is remembered.
Both take turns; the fastest of the rounds counts. Ratios are what matters; the machine may be busy.
"""

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from peers import xmem_plain
from torch import Tensor

from embodied_mem.memory.feature_config import FeatureStoreConfig
from embodied_mem.memory.feature_store import FeatureStore
from perception.xmem.drawn_weights import drawn_weights
from perception.xmem.loading import build_network
from perception.xmem.network import XMem, probabilities

_WORK = 7
"""Frames in working memory, between consolidations."""
_FULL = 10
"""Frames in working memory, just before it is consolidated."""
_EVERY = 5
"""One in so many frames is remembered."""


@dataclass
class Scene:
    """One set of inputs for both."""

    image: Tensor
    masks: Tensor
    hidden: Tensor
    store: FeatureStore
    long: xmem_plain.PlainMemory | None
    work: xmem_plain.PlainMemory


def scene(
    height: int, width: int, objects: int, long: int, work: int = _WORK, device: str = "cpu"
) -> Scene:
    """Draw an image, masks and a memory; keys lie apart as those of real frames do."""
    random = torch.Generator().manual_seed(objects)
    h, w = height // 16, width // 16

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random).to(device)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=random).to(device)

    config = FeatureStoreConfig(max_work_frames=work + 1, min_work_frames=2)
    store, ids = FeatureStore(config), range(1, objects + 1)
    frames = []
    for _ in range(work):
        frame = normal(64, h, w), 1 + normal(h, w).square(), normal(objects, 512, h, w)
        frames.append(frame)
        store.add(*frame, ids, uniform(64, h, w))
    keys, shrinkages, values = zip(*frames, strict=True)
    working = xmem_plain.PlainMemory(
        torch.cat([key.flatten(1) for key in keys], dim=1)[None],
        torch.cat([shrinkage.flatten() for shrinkage in shrinkages])[None, None],
        torch.cat([value.flatten(2) for value in values], dim=2),
    )
    plain = None
    if long:
        key, shrinkage = normal(long, 64), 1 + normal(long).square()
        value = normal(long, objects, 512)
        fill_long(store, key, shrinkage, value)
        plain = xmem_plain.PlainMemory(
            key.T[None].contiguous(), shrinkage[None, None], value.permute(1, 2, 0).contiguous()
        )
    masks = uniform(1, objects, height, width) / objects
    return Scene(
        normal(1, 3, height, width), masks, normal(1, objects, 64, h, w), store, plain, working
    )


def fill_long(store: FeatureStore, key: Tensor, shrinkage: Tensor, value: Tensor) -> None:
    """Put long-term elements into a store, as many consolidations would have."""
    from embodied_mem.memory.attention import memory_rows

    line = store.timelines[0]
    rows = {"row": memory_rows(key, shrinkage), "key": key, "shrinkage": shrinkage[:, None]}
    line.keys.append_long({**rows, "life": torch.ones_like(shrinkage[:, None])})
    line.groups[0].values.append_long({"value": value.flatten(1)})


Stages = dict[str, Callable[[], object]]


def ours(network: XMem, s: Scene, dtype: torch.dtype) -> Stages:
    """Return our stages; each leaves what the next one needs."""
    held: dict[str, Any] = {}
    half = torch.autocast(s.image.device.type, dtype, enabled=dtype != torch.float32)

    def key() -> object:
        with half:
            held["encoded"] = encoded = network.encode_key(s.image)
        return encoded

    def read() -> object:
        encoded = held["encoded"]
        held["read"] = s.store.read(encoded.key[0].float(), encoded.selection[0].float())
        return held["read"]

    def segment() -> object:
        with half:
            logits, _ = network.segment(
                held["encoded"].features, held["read"][None], s.hidden, update=True
            )
        return probabilities(logits.float())

    def value() -> object:
        with half:
            f16 = held["encoded"].features[0]
            return network.encode_value(s.image, f16, s.hidden, s.masks, deep=True)

    return {"key": key, "read": read, "segment": segment, "value": value}


def plain(network: XMem, s: Scene) -> Stages:
    """Return upstream's stages."""
    held: dict[str, Any] = {}

    def key() -> object:
        held["encoded"] = network.encode_key(s.image)
        return held["encoded"]

    def read() -> object:
        encoded = held["encoded"]
        query, selection = encoded.key.flatten(2), encoded.selection.flatten(2)
        held["read"], _ = xmem_plain.read(s.long, s.work, query, selection)
        return held["read"]

    def segment() -> object:
        features = held["encoded"].features
        readout = held["read"].unflatten(2, s.hidden.shape[3:])
        return xmem_plain.segment(network, features, readout, s.hidden[0])

    def value() -> object:
        f16 = held["encoded"].features[0]
        return xmem_plain.encode_value(network, s.image, f16, s.masks, s.hidden[0])

    return {"key": key, "read": read, "segment": segment, "value": value}


def timed(parties: dict[str, Stages], rounds: int) -> dict[str, dict[str, float]]:
    """Return the shortest CPU time of each stage of each party [s], taking turns."""
    best: dict[str, dict[str, float]] = {name: {} for name in parties}
    for number in range(rounds + 1):
        for name, stages in parties.items():
            for stage, work in stages.items():
                began = time.process_time()
                work()
                spent = time.process_time() - began
                if number:  # The first round warms up.
                    best[name][stage] = min(best[name].get(stage, spent), spent)
    for spent in best.values():
        spent["end to end"] = sum(spent[k] for k in ("key", "read", "segment"))
        spent["end to end"] += spent["value"] / _EVERY
    return best


def drawn() -> XMem:
    """Return the network with weights from a rule."""
    shapes = {name: tensor.shape for name, tensor in XMem().state_dict().items()}
    return build_network(drawn_weights(shapes))


def table(height: int, width: int, rounds: int) -> None:
    """Print the comparison."""
    peer, fast = drawn().eval().requires_grad_(requires_grad=False), drawn().prepare()
    print(f"{height}x{width}, {torch.get_num_threads()} threads, CPU seconds, best of {rounds}")
    print("| objects | long-term | stage | upstream's | ours | ratio | ours bf16 | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for objects in (1, 3):
        for long in (0, 10_000):
            s = scene(height, width, objects, long)
            parties = {
                "plain": plain(peer, s),
                "ours": ours(fast, s, torch.float32),
                "bf16": ours(fast, s, torch.bfloat16),
            }
            best = timed(parties, rounds)
            for stage, base in best["plain"].items():
                a, b = best["ours"][stage], best["bf16"][stage]
                print(
                    f"| {objects} | {long} | {stage} | {base:.3f} | {a:.3f} | {base / a:.2f} "
                    f"| {b:.3f} | {base / b:.2f} |",
                    flush=True,
                )


def peak(who: str, height: int, width: int) -> None:
    """Print the largest resident size of one read and segmentation with a full memory."""
    network = drawn().eval().requires_grad_(requires_grad=False)
    network = network.prepare() if who == "ours" else network
    s = scene(height, width, 1, 10_000, _FULL)
    if who == "ours":
        s.long = None
        del s.work
        stages = ours(network, s, torch.float32)
    else:
        s.store.clear()
        stages = plain(network, s)
    for stage in ("key", "read", "segment"):
        stages[stage]()
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(
            f"{who}, {height}x{width}, after {stage}: at most {used:.2f} GiB resident", flush=True
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=864)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", choices=("ours", "plain"))
    arguments = parser.parse_args()
    with torch.inference_mode():
        if arguments.peak:
            peak(arguments.peak, 1088, 1920)
        else:
            table(arguments.height, arguments.width, arguments.rounds)


if __name__ == "__main__":
    main()
