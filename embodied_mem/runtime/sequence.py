"""Several tasks one after another, in one world that goes on."""

from collections.abc import Callable, Iterator, Sequence

from embodied_mem.goals import Goal
from embodied_mem.interfaces import Backend, Outcome, Subscriber
from embodied_mem.runtime.agent import Agent
from embodied_mem.runtime.episode import run_episode
from embodied_mem.types import PASS


def run_tasks(
    backend: Backend,
    agent_for: Callable[[int], Agent],
    goals: Sequence[Goal],
    *,
    max_steps: int = 1000,
    subscribers: Sequence[Subscriber] = (),
    between: Callable[[int], None] = lambda _: None,
) -> Iterator[Outcome]:
    """Run one episode for each goal; yield each outcome as it comes.

    The backend is reset before the first; each later one goes on from where the last one ended,
    after a `Pass` that shows what the world looks like now.

    Args:
        backend: Where actions happen.
        agent_for: Called with the number of each task for the agent that does it: the same one to
            keep its memory, a new one to begin with nothing.
        goals: The tasks, in order.
        max_steps: Most actions for one task.
        subscribers: Told of every episode.
        between: Called before each later task with its number, from 1: an outside hand may change
            the world here.
    """
    step = backend.reset()
    for number, goal in enumerate(goals):
        if number > 0:
            between(number)
            step = backend.step(PASS)
        agent = agent_for(number)
        yield run_episode(
            backend, agent, goal=goal, max_steps=max_steps, subscribers=subscribers, start=step
        )
