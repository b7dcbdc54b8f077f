"""What an installed wheel must do, run from outside the checkout with no test packages."""

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
print("smoke: ok")  # noqa: T201
