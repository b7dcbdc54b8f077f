"""Actions as nodes see them: goals that take time, tell how they go, and can be cancelled."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, runtime_checkable

from ros_nodes.messages import Message, Values


class GoalStatus(IntEnum):
    """Of `action_msgs/GoalStatus`; the last two are ours, and never sent."""

    UNKNOWN = 0
    ACCEPTED = 1
    EXECUTING = 2
    CANCELING = 3
    SUCCEEDED = 4
    CANCELED = 5
    ABORTED = 6
    REJECTED = 100
    """The server did not take the goal."""
    LOST = 101
    """The server is not there, or did not answer in time."""


@runtime_checkable
class Pursued(Protocol):
    """One goal of a server's, until one of the last three is called; for any thread."""

    @property
    def request(self) -> Message:
        """The goal."""
        ...

    @property
    def is_cancelling(self) -> bool:
        """Whether whoever asked wants it no longer."""
        ...

    def feedback(self, values: Values) -> None:
        """Tell how it goes."""
        ...

    def succeed(self, result: Values) -> None:
        """It is done."""
        ...

    def abort(self, result: Values) -> None:
        """It cannot be done."""
        ...

    def canceled(self, result: Values) -> None:
        """It was given up, as was asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a node does about an action's goals. None of these may wait."""

    accept: Callable[[Message], bool]
    """Tells whether a goal is taken."""
    begin: Callable[[Pursued], None]
    """Begins with a goal that was taken."""
    cancel: Callable[[Pursued], bool]
    """Tells whether it will be given up; `canceled` is called when that is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a goal that was sent ended."""

    status: GoalStatus
    result: Message | None = None
    """None where it never began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A goal to send to a server."""

    action: str
    """Name of the action."""
    typename: str
    """`nav2_msgs/action/NavigateToPose`."""
    goal: Values
    feedback: Callable[[Message], None]
    """Takes the action's feedback."""
    done: Callable[[Ended], None]
    """Called once."""
    timeout: float = 60.0
    """Longest time from sending to the end [s]."""


Cancel = Callable[[], None]
"""Asks the server to give a goal up; `done` is called when it has."""
