"""The ballet of HCAM (arXiv:2105.14039, section 4.1): who danced what? A quick probe of memory.

Dancers at fixed places of a room dance one after another, with pauses. Then one of the dances is
named, and the agent, which could only watch, walks to the one who danced it. Nothing on the stage
tells: the agent has to have remembered. Chance is one over the number of dancers.

Our own drawing of the published task: the same room, places, dances, pauses and rewards.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, UInt8

from embodied_mem.config import Config
from embodied_mem.errors import ConfigError

# Where a dancer stands after each beat, on the keys of a number pad: 8 is north of its place, 5.
DANCES = {
    "circle_cw": "8963214789632145",
    "circle_ccw": "8741236987412365",
    "up_and_down": "8525" * 4,
    "left_and_right": "6545" * 4,
    "diagonal_uldr": "7535" * 4,
    "diagonal_urdl": "9515" * 4,
    "plus_cw": "85652545" * 2,
    "plus_ccw": "85452565" * 2,
    "times_cw": "95351575" * 2,
    "times_ccw": "75153595" * 2,
    "zee": "9878959512321515",
    "chevron_down": "7426959596247575",
    "chevron_up": "3684151514863535",
}
BEATS = 16
"""Steps of a dance."""

SIDE = 11
"""Cells along a side of the room, walls included."""
CELL = 9
"""Pixels along a side of a cell, of images."""

PLACES = tuple(
    (row, column) for row in (2, 5, 8) for column in (2, 5, 8) if (row, column) != (5, 5)
)
"""Where dancers stand, (row, column); the agent watches from the middle."""
_MIDDLE = (5, 5)

MOVES = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""What the agent can do, in rows and columns: north, north-east, and on as the clock goes."""

FLOOR, WALL, AGENT, DANCER = 0, 1, 2, 3
"""What a cell holds; dancers count on from the last."""

_COLOURS = np.array(
    [[0, 0, 0], [102, 102, 102], [255, 255, 255], [230, 25, 25], [25, 25, 230], [25, 230, 25],
     [230, 230, 25], [230, 25, 230], [25, 230, 230], [230, 128, 25], [128, 25, 230]], np.uint8,
)  # fmt: skip
_CHOICE_STEPS = 32
"""Steps in which the agent must have chosen."""


