"""Messages of several topics that belong together, by their stamps."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from ros_nodes.drops import Drops, Reason
from ros_nodes.tf_buffer import BACK


class TimeSync:
    """Joins one message of each topic whose stamps lie within a slop of each other.

    The first topic leads: each of its messages is joined with the nearest one of every other topic
    once no nearer one can come, which is when each of those has a message that is not older, or one
    that is within the slop. Queues are bounded; a leader that is pushed out, or overtaken, is
    counted. When the clock jumps back, what waits from before the jump is dropped.
    """

    def __init__(self, topics: Sequence[str], drops: Drops, *, slop: int, capacity: int):
        """Start empty.

        Args:
            topics: Names; the first leads.
            drops: Where what finds no companions is counted.
            slop: Most that stamps of one set may differ [ns].
            capacity: Most messages that wait per topic.
        """
        self.topics = tuple(topics)
        self.slop = slop
        self._drops = drops
        self._capacity = capacity
        self._queues: dict[str, deque[tuple[int, Any]]] = {name: deque() for name in topics}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def add(self, topic: str, stamp: int, message: Any) -> list[tuple[int, tuple[Any, ...]]]:
        """Take in a message and return the sets that are complete now, in order of time.

        Args:
            topic: Its topic.
            stamp: Its stamp [ns].
            message: The message.

        Returns:
            For each set the leader's stamp [ns], and a message of each topic in their order.
        """
        queue = self._queues[topic]
        if not queue or stamp > queue[-1][0]:
            queue.append((stamp, message))
        else:  # Late, as best effort allows: keep the queue in order.
            self._insert(queue, stamp, message)
        if len(queue) > self._capacity:
            dropped, _ = queue.popleft()
            if topic == self.topics[0]:
                self._drops.add(Reason.OUT_OF_SYNC, f"{topic} at {dropped} ns found no companions")
        return self._complete()

    def jump_back(self, stamp: int) -> int:
        """Drop what is later than the clock, which went back to `stamp` [ns]; count the leaders."""
        leaders = len(self._queues[self.topics[0]])
        for name, queue in self._queues.items():
            self._queues[name] = deque(item for item in queue if item[0] <= stamp + BACK)
        return leaders - len(self._queues[self.topics[0]])

    def clear(self) -> int:
        """Drop what waits; count the leaders."""
        leaders = len(self._queues[self.topics[0]])
        for queue in self._queues.values():
            queue.clear()
        return leaders

    @staticmethod
    def _insert(queue: deque[tuple[int, Any]], stamp: int, message: Any) -> None:
        place = sum(1 for other, _ in queue if other <= stamp)
        queue.insert(place, (stamp, message))

    def _complete(self) -> list[tuple[int, tuple[Any, ...]]]:
        done: list[tuple[int, tuple[Any, ...]]] = []
        leaders = self._queues[self.topics[0]]
        while leaders:
            stamp, leader = leaders[0]
            found = [self._companion(name, stamp) for name in self.topics[1:]]
            if any(item is _WAIT for item in found):
                break
            leaders.popleft()
            if any(item is None for item in found):
                self._drops.add(Reason.OUT_OF_SYNC, f"{self.topics[0]} at {stamp} ns")
                continue
            done.append((stamp, (leader, *found)))
            self._forget_before(stamp)
        return done

    def _companion(self, topic: str, stamp: int) -> Any:
        """Return the nearest message within the slop, None if there is none, or `_WAIT`."""
        queue = self._queues[topic]
        if not queue:
            return _WAIT
        nearest, message = min(queue, key=lambda item: abs(item[0] - stamp))
        if nearest != stamp and queue[-1][0] < stamp:
            return _WAIT  # A nearer one may still come.
        return message if abs(nearest - stamp) <= self.slop else None

    def _forget_before(self, stamp: int) -> None:
        for name in self.topics[1:]:
            queue = self._queues[name]
            while queue and queue[0][0] <= stamp:
                queue.popleft()


_WAIT = object()
