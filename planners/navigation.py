"""Ways through the house: a lattice of poses over the occupancy map, A* on it, places to stand.

A body of known radius moves by fixed steps along four headings. Cells that are occupied, with the
radius around them, are closed; unknown cells are open at a price, because walls that are there get
seen before they are reached; moves that failed are closed for good.
"""

import heapq
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from embodied_mem.config import Config
from embodied_mem.memory.occupancy import FREE, OCCUPIED, OccupancyMap
from planners.lattice import HEADINGS, Lattice, Node

State = tuple[int, int, int]
"""Node and heading."""


class NavigationConfig(Config, frozen=True):
    """How the body moves."""

    step: float = 0.25
    """Length of one move [m]."""
    body_radius: float = 0.2
    """Nothing may come nearer to the body's axis [m]."""
    doubt: float = 0.035
    """How far the map's edges may be off [m]: that much nearer may do, at a price."""
    doubt_cost: float = 6.0
    """Extra price of a move that may be too near to an obstacle [moves]."""
    comfort: float = 0.3
    """Nearer than this to obstacles a way costs more [m]."""
    close_cost: float = 0.6
    """Extra price of a move that is not comfortable [moves]."""
    unknown_cost: float = 2.5
    """Extra price of a move over floor not seen yet [moves]."""
    turn_cost: float = 1.0
    """Price of a turn [moves]."""
    sideways_cost: float = 1.3
    """Times that a move to the side or backwards costs as much as one forward."""
    blind_cost: float = 3.0
    """The same where the floor was not seen yet."""
    reach: float = 1.4
    """Farthest horizontal distance from which things are handled [m]."""
    easy_reach: float = 1.2
    """Up to here it is easy [m]."""
    hemmed: int = 4
    """A body that can go to fewer nodes than this distrusts the map ..."""
    loosened: float = 0.75
    """... so far around itself [m]."""
    margin: float = 2.0
    """The lattice extends beyond the map by this much [m]."""


