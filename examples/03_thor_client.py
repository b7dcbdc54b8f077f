"""Drive the household simulator with AI2-THOR's own client, as code written for AI2-THOR does.

python examples/03_thor_client.py
"""

import tempfile
from pathlib import Path

from ai2thor.controller import Controller

from embodied_mem.backends.household.server.launcher import write_launcher

with tempfile.TemporaryDirectory() as folder:
    launcher = Path(folder) / "household"
    write_launcher(launcher)
    controller = Controller(
        local_executable_path=str(launcher),  # In place of the Unity build.
        x_display=":0.0",  # Never contacted.
        scene="FloorPlan1",
        width=300,
        height=300,
        renderDepthImage=True,
        renderInstanceSegmentation=True,
    )
    try:
        event = controller.step("RotateRight")
        visible = [thing["objectId"] for thing in event.metadata["objects"] if thing["visible"]]
        print("in reach and in view:", ", ".join(visible) or "nothing")
        reachable = controller.step("GetReachablePositions").metadata["actionReturn"]
        print(f"{len(reachable)} reachable positions")
        event = controller.step("PickupObject", objectId="Nothing|1|2")
        print("a failure reads:", event.metadata["errorMessage"])
    finally:
        controller.stop()
