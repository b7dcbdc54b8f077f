"""Several tasks one after another, in one world that goes on, with a memory that may go on too."""

from collections.abc import Callable, Iterator, Sequence

from embodied_mem.goals import Goal
from embodied_mem.interfaces import Backend, Outcome, Subscriber
from embodied_mem.runtime.agent import Agent
from embodied_mem.runtime.episode import run_episode
from embodied_mem.types import PASS


def run_tasks(
    backend: Backend,
    agent: Agent,
    goals: Sequence[Goal],
    *,
    keep_memory: bool,
    max_steps: int = 1000,
    subscribers: Sequence[Subscriber] = (),
    between: Callable[[int], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Run one episode for each goal; yield each outcome as it comes.

    The backend is reset before the first; each later one goes on from where the last one ended,
    after a `Pass` that shows what the world looks like now.

    Args:
        backend: Where actions happen.
        agent: Who acts, with the memory that is kept or cleared.
        goals: The tasks, in order.
        keep_memory: Whether memory lasts from task to task; it is cleared before each later one
            otherwise. The first task starts with the memory as it is.
        max_steps: Most actions for one task.
        subscribers: Told of every episode.
        between: Called before each later task with its number, from 1: an outside hand may change
            the world here.
    """
    step = backend.reset()
    for number, goal in enumerate(goals):
        if number > 0:
            if not keep_memory:
                agent.memory.clear()
            between(number)
            step = backend.step(PASS)
        yield run_episode(
            backend, agent, goal=goal, max_steps=max_steps, subscribers=subscribers, start=step
        )
