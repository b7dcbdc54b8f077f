"""Demonstrations as a LeRobot dataset of version 3, by LeRobot's own writer.

observation.images.base   the images
observation.state         pose of the tool (x y z [m], qw qx qy qz), then joints [rad, m]
action                    what the expert would do
executed                  what was done
decision                  whether the frame is the first that shows what to choose from
next.done, next.success   of an episode's last frame
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from embodied_mem.backends.demonstrations import Demonstration
from embodied_mem.errors import ConfigError
from planners.diffusion.recordings import Recorded, read_folder

CAMERA = "observation.images.base"

_TOOL = ("x", "y", "z", "qw", "qx", "qy", "qz")


def export(out: Path, episodes: Recorded, *, repo_id: str, fps: int, videos: bool) -> None:
    """Write a dataset.

    Args:
        out: Folder of the dataset; must not exist yet.
        episodes: With their instructions.
        repo_id: Its name, `owner/name`; nothing is uploaded.
        fps: Steps of the environment in a second.
        videos: Whether images become videos, which loses detail; else they are kept as they are.

    Raises:
        ConfigError: There are no episodes, or the folder exists.
    """
    if not episodes:
        raise ConfigError("there are no demonstrations to export.")
    if out.exists():
        raise ConfigError(f"{out} exists already. Give another folder, or remove it.")
    dataset = LeRobotDataset.create(
        repo_id=repo_id,
        fps=fps,
        features=features(episodes[0][1], videos=videos),
        root=out,
        robot_type="panda",
        use_videos=videos,
    )
    for instruction, episode in episodes:
        for step in range(len(episode.frames)):
            dataset.add_frame({**frame(episode, step), "task": instruction})
        dataset.save_episode()
    dataset.finalize()


def features(episode: Demonstration, *, videos: bool) -> dict[str, dict[str, Any]]:
    """Say what a frame of such an episode holds, in LeRobot's words."""
    joints = episode.proprio.shape[1] - len(_TOOL)
    state = [*_TOOL, *(f"joint_{number}" for number in range(joints))]
    action = [f"action_{number}" for number in range(episode.actions.shape[1])]
    return {
        CAMERA: {
            "dtype": "video" if videos else "image",
            "shape": episode.frames.shape[1:],
            "names": ["height", "width", "channels"],
        },
        "observation.state": _numbers("float32", state),
        "action": _numbers("float32", action),
        "executed": _numbers("float32", action),
        "decision": _numbers("bool", ["decision"]),
        "next.done": _numbers("bool", ["done"]),
        "next.success": _numbers("bool", ["success"]),
    }


def frame(episode: Demonstration, step: int) -> dict[str, Any]:
    """One frame."""
    last = step == len(episode.frames) - 1
    return {
        CAMERA: episode.frames[step],
        "observation.state": episode.proprio[step],
        "action": episode.actions[step],
        "executed": episode.executed[step],
        "decision": np.array([step == episode.reveal]),
        "next.done": np.array([last]),
        "next.success": np.array([last and episode.success]),
    }


def _numbers(kind: str, names: list[str]) -> dict[str, Any]:
    return {"dtype": kind, "shape": (len(names),), "names": names}


def main() -> None:
    """Export as the flags say."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--data", type=Path, required=True, help="folder of demonstrations")
    flags.add_argument("--out", type=Path, required=True, help="folder of the dataset")
    flags.add_argument("--repo-id", required=True, help="its name, owner/name")
    flags.add_argument("--fps", type=int, default=20, help="steps in a second; ManiSkill's are 20")
    flags.add_argument("--videos", action="store_true", help="smaller, with loss")
    options = flags.parse_args()
    episodes = read_folder(options.data)
    export(options.out, episodes, repo_id=options.repo_id, fps=options.fps, videos=options.videos)
    sys.stdout.write(f"{len(episodes)} episodes in {options.out}\n")


if __name__ == "__main__":
    main()
