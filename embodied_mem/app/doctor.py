"""`embodied-mem doctor`: does everything work here?"""

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from rich.table import Table

from embodied_mem.app.commands import Doctor
from embodied_mem.app.console import console
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
}
"""Distribution and import name of each extra's main package."""


def examine(command: Doctor) -> int:  # noqa: ARG001
    """Print versions, extras and one trial of the simulator; 0 when the core works."""
    console.print(
        f"Python {platform.python_version()} on {platform.platform(terse=True)}, "
        f"{os.cpu_count()} cores"
    )
    table = Table()
    for name in ("what", "package", "version"):
        table.add_column(name)
    for name in CORE:
        table.add_row("core", name, _version(name))
    for extra, (name, module) in EXTRAS.items():
        found = find_spec(module) is not None
        table.add_row(f"extra {extra}", name, _version(name) if found else "[dim]not installed[/]")
    console.print(table)
    fine = all((_try("our packages are ours", _siblings), _try("one house", _render)))
    console.print("[green]ok[/]" if fine else "[red]not ok[/]")
    return 0 if fine else 1


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "[dim]not installed[/]"


def _try(what: str, check: Callable[[], str]) -> bool:
    try:
        words = check()
    except (EmbodiedMemError, ImportError, OSError) as error:
        console.print(f"[red]not ok[/] {what}: {error}")
        return False
    console.print(f"[green]ok[/] {what}: {words}")
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
