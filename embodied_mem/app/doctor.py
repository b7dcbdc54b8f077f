"""`embodied-mem doctor`: does everything work here?

Prints plainly, so that it also runs where little is installed: in the simulator's environment.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from embodied_mem.app.commands import Doctor
from embodied_mem.app.doctor_mikasa import mikasa_findings
from embodied_mem.doctor import check_siblings
from embodied_mem.errors import EmbodiedMemError

CORE = ("embodied-mem", "numpy", "scipy", "torch", "open3d", "opencv-python", "msgspec", "tyro")
"""Distributions that everything needs."""

EXTRAS = {
    "thor": ("ai2thor", "ai2thor"),
    "plan": ("unified-planning", "unified_planning"),
    "plan (engine)": ("up-fast-downward", "up_fast_downward"),
    "plan (trees)": ("py-trees", "py_trees"),
    "llm": ("httpx2", "httpx2"),
    "words": ("transformers", "transformers"),
    "viz": ("rerun-sdk", "rerun"),
    "bags": ("rosbags", "rosbags"),
    "dds": ("cyclonedds", "cyclonedds"),
    "gym": ("gymnasium", "gymnasium"),
    "ray": ("ray", "ray"),
    "dsg": ("spark-dsg", "spark_dsg"),
    "video": ("pycocotools", "pycocotools"),
    "vectors": ("faiss-cpu", "faiss"),
    "mcp": ("mcp", "mcp"),
    "train": ("trackio", "trackio"),
}
"""Distribution and import name of each extra's main package."""

_MISSING = "not installed"


def examine(command: Doctor) -> int:  # noqa: ARG001
    """Print versions, extras and trials; 0 when the core works, whatever MIKASA lacks."""
    _say(
        f"Python {platform.python_version()} on {platform.platform(terse=True)}, "
        f"{os.cpu_count()} cores\n"
    )
    for name in CORE:
        _say(f"  {'core':16}{name:22}{_version(name)}")
    for extra, (name, module) in EXTRAS.items():
        found = _version(name) if find_spec(module) is not None else _MISSING
        _say(f"  {extra:16}{name:22}{found}")
    _say("")
    fine = all([_try("our packages are ours", _siblings), _try("one house", _render)])
    for finding in mikasa_findings():
        _tell(finding.what, finding.words, fine=finding.fine)
    _say("ok" if fine else "not ok")
    return 0 if fine else 1


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def _tell(what: str, words: str, *, fine: bool) -> None:
    _say(f"{'ok' if fine else 'not ok'} {what}: {words}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return _MISSING


def _try(what: str, check: Callable[[], str]) -> bool:
    try:
        words = check()
    except (EmbodiedMemError, ImportError, OSError) as error:
        _tell(what, str(error), fine=False)
        return False
    _tell(what, words, fine=True)
    return True


def _siblings() -> str:
    check_siblings()
    return "perception, planners, ros_nodes, sim_configs"


def _render() -> str:
    """Load a house and turn round in it."""
    from embodied_mem.app.build import sim_config  # noqa: PLC0415 - open3d may lack its libraries.
    from embodied_mem.backends.household.backend import HouseholdSim  # noqa: PLC0415
    from embodied_mem.types import Action  # noqa: PLC0415

    seen: set[str] = set()
    with HouseholdSim(sim_config("household/one_room")) as sim:
        sim.reset()
        began = time.perf_counter()
        for _ in range(4):
            truth = sim.step(Action(name="RotateRight")).frame.truth
            seen |= {thing.label for thing in truth.instances.values()} if truth else set()
        milliseconds = 1000 * (time.perf_counter() - began) / 4
    return f"{milliseconds:.0f} ms a step, {len(seen)} kinds of things seen in one turn"
