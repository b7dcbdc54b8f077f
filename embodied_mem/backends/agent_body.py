"""What every simulated agent has, whoever simulates it."""

from embodied_mem.config import Config


class AgentBodyConfig(Config, frozen=True):
    """The agent's camera and steps, and what the house's things look like."""

    asset_database: str | None = None
    """ProcTHOR's asset-database.json, for exact sizes of objects; sizes of types without it.
    AI2-THOR's Unity build has its own."""
    width: int = 300
    """Image width [px]."""
    height: int = 300
    """Image height [px]."""
    field_of_view: float = 90.0
    """Vertical field of view [deg]."""
    grid_size: float = 0.25
    """Length of one step [m]."""
    rotate_step: float = 90.0
    """Angle of one turn [deg]."""
    visibility_distance: float = 1.5
    """Horizontal distance within which objects can be interacted with [m]."""
    snap_to_grid: bool = True
    """Whether positions are rounded to the grid after each step."""
