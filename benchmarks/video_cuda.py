"""Frames a second of the tracker on a GPU, beside upstream's operations on the same inputs.

    python benchmarks/video_cuda.py [--sizes 480x864 1088x1920] [--objects 1 3 10] [--compile]

Network and memory in half precision (both parties under the same autocast, as upstream runs). A
frame is key, read and segmentation, and for one in five the value of what is remembered; working
memory holds seven frames, long-term memory 10,000 elements. `--compile` adds our network compiled
with CUDA graphs. Times are of whole frames, between two waits for the device; the best of the
rounds counts, and both take turns.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from video_memory import Stages, drawn, ours, plain, scene

_LONG = 10_000
"""Long-term elements."""
_EVERY = 5
"""One in so many frames is remembered."""


def rate(stages: Stages, frames: int) -> float:
    """Return frames a second over some frames."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for number in range(frames):
        torch.compiler.cudagraph_mark_step_begin()
        for stage in ("key", "read", "segment"):
            stages[stage]()
        if number % _EVERY == 0:
            stages["value"]()
    torch.cuda.synchronize()
    return frames / (time.perf_counter() - began)


def under_autocast(stages: Stages, dtype: torch.dtype) -> Stages:
    """Run every stage in half precision where autocast allows it."""

    def wrapped(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            with torch.autocast("cuda", dtype):
                return work()

        return run

    return {name: wrapped(work) for name, work in stages.items()}


def measure(
    height: int, width: int, objects: int, *, rounds: int, frames: int, compiled: bool
) -> dict[str, Any]:
    """Compare both for one size and number of objects."""
    device, half = "cuda", torch.float16
    s = scene(height, width, objects, _LONG, device=device)
    peer = drawn().eval().requires_grad_(requires_grad=False).to(device)
    fast = drawn().prepare().to(device)
    parties = {"upstream's": under_autocast(plain(peer, s), half), "ours": ours(fast, s, half)}
    if compiled:
        quick = drawn().prepare().to(device)
        for name in ("encode_key", "segment", "encode_value"):
            setattr(quick, name, torch.compile(getattr(quick, name), mode="reduce-overhead"))
        parties["ours, compiled"] = ours(quick, s, half)
    best = dict.fromkeys(parties, 0.0)
    peak: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, stages in parties.items():
            torch.cuda.reset_peak_memory_stats()
            got = rate(stages, _EVERY if number == 0 else frames)
            if number:  # The first round warms up.
                best[name] = max(best[name], got)
                peak[name] = torch.cuda.max_memory_allocated() / 2**30
    base = best["upstream's"]
    return {
        "size": f"{height}x{width}",
        "objects": objects,
        "frames_per_second": {name: round(value, 1) for name, value in best.items()},
        "ratio": {name: round(value / base, 2) for name, value in best.items()},
        "peak_gib": {name: round(value, 2) for name, value in peak.items()},
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=["480x864", "1088x1920"])
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--compile", action="store_true", help="add our network, compiled")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a CUDA device, and torch sees none.")
    rows = []
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    with torch.inference_mode():
        for size in arguments.sizes:
            height, width = (int(side) for side in size.split("x"))
            for objects in arguments.objects:
                rows.append(
                    measure(
                        height,
                        width,
                        objects,
                        rounds=arguments.rounds,
                        frames=arguments.frames,
                        compiled=arguments.compile,
                    )
                )
                print(json.dumps(rows[-1]), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
