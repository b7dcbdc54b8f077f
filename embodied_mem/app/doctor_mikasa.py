"""What MIKASA's simulator needs, as the doctor finds it; none of it need be there.

Native code may end its process or never answer, so it is asked in processes of their own.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from embodied_mem.backends.mikasa import vulkan

PACKAGES = {
    "mani_skill": "mani_skill",
    "sapien": "sapien",
    "mikasa-robo-suite": "mikasa_robo_suite",
}
"""Distributions of the simulator, and what they are imported as."""

_OLDEST_MESA = (24, 3)
_TOO_OLD = (
    "is of a Mesa before 24.3, with which SAPIEN finds no rendering device: install a later one, "
    "on Debian 12 `mesa-vulkan-drivers` of bookworm-backports."
)
_LOADER = "libvulkan.so.1"
_PATIENCE = 30.0
"""Time for an answer of Vulkan's [s]."""
_PATIENCE_IMPORT = 120.0
"""Time for importing the simulator [s]; it takes some of it on a busy machine."""

_IMPORTS = "import sapien, mani_skill, mikasa_robo_suite; sapien.render.RenderSystem()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, and what is to be done."""

    what: str
    fine: bool
    words: str


def mikasa_findings() -> list[Finding]:
    """Look for Vulkan and for the simulator's packages in the running interpreter."""
    findings = [vulkan_finding([sys.executable, vulkan.__file__, *loaders()]), packages()]
    if all(finding.fine for finding in findings):
        findings.append(rendering([sys.executable, "-W", "ignore", "-c", _IMPORTS]))
    return findings


def loaders() -> list[str]:
    """Return the system's loader of Vulkan, and the one that SAPIEN falls back to."""
    spec = find_spec("sapien")
    folders = (spec.submodule_search_locations if spec else None) or ()
    own = [str(p) for each in folders for p in Path(each).glob("vulkan_library/libvulkan.so*")]
    return [_LOADER, *own]


def vulkan_finding(command: Sequence[str], patience: float = _PATIENCE) -> Finding:
    """Ask for devices by a command that prints what `vulkan.found` returns.

    Args:
        command: See `embodied_mem.backends.mikasa.vulkan`.
        patience: Time for it [s].
    """
    said, fault = _answer(command, patience)
    if fault:
        return _not_fine("Vulkan", f"a driver {fault}: install another version of it.")
    answer = json.loads(said)
    if "error" in answer:
        return _not_fine("Vulkan", _absence(answer["error"]))
    device = min(answer["devices"], key=lambda each: each["kind"] == "software")
    words = f"{device['name']} ({device['kind']}, {device['driver']})"
    if device["kind"] == "software" and _is_too_old(device["driver"]):
        return _not_fine("Vulkan", f"{words} {_TOO_OLD}")
    return Finding(what="Vulkan", fine=True, words=words)


def _is_too_old(driver: str) -> bool:
    mesa = re.search(r"Mesa (\d+)\.(\d+)", driver)
    return mesa is not None and tuple(map(int, mesa.groups())) < _OLDEST_MESA


def _absence(error: str) -> str:
    if error == "no loader":
        return (
            f"there is no loader ({_LOADER}): install Debian's and Ubuntu's `libvulkan1` and "
            "`mesa-vulkan-drivers`."
        )
    named = os.environ.get("VK_DRIVER_FILES") or os.environ.get("VK_ICD_FILENAMES")
    where = f"; VK_ICD_FILENAMES names {named}, which gives none" if named else ""
    return (
        f"no driver is found{where}: install the GPU's, or for rendering in software "
        "`mesa-vulkan-drivers`, Mesa 24.3 or later."
    )


def packages() -> Finding:
    """Look for the simulator's packages, without importing them."""
    versions = {name: _version(name, module) for name, module in PACKAGES.items()}
    missing = [name for name, found in versions.items() if found is None]
    if missing:
        words = (
            f"{', '.join(missing)} not installed in {sys.executable}: the simulator lives in an "
            "environment of its own, docs/policy.md says how to make one."
        )
        return _not_fine("MIKASA's packages", words)
    found = ", ".join(f"{name} {number}" for name, number in versions.items())
    return Finding(what="MIKASA's packages", fine=True, words=found)


def _version(name: str, module: str) -> str | None:
    try:
        return version(name) if find_spec(module) else None
    except PackageNotFoundError:
        return None


def rendering(command: Sequence[str], patience: float = _PATIENCE_IMPORT) -> Finding:
    """Import the packages and start the renderer, by a command that does so.

    Args:
        command: Which does so.
        patience: Time for it [s].
    """
    _, fault = _answer(command, patience)
    if fault:
        return _not_fine(
            "MIKASA's renderer",
            f"it {fault}: see that packages and versions are those of docs/policy.md.",
        )
    return Finding(what="MIKASA's renderer", fine=True, words="it starts")


def _not_fine(what: str, words: str) -> Finding:
    return Finding(what=what, fine=False, words=words)


def _answer(command: Sequence[str], patience: float) -> tuple[str, str]:
    """Return what a command prints, and what went wrong with it, if anything."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return "", f"gave no answer within {patience:.0f} s"
    except OSError as error:
        return "", f"cannot be asked ({error.strerror})"
    if done.returncode < 0:
        return "", f"ended its process ({signal.Signals(-done.returncode).name})"
    if done.returncode > 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return "", f"failed ({last[0]})"
    return done.stdout, ""
