"""Fast Downward for unified-planning, with every file of a run in that run's own folder.

Its driver writes the translated task to `output.sas` in the working directory unless told
otherwise, so two planners in one directory would solve each other's problems.
"""

from pathlib import Path

from up_fast_downward import FastDownwardPDDLPlanner


class ApartFastDownward(FastDownwardPDDLPlanner):
    """Fast Downward that may run beside others, and in a directory that cannot be written."""

    def _base_cmd(self, plan_filename: str) -> list[str]:
        task = Path(plan_filename).with_name("task.sas")
        command = super()._base_cmd(plan_filename)
        return [*map(str, command), "--sas-file", str(task)]
