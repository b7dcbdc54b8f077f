"""Little films of coloured squares that move: colour tells the id."""

import numpy as np

from perception.compact.clips import Clip

WIDTH, HEIGHT = 80, 64


def colour(number: int) -> tuple[int, int, int]:
    return (40 * number, 250 - 40 * number, 20 * number)


def square_film(seed: int, frames: int = 8, squares: int = 4) -> Clip:
    """Squares 1..n on plain ground, the later in front."""
    rng = np.random.default_rng(seed)
    ids = np.zeros((frames, HEIGHT, WIDTH), np.uint8)
    place = rng.uniform(4, 36, (squares, 2))
    speed = rng.uniform(-2, 2, (squares, 2))
    for frame in range(frames):
        for number in range(squares):
            y, x = np.clip(place[number] + frame * speed[number], 0, 50).astype(int)
            ids[frame, y : y + 14, x : x + 18] = number + 1
    palette = np.array([colour(n) for n in range(squares + 1)], np.uint8)
    return Clip(rgb=palette[ids], ids=ids)
