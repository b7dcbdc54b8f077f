"""What an installed wheel must do, run from outside the checkout with no test packages."""

from pathlib import Path

import perception
import planners
import ros_nodes
import sim_configs
from embodied_mem.doctor import check_siblings

check_siblings()
for package in (perception, planners, ros_nodes, sim_configs):
    if not package.__doc__:
        raise SystemExit(f"{package.__name__} has no docstring")
if not sim_configs.path("household/demo_house").is_file():
    raise SystemExit("the wheel lacks its configs")
for name in ("segmenter", "tracker"):
    if not (Path(perception.__file__).parent / "weights" / f"{name}.safetensors").is_file():
        raise SystemExit(f"the wheel lacks the {name}'s weights")
print("smoke: ok")  # noqa: T201
