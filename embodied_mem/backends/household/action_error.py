"""Why an action was not carried out."""

from typing import Literal

from embodied_mem.errors import EmbodiedMemError

ErrorCode = Literal[
    "", "ReceptacleNotVisible", "ReceptacleNotOpen", "ObjectNotInInventory", "ReceptacleFull",
    "ReceptaclePivotNotVisible", "ObjectNotAllowedInReceptacle", "ObjectNotVisible",
    "InventoryFull", "ObjectNotPickupable", "LookUpCantExceedMax", "LookDownCantExceedMin",
    "InvalidAction", "MissingArguments", "AmbiguousAction", "InvalidArgument",
]  # fmt: skip
"""AI2-THOR's ServerActionErrorCode; "" where it has none."""


class ActionError(EmbodiedMemError):
    """An action failed; nothing changed. The engine turns it into a result."""

    def __init__(self, message: str, code: ErrorCode = "") -> None:
        super().__init__(message)
        self.code: ErrorCode = code
