"""What the doctor says of MIKASA's simulator: where it is absent, broken, too old, and there."""
# ruff: noqa: E501 - sentences stand as they are printed.

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from embodied_mem.app.doctor_mikasa import (
    Finding,
    loaders,
    mikasa_findings,
    packages,
    rendering,
    vulkan_finding,
)
from embodied_mem.backends.mikasa import vulkan

PROBE = [sys.executable, vulkan.__file__]


def printing(answer: object) -> list[str]:
    """A stand-in for the probe, which prints what it would of another machine."""
    return [sys.executable, "-c", f"print({json.dumps(answer)!r})"]


def device(name: str, kind: str, driver: str) -> dict[str, str]:
    return {"name": name, "kind": kind, "driver": driver}


def test_without_a_loader_or_a_driver_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = vulkan_finding([*PROBE, str(tmp_path / "libvulkan.so.1")])
    assert absent == Finding(
        what="Vulkan",
        fine=False,
        words=snapshot(
            "there is no loader (libvulkan.so.1): install Debian's and Ubuntu's `libvulkan1` and `mesa-vulkan-drivers`."
        ),
    )
    named = str(tmp_path / "lvp.json")
    monkeypatch.delenv("VK_DRIVER_FILES", raising=False)
    monkeypatch.setenv("VK_ICD_FILENAMES", named)
    found = vulkan_finding([*PROBE, *loaders()])
    if found.words == absent.words:
        found = vulkan_finding(printing({"error": "no driver"}))  # There is no loader to ask.
    assert not found.fine
    assert found.words.startswith(f"no driver is found; VK_ICD_FILENAMES names {named}, which")


def test_a_driver_that_ends_its_process_or_never_answers_is_told() -> None:
    abort = [sys.executable, "-c", "import os; os.abort()"]
    assert vulkan_finding(abort).words == snapshot(
        "a driver ended its process (SIGABRT): install another version of it."
    )
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert vulkan_finding(sleep, patience=1).words == snapshot(
        "a driver gave no answer within 1 s: install another version of it."
    )
    assert rendering([*sleep[:2], "raise SystemExit('no device')"]).words == snapshot(
        "it failed (no device): see that packages and versions are those of docs/policy.md."
    )
    assert not rendering([str(Path(__file__))]).fine  # No program at all.
    assert rendering([*sleep[:2], "pass"]).fine


OLD = device("llvmpipe (LLVM 15.0.6, 256 bits)", "software", "Mesa 22.3.6 (LLVM 15.0.6)")
NEW = device("llvmpipe", "software", "Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)")
GPU = device("NVIDIA H200", "GPU", "550.54.15")
INTEGRATED = device("AMD Radeon", "integrated GPU", "Mesa 22.3.6")


@pytest.mark.parametrize(
    ("devices", "fine", "words"),
    [
        ([OLD], False, "is of a Mesa before 24.3"),
        ([NEW], True, "llvmpipe (software, Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6))"),
        ([OLD, GPU], True, "NVIDIA H200 (GPU, 550.54.15)"),
        ([INTEGRATED], True, "AMD Radeon (integrated GPU, Mesa 22.3.6)"),
    ],
)
def test_devices_are_judged_by_kind_and_version(
    devices: list[dict[str, str]], fine: bool, words: str
) -> None:
    finding = vulkan_finding(printing({"devices": devices}))
    assert finding.fine is fine
    assert words in finding.words


def test_packages_that_are_missing_are_named() -> None:
    finding = packages()
    assert not finding.fine
    assert finding.words.startswith(
        f"mani_skill, sapien, mikasa-robo-suite not installed in {sys.executable}: "
    )
    assert all(found.what != "MIKASA's renderer" for found in mikasa_findings())


def test_a_real_driver_is_described() -> None:
    done = subprocess.run([*PROBE, *loaders()], capture_output=True, check=True, env=os.environ)
    answer = json.loads(done.stdout)
    if "error" in answer:
        pytest.skip(f"Vulkan has {answer['error']} here")
    for found in answer["devices"]:
        assert found["kind"] in vulkan.KINDS
        assert found["name"]
        assert found["driver"]
