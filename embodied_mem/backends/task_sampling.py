"""Draws household tasks that can be done in a house, by looking at the simulator's truth."""

from collections.abc import Iterator, Sequence

import numpy as np

from embodied_mem.backends.household.engine import Engine
from embodied_mem.backends.task_kinds import KINDS, Stock, Task, opening
from embodied_mem.errors import GoalError
from embodied_mem.goals import Goal


def sample_tasks(engine: Engine, n: int, seed: int) -> tuple[Goal, ...]:
    """Draw tasks of mixed kinds that can be done one after another in the present house.

    Each was checked on the truth: its objects can be reached and seen, its receptacles may hold
    them and have room, its tools are there, and it is not done already. No task needs what an
    earlier one destroys. The world is not changed.

    Args:
        engine: A loaded house, as it is when the first task begins.
        n: How many tasks.
        seed: Same seed, same house: same tasks.

    Raises:
        GoalError: The house has fewer different tasks.
    """
    return tuple(task.goal for task in sample_task_kinds(engine, n, seed))


def sample_task_kinds(engine: Engine, n: int, seed: int) -> tuple[Task, ...]:
    """Draw tasks as `sample_tasks` does, and tell their kinds."""
    random = np.random.default_rng(seed)
    stock = Stock(engine)
    chosen: list[Task] = []
    anywhere = stock.with_unusual_places()
    for source, kinds, fits in (  # The later ones only where tasks are few.
        (stock, KINDS, shares_nothing),
        (anywhere, KINDS, shares_nothing),
        (anywhere, (*KINDS, opening), spoils_nothing),
    ):
        sources = [_shuffled(kind(source, random), random) for kind in kinds]
        for task in _take_turns([sources[k] for k in random.permutation(len(sources))]):
            if len(chosen) >= n:
                break
            is_new = all(task.goal.atoms != other.goal.atoms for other in chosen)
            if is_new and fits(task, chosen) and stock.allows(task):
                chosen.append(task)
    if len(chosen) < n:
        raise GoalError(
            f"this house has only {len(chosen)} different tasks that can be done, {n} were asked "
            f"for: {len(stock.portable())} small objects can be reached in it."
        )
    return tuple(chosen)


def shares_nothing(task: Task, others: Sequence[Task]) -> bool:
    """Whether a task touches no object type that another one carries about."""
    mine = task.moved | task.needed | task.destroyed
    return spoils_nothing(task, others) and not any(
        mine & (other.moved | other.needed) for other in others
    )


def spoils_nothing(task: Task, others: Sequence[Task]) -> bool:
    """Whether no task destroys what another one uses, or leaves something in its way."""
    mine = task.moved | task.needed
    return not any(
        other.destroyed & (mine | task.destroyed)
        or task.destroyed & (other.moved | other.needed)
        or (task.machine and task.machine == other.machine)
        for other in others
    )


def _shuffled(tasks: Sequence[Task], random: np.random.Generator) -> Iterator[Task]:
    return (tasks[index] for index in random.permutation(len(tasks)))


def _take_turns(sources: Sequence[Iterator[Task]]) -> Iterator[Task]:
    """One task of each source, again and again, as long as they last."""
    left = list(sources)
    while left:
        for source in list(left):
            task = next(source, None)
            if task is None:
                left.remove(source)
            else:
                yield task