Edge = tuple[Node, Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standpoint:
    """A place to stand at for handling something."""

    node: Node
    cost: float
    """Price of going there [moves], plus how little it suits."""
    distance: float
    """Horizontal distance to the thing [m]."""


@dataclass(slots=True)
class Ground:
    """Prices of the lattice's nodes and edges, as one look at the occupancy map gives them."""

    lattice: Lattice
    low: Node
    """Node of array index (0, 0)."""
    open: Bool[np.ndarray, "x y"]
    """Nodes where the body can be."""
    price_x: Float[np.ndarray, "x y"]
    """Price of the move from a node to its neighbour along x; infinite where closed."""
    price_y: Float[np.ndarray, "x y"]
    """The same along y."""
    clearance: Float[np.ndarray, "x y"]
    """Distance to the nearest obstacle [m]."""
    known: Bool[np.ndarray, "x y"]
    """Nodes whose floor was seen."""

    def index(self, node: Node) -> Node:
        """Return the array index of a node."""
        return node[0] - self.low[0], node[1] - self.low[1]

    def contains(self, node: Node) -> bool:
        """Tell whether a node lies in the arrays."""
        i, j = self.index(node)
        return 0 <= i < self.open.shape[0] and 0 <= j < self.open.shape[1]

    def price(self, start: Node, end: Node) -> float:
        """Return the price of a move between neighbours; infinite where closed."""
        if not (self.contains(start) and self.contains(end)):
            return np.inf
        i, j = self.index(min(start, end))
        along_x = start[1] == end[1]
        return float(self.price_x[i, j] if along_x else self.price_y[i, j])

    def costs_from(self, start: Node) -> Float[np.ndarray, "x y"]:
        """Return the price of the cheapest way from a node to every node, turns not counted."""
        shape = self.open.shape
        if not self.contains(start):
            return np.full(shape, np.inf)
        numbers = np.arange(shape[0] * shape[1]).reshape(shape)
        x_open, y_open = np.isfinite(self.price_x[:-1]), np.isfinite(self.price_y[:, :-1])
        rows = np.concatenate((numbers[:-1][x_open], numbers[:, :-1][y_open]))
        columns = np.concatenate((numbers[1:][x_open], numbers[:, 1:][y_open]))
        prices = np.concatenate((self.price_x[:-1][x_open], self.price_y[:, :-1][y_open]))
        graph = csr_matrix((prices, (rows, columns)), shape=(numbers.size, numbers.size))
        return dijkstra(graph, directed=False, indices=numbers[self.index(start)]).reshape(shape)


def survey(
    occupancy: OccupancyMap,
    lattice: Lattice,
    here: Node,
    config: NavigationConfig,
    closed: Collection[Edge] = (),
    doubtful: Collection[Edge] = (),
) -> Ground:
    """Look at an occupancy map through a lattice.

    Args:
        occupancy: Free, occupied and unknown cells.
        lattice: Where the body can step.
        here: Where the body stands; its own node is open whatever the map says.
        config: The body's size and the prices.
        closed: Moves that failed, in both directions.
        doubtful: Moves beside those.
    """
    low, high = _bounds(occupancy, lattice, here, config.margin)
    axes = [np.arange(a, b) for a, b in zip(low, high, strict=True)]
    points = lattice.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    look = _Look.at(occupancy)
    clearance, known = look.sample(points)
    radius = config.body_radius - config.doubt
    is_open = clearance >= radius
    is_open[here[0] - low[0], here[1] - low[1]] = True
    prices = []
    step = lattice.spacing / 2
    for axis, offset in enumerate(np.diag((step, step))):
        middle, _ = look.sample(points + offset)
        tightest = np.minimum(middle, np.minimum(clearance, np.roll(clearance, -1, axis)))
        price = 1 + config.close_cost * (tightest < config.comfort)
        price = price + config.doubt_cost * (tightest < config.body_radius + config.doubt / 2)
        price = price + config.unknown_cost * ~(known & np.roll(known, -1, axis))
        usable = is_open & np.roll(is_open, -1, axis) & (middle >= radius)
        usable[(-1, slice(None)) if axis == 0 else (slice(None), -1)] = False
        prices.append(np.where(usable, price, np.inf))
    ground = Ground(lattice=lattice, low=low, open=is_open, price_x=prices[0], price_y=prices[1],
                    clearance=clearance, known=known)  # fmt: skip
    _raise_prices(ground, doubtful, config.doubt_cost)
    _raise_prices(ground, closed, np.inf)
    return ground


@dataclass(frozen=True, slots=True)
class _Look:
    """An occupancy map made ready to be sampled at many points."""

    occupancy: OccupancyMap
    states: UInt8[np.ndarray, "r c"]
    clearance: Float[np.ndarray, "r c"]
    """Distance of each cell to the nearest occupied one [cells]."""

    @classmethod
    def at(cls, occupancy: OccupancyMap) -> "_Look":
        states = occupancy.states
        if not states.size:
            states = np.zeros((1, 1), np.uint8)
        clear = (states != OCCUPIED).astype(np.uint8)
        return cls(occupancy, states, cv2.distanceTransform(clear, cv2.DIST_L2, 5))

    def sample(
        self, points: Float[np.ndarray, "x y 2"]
    ) -> tuple[Float[np.ndarray, "x y"], Bool[np.ndarray, "x y"]]:
        """Return the distance to the nearest obstacle [m], and whether the floor is seen."""
        cells = self.occupancy.world_to_cell(points)
        inside = ((cells >= 0) & (cells < np.array(self.states.shape[::-1]))).all(axis=-1)
        column, row = np.where(inside, cells[..., 0], 0), np.where(inside, cells[..., 1], 0)
        exact = (points - self.occupancy.origin) / self.occupancy.resolution - 0.5
        x, y = exact[..., 0].astype(np.float32), exact[..., 1].astype(np.float32)
        between = cv2.remap(self.clearance, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        clearance = np.where(inside, between * self.occupancy.resolution, np.inf)
        return clearance, inside & (self.states[row, column] == FREE)


def is_open(
    occupancy: OccupancyMap,
    start: Float[np.ndarray, "2"],
    end: Float[np.ndarray, "2"],
    config: NavigationConfig,
) -> bool:
    """Tell whether the map shows no obstacle on a short straight move, looking only there.

    Args:
        occupancy: Free, occupied and unknown cells.
        start: Where the move begins [m].
        end: Where it ends [m].
        config: The body's size.
    """
    reach = config.body_radius + occupancy.resolution
    low = occupancy.world_to_cell(np.minimum(start, end) - reach)
    high = occupancy.world_to_cell(np.maximum(start, end) + reach) + 1
    low, high = np.maximum(low, 0), np.minimum(high, occupancy.shape[::-1])
    if (high <= low).any():
        return True
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    rows, columns = np.nonzero((occupancy.score[window] > 0) | (occupancy.blocked[window] > 0))
    obstacles = occupancy.cell_to_world(np.stack((columns, rows), axis=1) + low)
    spots = np.stack(((start + end) / 2, end))
    gaps = np.linalg.norm(obstacles[:, None] - spots[None], axis=2)
    # The survey interpolates, which may err by a little to the safe side.
    return bool((gaps >= config.body_radius - config.doubt - 0.01).all())


def _bounds(
    occupancy: OccupancyMap, lattice: Lattice, here: Node, margin: float
) -> tuple[Node, Node]:
    """Return the lowest node and the one past the highest that are worth a look."""
    rows, columns = np.nonzero(occupancy.states)
    corners = [lattice.point(here) - margin, lattice.point(here) + margin]
    if len(rows):
        lowest = occupancy.cell_to_world(np.array([columns.min(), rows.min()]))
        highest = occupancy.cell_to_world(np.array([columns.max(), rows.max()]))
        corners += [lowest - lattice.spacing, highest + lattice.spacing]
    low, high = lattice.node(np.min(corners, axis=0)), lattice.node(np.max(corners, axis=0))
    return low, (high[0] + 2, high[1] + 2)


def loosen(ground: Ground, here: Node, config: NavigationConfig, closed: Collection[Edge]) -> None:
    """Distrust the map about a body that it shows walled in: moves there are open, at a price.

    The body came there; what seems to surround it is something that it carries, or noise.

    Args:
        ground: What the map says, changed in place.
        here: Where the body stands.
        config: How far around, and the price.
        closed: Moves that failed stay closed.
    """
    i, j = ground.index(here)
    reach = round(config.loosened / config.step)
    window = np.s_[max(i - reach, 0) : i + reach, max(j - reach, 0) : j + reach]
    for prices in (ground.price_x, ground.price_y):
        doubted = ~np.isfinite(prices[window])
        prices[window][doubted] = 1 + config.doubt_cost
    _raise_prices(ground, closed, np.inf)


def _raise_prices(ground: Ground, edges: Iterable[Edge], extra: float) -> None:
    for start, end in edges:
        first, second = min(start, end), max(start, end)
        if ground.contains(first) and ground.contains(second):
            prices = ground.price_x if first[1] == second[1] else ground.price_y
            prices[ground.index(first)] += extra


def find_path(
    start: State, goals: Collection[Node], price: Callable[[Node, Node], float],
    config: NavigationConfig,
) -> list[State] | None:  # fmt: skip
    """Find the cheapest sequence of poses from a pose to any of some nodes, with A*.

    Moves go to the four neighbours, forward for the map's price and in the other directions for
    more; a turn goes to any heading. The estimate is the number of steps that remain, which never
    exceeds the price because no move costs less than 1.

    Args:
        start: Node and heading.
        goals: Nodes to reach, at any heading.
        price: Price of a move between neighbours; infinite where closed, at least 1.
        config: Prices of turns and of moves that do not go forward.

    Returns:
        The poses from `start` to the goal, both included; None where there is no way.
    """
    if not goals:
        return None
    targets = np.array(sorted(goals))

    def estimate(node: Node) -> float:
        return float(np.abs(targets - node).sum(axis=1).min())

    best: dict[State, float] = {start: 0.0}
    came: dict[State, State] = {}
    reached = set(goals)
    queue = [(estimate(start[:2]), 0.0, start)]
    done: set[State] = set()
    while queue:
        _, cost, state = heapq.heappop(queue)
        if state in done:
            continue
        done.add(state)
        if state[:2] in reached:
            return _trace(came, state)
        for following, extra in _moves(state, price, config):
            total = cost + extra
            if total < best.get(following, np.inf):
                best[following] = total
                came[following] = state
                heapq.heappush(queue, (total + estimate(following[:2]), total, following))
    return None


def _moves(
    state: State, price: Callable[[Node, Node], float], config: NavigationConfig
) -> Iterable[tuple[State, float]]:
    """Yield what can follow a pose, with its price."""
    i, j, heading = state
    for direction, (di, dj) in enumerate(HEADINGS):
        cost = price((i, j), (i + di, j + dj))
        if np.isfinite(cost):
            blind = config.blind_cost if cost >= 1 + config.unknown_cost else config.sideways_cost
            factor = 1.0 if direction == heading else blind
            yield (i + di, j + dj, heading), cost * factor
        if direction != heading:
            yield (i, j, direction), config.turn_cost


def _trace(came: dict[State, State], state: State) -> list[State]:
    path = [state]
    while state in came:
        state = came[state]
        path.append(state)
    return path[::-1]


def standpoints(
    ground: Ground,
    costs: Float[np.ndarray, "x y"],
    box: Float[np.ndarray, "2 2"],
    config: NavigationConfig,
    *,
    reach: float | None = None,
    distance: float = 0.6,
) -> list[Standpoint]:
    """Return the places from which a thing can be handled, best first.

    Args:
        ground: Where the body can be.
        costs: Price of going to each node, from `Ground.costs_from`.
        box: Lowest and highest corner of the thing on the floor plan [m].
        config: How far the body reaches.
        reach: Farthest horizontal distance instead [m].
        distance: The best distance [m].
    """
    reach = config.reach if reach is None else reach
    indices = np.argwhere(np.isfinite(costs))
    if not len(indices):
        return []
    points = ground.lattice.points(indices + ground.low)
    nearest = np.clip(points, box[0], box[1])
    gap = np.linalg.norm(points - nearest, axis=1)
    middle = np.linalg.norm(points - box.mean(axis=0), axis=1)
    near = gap <= reach
    awkward = 4 * np.maximum(0, 0.45 - middle) + 1.5 * np.maximum(0, gap - distance)
    awkward += 5 * np.maximum(0, distance - 0.2 - gap) + 10 * np.maximum(0, gap - config.easy_reach)
    score = costs[tuple(indices.T)] + awkward + 0.5 * middle
    order = np.flatnonzero(near)[np.argsort(score[near], kind="stable")]
    return [
        Standpoint(
            node=(int(indices[k, 0] + ground.low[0]), int(indices[k, 1] + ground.low[1])),
            cost=float(score[k]),
            distance=float(gap[k]),
        )
        for k in order
    ]


@dataclass(slots=True)
class FailedMoves:
    """Moves that did not succeed, as places in the world, so that they survive a new lattice."""

    moves: list[tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]] = field(default_factory=list)
    """Where each began and should have ended [m]."""
    capacity: int = 400
    """The oldest are forgotten beyond so many."""

    def add(self, start: Float[np.ndarray, "2"], end: Float[np.ndarray, "2"]) -> None:
        """Remember a failed move between two world points [m]."""
        self.moves = [*self.moves[1 - self.capacity :], (start, end)]

    def edges(self, lattice: Lattice) -> list[Edge]:
        """Return the edges of a lattice that lie where moves failed."""
        found: list[Edge] = []
        for ends in self.moves:
            steps = (np.mean(ends, axis=0) - lattice.origin) / lattice.spacing
            rests = np.abs(steps - np.round(steps))
            axis = int(np.argmax(rests))
            start = [int(v) for v in np.round(steps)]
            start[axis] = int(np.floor(steps[axis]))
            end = list(start)
            end[axis] += 1
            found.append(((start[0], start[1]), (end[0], end[1])))
        return found

    def doubtful(self, lattice: Lattice) -> list[Edge]:
        """Return the edges beside those: what stopped the body may be wider than one step."""
        found: list[Edge] = []
        for (a, b), (c, d) in self.edges(lattice):
            side = (d - b, c - a)
            for sign in (-1, 1):
                di, dj = sign * side[0], sign * side[1]
                found.append(((a + di, b + dj), (c + di, d + dj)))
        return found
