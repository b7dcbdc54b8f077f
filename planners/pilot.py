"""Takes the body along ways over the map, one move at a time."""

from collections.abc import Collection
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from embodied_mem.interfaces import Decision
from embodied_mem.types import Action
from planners.behaviour import Routine, Situation
from planners.body import tilt, tilt_change, turn, wrap
from planners.lattice import HEADINGS, Lattice, Node, heading_of
from planners.navigation import (
    FailedMoves,
    Ground,
    NavigationConfig,
    State,
    find_path,
    is_open,
    loosen,
    survey,
)

_MOVES = ("MoveAhead", "MoveLeft", "MoveBack", "MoveRight")
"""By the direction relative to the heading, counter-clockwise."""

_STRAIGHT = np.radians(0.5)
"""A heading is kept within this [rad]."""


class Pilot:
    """Knows the lattice and the moves that failed; makes routines that go places."""

    def __init__(self, config: NavigationConfig, situation: Situation):
        self.config = config
        self._situation = situation
        self._failed = FailedMoves()
        self._lattice: Lattice | None = None
        self._ground: tuple[int, Ground] | None = None
        self._costs: tuple[int, Float[np.ndarray, "x y"]] | None = None

    @property
    def lattice(self) -> Lattice:
        """The lattice that the body stands on."""
        position = self._situation.body.position
        if self._lattice is None or self._lattice.offset(position) > 0.03:
            origin = (float(position[0]), float(position[1]))
            self._lattice = Lattice(origin=origin, spacing=self.config.step)
        return self._lattice

    @property
    def here(self) -> Node:
        """The node on which the body stands."""
        return self.lattice.node(self._situation.body.position)

    def ground(self) -> Ground:
        """Return the prices of ways as the map shows them now."""
        s = self._situation
        if self._ground is None or self._ground[0] != s.tick:
            ground = survey(
                s.memory.occupancy,
                self.lattice,
                self.here,
                self.config,
                self._failed.edges(self.lattice),
                self._failed.doubtful(self.lattice),
            )
            costs = ground.costs_from(self.here)
            if np.isfinite(costs).sum() < self.config.hemmed:
                loosen(ground, self.here, self.config, self._failed.edges(self.lattice))
            else:
                self._costs = s.tick, costs
            self._ground = s.tick, ground
        return self._ground[1]

    def costs(self) -> Float[np.ndarray, "x y"]:
        """Return the price of going to each node, as it is now."""
        now = self._situation.tick
        if self._costs is None or self._costs[0] != now:
            self._costs = now, self.ground().costs_from(self.here)
        return self._costs[1]

    def go(self, goals: Collection[Node], *, phase: str, reason: str) -> Routine:
        """Go to any of some nodes; fails where no way is left.

        Args:
            goals: Nodes to reach.
            phase: Phase of the decisions.
            reason: Sentence for the record.
        """
        moved_from: tuple[State, State] | None = None
        for _ in range(60):  # Ways are sought anew when the map shows an obstacle.
            way = self._way(goals)
            if way is None:
                return False
            trusted = moved_from == tuple(way[:2])
            moved_from = tuple(way[:2]) if len(way) > 1 else None  # type: ignore[assignment]
            if (yield from self._follow(way, phase, reason, trusted=trusted)):
                return True
        return False

    def _way(self, goals: Collection[Node]) -> list[State] | None:
        heading, _ = heading_of(self._situation.body.yaw)
        goals = [node for node in goals if self.ground().contains(node)]
        return find_path((*self.here, heading), goals, self.ground().price, self.config)

    def _follow(self, way: list[State], phase: str, reason: str, *, trusted: bool) -> Routine:
        """Take a way's moves while the map shows them open.

        Args:
            way: Poses, the present one first.
            phase: Phase of the decisions.
            reason: Sentence for the record.
            trusted: Take the first move whatever the nearer look at the map says.
        """
        s = self._situation
        for before, after in pairwise(way):
            moves = before[:2] != after[:2]
            heading, lacks = heading_of(s.body.yaw)
            wanted = after[2] if not moves else before[2]
            lacks = lacks + wrap((wanted - heading) * np.pi / 2)
            if abs(wrap(lacks)) > _STRAIGHT:
                yield Decision(action=turn(wrap(lacks)), phase=phase, reason=reason)
            if not moves:
                continue
            start, end = self.lattice.point(before[:2]), self.lattice.point(after[:2])
            if not trusted and not is_open(s.memory.occupancy, start, end, self.config):
                return False
            trusted = False
            yield Decision(action=_move(before, after), phase=phase, reason=reason)
            if not s.succeeded:
                self._failed.add(start, end)
                self._ground = self._costs = None
                return False
            if self.here != after[:2]:
                return False
        return True

    def face(self, point: Float[np.ndarray, "3"], *, phase: str, reason: str) -> Routine:
        """Turn and tilt so that the camera looks at a point [m]."""
        s = self._situation
        bearing = s.body.bearing(point)
        if abs(bearing) > np.radians(4):
            yield Decision(action=turn(bearing), phase=phase, reason=reason)
        change = tilt_change(s.body.horizon, s.body.tilt_to(point))
        if abs(change) > 4:
            yield Decision(action=tilt(change), phase=phase, reason=reason)
        return True

    def level(self, horizon: float, *, phase: str, reason: str) -> Routine:
        """Tilt the camera to an angle [degrees, positive downward]."""
        change = tilt_change(self._situation.body.horizon, horizon)
        if abs(change) > 8:
            yield Decision(action=tilt(change), phase=phase, reason=reason)
        return True


def _move(before: State, after: State) -> Action:
    direction = HEADINGS.index((after[0] - before[0], after[1] - before[1]))
    return Action(name=_MOVES[(direction - before[2]) % 4])
