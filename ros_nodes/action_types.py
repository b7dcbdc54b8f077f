"""The types that an action is made of, as rosidl derives them from its three parts."""

from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import get_types_from_msg

Definition = tuple[list[Any], list[tuple[str, Any]]]
"""Constants and fields of a type, as `rosbags` keeps them."""

PARTS = ("Goal", "Result", "Feedback")
SERVICES = ("SendGoal", "GetResult")

_ID = ("goal_id", (Nodetype.NAME, "unique_identifier_msgs/msg/UUID"))


def action_types(package: str, name: str, text: str) -> dict[str, Definition]:
    """Return every type of an action by its name, `package/action/Name_SendGoal_Request` ...

    Args:
        package: That defines it.
        name: Of the action.
        text: Its definition: goal, result and feedback.
    """
    types: dict[str, Definition] = {}
    action = f"{package}/action/{name}"
    for part, body in zip(PARTS, text.split("---\n"), strict=True):
        seeming = f"{package}/msg/{name}_{part}"  # Fields without a package are of its messages.
        constants, fields = get_types_from_msg(body, seeming)[seeming]
        types[f"{action}_{part}"] = list(constants), list(fields)
    goal, result, feedback = ((Nodetype.NAME, f"{action}_{part}") for part in PARTS)
    derived = {
        "SendGoal_Request": [_ID, ("goal", goal)],
        "SendGoal_Response": [
            ("accepted", (Nodetype.BASE, ("bool", 0))),
            ("stamp", (Nodetype.NAME, "builtin_interfaces/msg/Time")),
        ],
        "GetResult_Request": [_ID],
        "GetResult_Response": [
            ("status", (Nodetype.BASE, ("int8", 0))),
            ("result", result),
        ],
        "FeedbackMessage": [_ID, ("feedback", feedback)],
    }
    return types | {f"{action}_{end}": ([], fields) for end, fields in derived.items()}