class BalletConfig(Config, frozen=True):
    """How hard the task is. The published levels have 2, 4 or 8 dancers, and 16 or 48 steps."""

    dancers: int = 2
    delay: int = 16
    """Pause after each dance [steps]."""

    def __post_init__(self) -> None:
        if not 1 <= self.dancers <= len(PLACES) or self.delay < 1:
            raise ConfigError(
                f"a ballet has 1 to {len(PLACES)} dancers and pauses of 1 step or more, "
                f"got {self.dancers} and {self.delay}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BalletStep:
    """What the agent is told."""

    cells: UInt8[np.ndarray, "r c"]
    """What each cell holds."""
    instruction: str
    """`watch`, or the name of the dance to look for."""
    reward: float
    """1 when the right dancer is reached."""
    is_over: bool


class Ballet:
    """The task, one episode at a time.

    Args:
        config: How hard it is.
    """

    def __init__(self, config: BalletConfig) -> None:
        self.config = config
        self.watching = 1 + config.dancers * (BEATS + config.delay)
        """Steps before the choice."""

    def reset(self, seed: int) -> BalletStep:
        """Begin the episode of a seed."""
        random, count = np.random.default_rng(seed), self.config.dancers
        chosen = random.choice(len(PLACES), count, replace=False)
        self.places = tuple(PLACES[index] for index in chosen)
        """Where the dancers stand, in the order in which they dance."""
        self.dances = tuple(random.choice(list(DANCES), count, replace=False).tolist())
        self.asked = int(random.integers(count))
        """Who is asked for."""
        self._looks = random.permutation(len(PLACES))[:count]
        self._agent, self._time, self._over = _MIDDLE, 0, False
        return self._shown(0.0)

    def step(self, action: int) -> BalletStep:
        """Let a step pass; while the others dance the agent stays where it is.

        Args:
            action: Number of one of `MOVES`.
        """
        if self._over:
            raise ConfigError("the ballet is over. Reset it to begin another.")
        reward = 0.0
        if self._time >= self.watching:
            down, right = MOVES[action]
            row, column = self._agent[0] + down, self._agent[1] + right
            self._agent = min(max(row, 1), SIDE - 2), min(max(column, 1), SIDE - 2)
            if self._agent in self.places:
                self._over, reward = True, float(self.places.index(self._agent) == self.asked)
        self._time += 1
        self._over = self._over or self._time >= self.watching + _CHOICE_STEPS
        return self._shown(reward)

    def seen_watching(self) -> UInt8[np.ndarray, "t r c"]:
        """What each cell holds from the beginning to the choice, with no need to step."""
        return self._cells(np.arange(self.watching + 1), _MIDDLE)

    def _shown(self, reward: float) -> BalletStep:
        return BalletStep(
            cells=self._cells(np.array([self._time]), self._agent)[0],
            instruction="watch" if self._time < self.watching else self.dances[self.asked],
            reward=reward,
            is_over=self._over,
        )

    def _cells(
        self, times: Int[np.ndarray, "t"], agent: tuple[int, int]
    ) -> UInt8[np.ndarray, "t r c"]:
        cells = np.full((len(times), SIDE, SIDE), WALL, np.uint8)
        cells[:, 1:-1, 1:-1] = FLOOR
        cells[:, *agent] = AGENT
        for number, place in enumerate(self.places):
            beats = times - 1 - number * (BEATS + self.config.delay)
            dances = (beats >= 0) & (beats < BEATS)
            path = np.array([int(key) for key in DANCES[self.dances[number]]])
            keys = np.where(dances, path[beats.clip(0, BEATS - 1)], 5)
            rows, columns = place[0] + 1 - (keys - 1) // 3, place[1] + (keys - 1) % 3 - 1
            cells[np.arange(len(times)), rows, columns] = DANCER + self._looks[number]
        return cells


def image(cells: UInt8[np.ndarray, "r c"]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the room, 99 x 99 pixels; each dancer has a colour and a shape of its own."""
    looks = np.where(_glyphs()[cells][..., None], _COLOURS[cells][:, :, None, None], 0)
    return looks.swapaxes(1, 2).reshape(len(cells) * CELL, -1, 3).astype(np.uint8)


def _glyphs() -> Bool[np.ndarray, "g p q"]:
    """Shapes of a cell's contents, by its number."""
    rows, columns = np.mgrid[-4:5, -4:5]
    far, apart = np.maximum(abs(rows), abs(columns)), abs(abs(rows) - abs(columns))
    whole, nothing = far <= 4, far < 0
    dancers = (
        far <= 3, (rows == 0) | (columns == 0), apart == 0, abs(rows) + abs(columns) <= 4,
        far == 4, rows >= abs(columns) * 2 - 4, rows <= 4 - abs(columns) * 2, (rows % 2) == 0,
    )  # fmt: skip
    return np.stack([nothing, whole, far <= 2, *dancers])


def watched(
    config: BalletConfig, seeds: range
) -> tuple[UInt8[np.ndarray, "e t r c"], Int[np.ndarray, "e"], Int[np.ndarray, "e"]]:
    """Watch whole episodes up to the choice, for a memory to be trained on.

    Returns:
        What is seen, the dance that is asked for (its number in `DANCES`) and the place of who
        danced it (its number in `PLACES`).
    """
    ballet, names = Ballet(config), list(DANCES)
    seen = np.empty((len(seeds), ballet.watching + 1, SIDE, SIDE), np.uint8)
    asked, answers = np.empty((2, len(seeds)), np.int64)
    for row, seed in enumerate(seeds):
        ballet.reset(seed)
        seen[row] = ballet.seen_watching()
        asked[row] = names.index(ballet.dances[ballet.asked])
        answers[row] = PLACES.index(ballet.places[ballet.asked])
    return seen, asked, answers
